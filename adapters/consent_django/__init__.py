"""Django app: the site's cookie policy, kept on every response, sync and async.

``INSTALLED_APPS += ["consent_django"]``, ``"consent_django.ConsentMiddleware"`` first in ``MIDDLEWARE``, and
``CONSENT = {"POLICY": BASE_DIR / "consent.toml"}``. ``request.consent`` is then the Decision about the visitor.
"""

from __future__ import annotations

from .middleware import ConsentMiddleware
from .views import requires_consent

__all__ = ["ConsentMiddleware", "requires_consent"]
