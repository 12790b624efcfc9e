"""The pages of our own, plain HTML that works without JavaScript; all text in them is escaped here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from .decision import Decision
from .messages import MESSAGES, date_in, description_of, is_right_to_left, label_of, lifetime_in
from .policy import Category, Policy

PAGE_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    # Framing would let another site dress up our buttons; nothing else is needed by a page of forms.
    (
        "Content-Security-Policy",
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; style-src 'self'",
    ),
    ("Referrer-Policy", "same-origin"),
)


def settings_page(
    policy: Policy,
    decision: Decision,
    language: str,
    *,
    choice_url: str,
    style_url: str,
    next_path: str,
    home_path: str,
    once: str = "",
) -> bytes:
    """The form on which a visitor sees every category and chooses, or changes the choice.

    ``once`` marks this very form, so that two clicks on it are one choice of one visitor.
    """
    words = MESSAGES[language]
    fields = "\n".join(_category_field(policy, category, decision, language) for category in policy.categories.values())
    kept = words["kept"].format(lifetime=lifetime_in(str(policy.consent_lifetime), language))
    buttons = "\n".join(
        f'<button name="action" value="{action}">{escape(words[action])}</button>'
        for action in ("accept-all", "reject-all", "save")
    )
    withdraw = ""
    if any(choice.granted for choice in decision.choices.values()):
        withdraw = f'<p><button name="action" value="withdraw">{escape(words["withdraw"])}</button></p>'
    return own_page(
        language,
        words["title"],
        f"""<p>{escape(words["intro"])} {escape(kept)}</p>
<p role="status">{escape(_standing(decision, language))}</p>
<form method="post" action="{escape(choice_url)}">
<input type="hidden" name="next" value="{escape(next_path)}">
<input type="hidden" name="fingerprint" value="{policy.fingerprint}">
<input type="hidden" name="once" value="{once}">
{fields}
<div class="actions">
{buttons}
</div>
{withdraw}
</form>
{_onward(home_path, words["back"])}
{_imprint(policy, language)}""",
        style_url=style_url,
    )


def notice_page(language: str, message: str, *, style_url: str, link: str, link_text: str) -> bytes:
    """A short page that says one thing and leads on."""
    words = MESSAGES[language]
    onward = _onward(link, words[link_text])
    main = f'<p role="status">{escape(words[message])}</p>\n{onward}'
    return own_page(language, words["title"], main, style_url=style_url)


def _onward(path: str, text: str) -> str:
    return f'<p><a href="{escape(path)}">{escape(text)}</a></p>'


def own_page(language: str, title: str, main: str, *, style_url: str) -> bytes:
    """Return a whole page of our own; ``main`` is markup."""
    direction = "rtl" if is_right_to_left(language) else "ltr"
    return f"""<!doctype html>
<html lang="{language}" dir="{direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(title)}</title>
<link rel="stylesheet" href="{escape(style_url)}">
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{main}
</main>
</body>
</html>
""".encode()


def _category_field(policy: Policy, category: Category, decision: Decision, language: str) -> str:
    words = MESSAGES[language]
    label = escape(label_of(category, language))
    description = escape(description_of(category, language))
    ticked = " checked" if decision.permits(category.name) else ""
    fixed = " disabled" if category.required else ""  # what is disabled is not sent either
    switch = f'<input type="checkbox" name="category" value="{escape(category.name)}"{ticked}{fixed}>'
    lines = [description, *_standing_notes(category, decision, words), *_contents(policy, category, words)]
    paragraphs = "\n".join(f"<p>{line}</p>" for line in lines if line)
    return f"<fieldset>\n<legend><label>{switch} {label}</label></legend>\n{paragraphs}\n</fieldset>"


def _standing_notes(category: Category, decision: Decision, words: Mapping[str, str]) -> Iterator[str]:
    if category.required:
        yield escape(words["necessary"])
    if category.on_request:
        yield escape(words["on-request"])
    if category.exempt:
        yield escape(words["exempt"])
    if category.gpc and decision.gpc and category.name not in decision.choices:
        yield escape(words["signal"])


def _contents(policy: Policy, category: Category, words: Mapping[str, str]) -> Iterator[str]:
    services = [service for service in policy.services if service.category == category.name]
    if services:
        named = ", ".join(escape(f"{s.name} ({s.provider})" if s.provider else s.name) for s in services)
        yield f'<span class="details">{escape(words["services"])} {named}</span>'
    cookies = sorted({rule.name for rule in policy.rules if rule.category == category.name})
    if cookies:
        yield f'<span class="details">{escape(words["cookies"])} {escape(", ".join(cookies))}</span>'


def _standing(decision: Decision, language: str) -> str:
    decided, expires = decision.decided_at, decision.expires_at
    if decided is None or expires is None:
        return MESSAGES[language]["undecided"]
    words = MESSAGES[language]["decided"]
    return words.format(decided=date_in(decided, language), expires=date_in(expires, language))


def _imprint(policy: Policy, language: str) -> str:
    words = MESSAGES[language]
    lines = [policy.controller]
    if policy.contact:
        lines.append(f"{words['contact']} {policy.contact}")
    if policy.version:
        lines.append(f"{words['version']} {policy.version}")
    return "\n".join(f'<p class="details">{escape(line)}</p>' for line in lines if line)
