"""The banner, and the way back to the settings: plain HTML whose every button is a submit button of a form.

Both live in declarative shadow roots, so that neither a site's style reset nor ours leaks. A browser too old for that
shows a link to the settings, where the same can be chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from .decision import Standing
from .messages import description_of, is_right_to_left, label_of, lifetime_in
from .policy import Category, Policy

_ICON = (  # two sliders
    '<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" fill="none" stroke="currentColor" '
    'stroke-width="1.75" stroke-linecap="round"><path d="M2 6h5m6 0h5M2 14h9m6 0h1"/>'
    '<circle cx="10" cy="6" r="2.6"/><circle cx="14" cy="14" r="2.6"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Our own addresses as one site's pages name them, all of them escaped.

    ``next`` is where a choice leads back to and ``from_here`` the query that says so; ``tag`` are attributes that
    every tag of ours bears, the nonce if there is one. ``once`` marks the form of this very page.
    """

    choice: str
    settings: str
    policy: str
    style: str
    next: str
    from_here: str
    tag: str = ""
    once: str = ""


def banner(policy: Policy, standing: Standing, language: str, to: Addresses, *, is_hidden: bool = False) -> str:
    """Return the question as it stands in a page, hidden where only a script can tell whether it is to be asked."""
    words = policy.words(language)
    controller = escape(policy.controller)
    lead = words["banner-lead"] if controller else words["banner-lead-anonymous"]
    settings = f'<a href="{to.settings}{to.from_here}">{escape(words["banner-settings"])}</a>'
    kept = escape(words["banner-kept"]).format(
        lifetime=escape(lifetime_in(str(policy.consent_lifetime), language)), settings=settings
    )
    purposes = "".join(_purposes(policy, standing, language))
    return _hosted(
        "data-consent-banner" + (" hidden" if is_hidden else ""),
        language,
        to,
        # Where its text has to be scrolled, keyboards can do it too.
        f'<section class="cm-ask {policy.banner.position}" aria-labelledby="title" tabindex="0">'
        '<div class="cm-page">'
        f'<div><h2 id="title">{escape(words["banner-title"])}</h2>'
        f"<p>{escape(lead).format(controller=controller)}</p><ul>{purposes}</ul></div>"
        f'<div class="cm-foot"><p class="cm-small">{kept} <a href="{to.policy}">{escape(words["policy"])}</a></p>'
        f'<div class="cm-actions"><form method="post" action="{to.choice}">'
        f'<input type="hidden" name="next" value="{to.next}">'
        f'<input type="hidden" name="fingerprint" value="{policy.fingerprint}">'
        f'<input type="hidden" name="once" value="{to.once}">'
        f'<button name="action" value="accept-all">{escape(words["accept-all"])}</button>'
        f'<button name="action" value="reject-all">{escape(words["reject-all"])}</button></form>'
        f'<form action="{to.settings}"><input type="hidden" name="next" value="{to.next}">'
        f'<input type="hidden" name="language" value="{language}">'
        f"<button>{escape(words['customise'])}</button></form></div></div></div></section>",
        # In the page itself it only makes room, so that what has the focus never ends up behind the banner.
        f'<link rel="stylesheet" href="{to.style}"{to.tag}>' + _plain_link(policy, language, to),
    )


def way_back(policy: Policy, language: str, to: Addresses) -> str:
    """Return the discreet link to the settings, and the place where scripts say that a choice was saved.

    While the banner is there, which has a link itself, this one is not shown; with ``link = "off"`` there is none.
    """
    status = '<p role="status" class="cm-said"></p>'
    if policy.banner.link == "off":
        return _hosted("data-consent-manage", language, to, status, "")
    title = escape(policy.words(language)["title"])
    link = f'<a class="cm-back {policy.banner.link}" href="{to.settings}{to.from_here}">{_ICON}<span>{title}</span></a>'
    return _hosted("data-consent-manage", language, to, link + status, _plain_link(policy, language, to))


def _hosted(attributes: str, language: str, to: Addresses, markup: str, otherwise: str) -> str:
    """Return ``markup`` in a shadow root, and ``otherwise`` for browsers that know none."""
    direction = "rtl" if is_right_to_left(language) else "ltr"
    return (
        f'<div {attributes} lang="{language}" dir="{direction}"><template shadowrootmode="open">'
        f'<link rel="stylesheet" href="{to.style}"{to.tag}>{markup}</template>{otherwise}</div>'
    )


def _plain_link(policy: Policy, language: str, to: Addresses) -> str:
    return f'<a href="{to.settings}{to.from_here}">{escape(policy.words(language)["title"])}</a>'


def _purposes(policy: Policy, standing: Standing, language: str) -> Iterator[str]:
    """A line for each purpose, first those that the buttons are about."""
    choosable = [category for category in policy.categories.values() if not category.required]
    for category in sorted(choosable, key=lambda category: not category.is_asked):
        label = escape(label_of(category, language, policy.default_language))
        told = escape(" ".join(filter(None, _told(policy, category, standing, language))))
        yield f"<li><strong>{label}</strong> {told}</li>"


def _told(policy: Policy, category: Category, standing: Standing, language: str) -> Iterator[str]:
    words = policy.words(language)
    yield description_of(category, language, policy.default_language)
    if category.on_request:
        yield words["on-request"]
    if category.exempt:
        yield words["exempt"]
    if category.gpc and standing.gpc:
        yield words["signal"]
