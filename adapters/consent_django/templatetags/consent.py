"""``{% load consent %}``: the visitor's decision in Django templates."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.filter
def allows(subject: Any, category: str) -> bool:
    """``{% if request|allows:"analytics" %}``, for a request or its ``consent``."""
    decision = getattr(subject, "consent", subject)
    return bool(decision.allows(category))


@register.simple_tag(takes_context=True)
def consent_settings_url(context: template.Context) -> str:
    """``<a href="{% consent_settings_url %}">``: where the visitor can change the choice at any time."""
    return str(context["request"].consent.settings_url)
