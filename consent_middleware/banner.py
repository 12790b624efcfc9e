"""The banner, and the way back to the settings: plain HTML whose every button is a submit button of a form.

Both live in declarative shadow roots, so that neither a site's style reset nor ours leaks. A browser too old for that
shows a link to the settings, where the same can be chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from .decision import Standing
from .messages import MESSAGES, description_of, is_right_to_left, label_of, lifetime_in
from .policy import Category, Policy


@dataclass(frozen=True, slots=True)
class Addresses:
    """Our own addresses as one site's pages name them, all of them escaped.

    ``next`` is where a choice leads back to and ``from_here`` the query that says so; ``tag`` are attributes that
    every tag of ours bears, the nonce if there is one.
    """

    choice: str
    settings: str
    policy: str
    style: str
    next: str
    from_here: str
    tag: str = ""


def banner(policy: Policy, standing: Standing, language: str, to: Addresses) -> str:
    """Return the question as it stands in a page."""
    words = MESSAGES[language]
    controller = escape(policy.controller)
    lead = words["banner-lead"] if controller else words["banner-lead-anonymous"]
    settings = f'<a href="{to.settings}{to.from_here}">{escape(words["banner-settings"])}</a>'
    kept = escape(words["banner-kept"]).format(
        lifetime=escape(lifetime_in(str(policy.consent_lifetime), language)), settings=settings
    )
    purposes = "".join(_purposes(policy, standing, language))
    return _hosted(
        "data-consent-banner",
        language,
        to,
        f'<section class="ask {policy.banner.position}" aria-labelledby="title">'
        f'<div class="words"><h2 id="title">{escape(words["banner-title"])}</h2>'
        f"<p>{escape(lead).format(controller=controller)}</p><ul>{purposes}</ul>"
        f'<p>{kept} <a href="{to.policy}">{escape(words["policy"])}</a></p></div>'
        f'<div class="actions"><form method="post" action="{to.choice}">'
        f'<input type="hidden" name="next" value="{to.next}">'
        f'<input type="hidden" name="fingerprint" value="{policy.fingerprint}">'
        f'<button name="action" value="accept-all">{escape(words["accept-all"])}</button>'
        f'<button name="action" value="reject-all">{escape(words["reject-all"])}</button></form>'
        f'<form action="{to.settings}"><input type="hidden" name="next" value="{to.next}">'
        f"<button>{escape(words['customise'])}</button></form></div></section>",
    )


def way_back(policy: Policy, language: str, to: Addresses, *, is_hidden: bool) -> str:
    """Return the discreet link to the settings; hidden while the banner, which has one itself, is there."""
    words = MESSAGES[language]
    link = f'<a class="back {policy.banner.link}" href="{to.settings}{to.from_here}">{escape(words["title"])}</a>'
    return _hosted("data-consent-manage" + (" hidden" if is_hidden else ""), language, to, link)


def _hosted(attributes: str, language: str, to: Addresses, markup: str) -> str:
    direction = "rtl" if is_right_to_left(language) else "ltr"
    return (
        f'<div {attributes} lang="{language}" dir="{direction}"><template shadowrootmode="open">'
        f'<link rel="stylesheet" href="{to.style}"{to.tag}>{markup}</template>'
        f'<a href="{to.settings}">{escape(MESSAGES[language]["title"])}</a></div>'
    )


def _purposes(policy: Policy, standing: Standing, language: str) -> Iterator[str]:
    words, statuses = MESSAGES[language], dict(standing.statuses)
    for category in policy.categories.values():
        if not category.required:
            notes = " ".join(_notes(category, statuses[category.name], words["on-request"], words["exempt"]))
            signal = words["signal"] if category.gpc and standing.gpc else ""
            told = " ".join(filter(None, (description_of(category, language), notes, signal)))
            yield f"<li><strong>{escape(label_of(category, language))}</strong> {escape(told)}</li>"


def _notes(category: Category, status: str, on_request: str, exempt: str) -> Iterator[str]:
    if category.on_request:
        yield on_request
    if category.exempt and status == "unset":
        yield exempt
