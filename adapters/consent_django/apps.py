"""The app config: registers the system checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register


class ConsentConfig(AppConfig):
    """``consent_django`` in INSTALLED_APPS."""

    name = "consent_django"
    label = "consent"
    verbose_name = "Consent"

    def ready(self) -> None:
        from .checks import check_settings

        register(check_settings, "consent")
