"""``{% load consent %}``: the visitor's decision in Django templates."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from ..middleware import DjangoRequest

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


@register.simple_tag(takes_context=True)
def consent_policy_url(context: template.Context) -> str:
    """``<a href="{% consent_policy_url %}">``: where the visitor can read the cookie policy."""
    return str(context["request"].consent.policy_url)


@register.simple_tag(takes_context=True)
def consent_policy(context: template.Context, language: str = "") -> SafeString:
    """``{% consent_policy %}``: the cookie policy, to stand in a page of the site.

    In the language given, else in the one that Django has active, if the policy has it. It has no title of its own;
    its headings begin at level 2.
    """
    request = context["request"]
    told: str = request.consent.reader.policy_fragment(DjangoRequest(request), language or get_language() or "")
    return SafeString(told)  # escaped where it is made
