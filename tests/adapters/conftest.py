"""Models of Django's can only be imported once it is configured, so that comes before every module here."""

from __future__ import annotations

from support.doors import configure_django

configure_django()
