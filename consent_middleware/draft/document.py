"""Writes a proposal as a policy file: for a reader who sees such a file for the first time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from ..loader import Id
from ..policy import Service
from . import toml
from .facts import shown_text
from .proposal import NECESSARY, Found, Proposal, ProposedCategory, ProposedCookie, ProposedService
from .toml import quoted, setting

MARK = "QUESTION"
"""What stands beside every question, so that all of them can be found."""

_SENTENCES = 4

_WORDS = {
    "security": {
        "label": {"en": "Security", "fr": "Sécurité"},
        "description": {
            "en": "Tell people from programs, to keep abuse away.",
            "fr": "Distinguent les personnes des programmes, contre les abus.",
        },
    },
    "monitoring": {
        "label": {"en": "Error reports", "fr": "Rapports d’erreurs"},
        "description": {
            "en": "Tell us when a page fails or is slow.",
            "fr": "Nous signalent les pages en panne ou lentes.",
        },
    },
}
"""What visitors read about categories that have no built-in words."""

_ABOUT = {
    NECESSARY: "Always on and never asked about: what the site cannot work without, or what the visitor asked for.",
    "functional": "Comfort that visitors did not ask for, such as preferences kept for the next visit.",
    "analytics": "Audience measurement. Some tools, set up in a narrow way, may do without consent (in France on the "
    "CNIL's conditions); one of those goes into a category of its own that says exempt = true.",
    "marketing": "Advertising and its measurement. With gpc = true, a browser that sends Sec-GPC: 1 has refused it.",
    "chat": 'With on_request = true it is no part of "accept all" and loads when a visitor asks for it.',
    "security": "Protection against abuse. Make it required = true only if you are sure that it is strictly necessary: "
    "a captcha that also serves its maker's own purposes is not.",
    "monitoring": "Reports of errors and of slow pages, mostly with an identifier of the visitor.",
}


def written(
    proposal: Proposal, today: date, *, name: str = "consent.toml", controller: str = "", contact: str = ""
) -> str:
    """Return the text of a policy file that will be called ``name``. The same proposal gives the same text on a day.

    ``controller`` and ``contact`` are questions where they are ``""``.
    """
    parts = [
        _heading(proposal, today, name),
        _settings(proposal, today, controller, contact),
        _banner(),
        _pages(proposal),
        *(_category(category, proposal) for category in proposal.categories),
        *_section(
            "Cookies of the site's own",
            "What has been seen, or is in the settings, beyond the cookies of the services above. A lifetime is the "
            "longest that a cookie may be kept; without one, only cookie_lifetime counts. What visitors read in the "
            'table of cookies is its purpose: purpose = { en = "Remembers the colour theme" }.',
            [_cookie(cookie, proposal) for cookie in proposal.cookies],
        ),
        *_section(
            "Third parties that are in no catalogue",
            'If one is your own, write it under own_hosts in [html] and drop it here. "scripts" has hosts, each with '
            "its sub-domains, or a host and the beginning of a path.",
            [_service(service, proposal) for service in proposal.services],
        ),
        *_leftovers(proposal),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


Lines = Iterable[str]


def _heading(proposal: Proposal, today: date, name: str) -> Lines:
    site = f" of {shown_text(proposal.site)}" if proposal.site else ""
    yield from toml.comment(f"The cookie policy{site}, as the consent middleware is to enforce it.")
    yield "#"
    yield from toml.comment(f'Drafted by "consent init" on {today.isoformat()}, from')
    yield from (line for source in proposal.sources for line in toml.comment(f"  - {source}"))
    yield from toml.comment(
        "It is yours now. What only you can know is a question: put the answer in the place of its question mark."
    )
    yield from toml.comment(f"  grep {MARK} {name}     shows the questions")
    yield from toml.comment(f"  consent check {name}     complains ({Id.QUESTION.id}) until none is left")
    if proposal.remarks:
        yield "#"
        yield from toml.comment("Not seen:")
        yield from (line for remark in proposal.remarks for line in toml.comment(f"  - {remark}"))


def _settings(proposal: Proposal, today: date, controller: str, contact: str) -> Lines:
    yield "[policy]"
    yield from toml.comment("A label, shown to visitors and kept with every choice. A day is easy to compare.")
    yield setting("version", quoted(today.isoformat()))
    yield ""
    yield from toml.comment("Who answers for the site, and where people can write about their data.")
    yield (
        setting("controller", quoted(controller))
        if controller
        else _question("controller", "who answers for the site? The name of the company, association or person")
    )
    settings_say = f" The settings have {shown_text(proposal.contact)}" if proposal.contact else ""
    yield (
        setting("contact", quoted(contact))
        if contact
        else _question("contact", f"where can visitors write about their data?{settings_say}")
    )
    yield ""
    yield from toml.comment(
        '"report" changes nothing and reports everything that "enforce" would do. Switch when you like the report.'
    )
    yield setting("mode", quoted("report"))
    yield ""
    yield from toml.comment(
        "How long an answer counts, yes or no, before the visitor is asked again (the CNIL recommends six months), and "
        "what no cookie outlives, whatever the code that sets it asks for."
    )
    yield setting("consent_lifetime", quoted("6 months"))
    yield setting("cookie_lifetime", quoted("13 months"))
    yield ""
    yield from toml.comment('Cookies that nobody wrote down here: "withhold", "report" (they pass), or "allow".')
    yield setting("undeclared_cookies", quoted("withhold"))
    if proposal.language:
        yield ""
        yield from toml.comment("For visitors who understand none of the languages there are; from the settings.")
        yield setting("default_language", quoted(proposal.language))
    if proposal.tools:
        yield ""
        yield from toml.comment("The consent tool that was there before: its word counts until visitors choose anew.")
        yield setting("reads", _list(proposal.tools))


def _banner() -> Lines:
    yield "[banner]"
    yield from toml.comment("Asks visitors who have not chosen yet. false: the site asks in a way of its own.")
    yield setting("show", "true")


def _pages(proposal: Proposal) -> Lines:
    yield "[html]"
    yield from toml.comment(
        'Hosts in pages that nobody wrote down here: "allow", "report" (they load, and the log names them), or '
        '"withhold".'
    )
    yield setting("third_party_hosts", quoted("report"))
    if proposal.own_hosts:
        yield ""
        yield from toml.comment("Hosts that are no third parties. These are sub-domains of the site; check them.")
        yield from _entries("own_hosts", ((host.name, host.evidence) for host in proposal.own_hosts))


def _category(category: ProposedCategory, proposal: Proposal) -> Lines:
    if category is proposal.categories[0]:
        yield from _rule("Categories")
        yield from toml.comment(
            "A category is a purpose that visitors accept or refuse as one. Services are ids of the built-in catalogue "
            '("consent catalogue" lists it), which knows the cookies and scripts of each.'
        )
        yield ""
    yield f"[categories.{category.name}]"
    yield from toml.comment(_ABOUT.get(category.name, ""))
    yield from _standing(category)
    if category.is_empty and category.name != NECESSARY:
        yield from toml.comment("Empty so far. If no question below is answered with it, remove it.")
    if category.services:
        yield from _entries("services", ((service.id, _about(service, told)) for service, told in category.services))


def _standing(category: ProposedCategory) -> Lines:
    match category.name:
        case "necessary":
            yield setting("required", "true")
        case "marketing":
            yield setting("gpc", "true")
        case "chat":
            yield setting("on_request", "true")
        case name:
            for key, texts in _WORDS.get(name, {}).items():
                yield setting(key, toml.inline_texts(texts.items()))


def _cookie(cookie: ProposedCookie, proposal: Proposal) -> Lines:
    yield "[[cookies]]"
    yield from _evidence(cookie.evidence)
    yield from toml.comment(cookie.reason)
    if cookie.asked is not None:
        yield from toml.comment(f"It asks for {shown_text(str(cookie.asked))}, which cookie_lifetime cuts short.")
    yield from (line for advice in cookie.advice for line in toml.comment(advice))
    yield from (line for hint in cookie.hints for line in toml.comment(hint))
    yield setting("name", quoted(cookie.name))
    yield _category_line(cookie.category, proposal)
    if cookie.lifetime is not None:
        yield setting("lifetime", quoted(str(cookie.lifetime)))
    if cookie.domain:
        yield setting("domain", quoted(f".{cookie.domain}"))
    if cookie.path != "/":
        yield setting("path", quoted(cookie.path))


def _service(service: ProposedService, proposal: Proposal) -> Lines:
    yield "[[services]]"
    yield from _evidence(service.evidence)
    yield setting("id", quoted(service.id))
    yield setting("name", quoted(service.host))
    yield _question("provider", "who runs it? Visitors are told")
    yield _category_line(service.category, proposal)
    yield setting("scripts", _list([service.host]))


def _leftovers(proposal: Proposal) -> Iterator[Lines]:
    if proposal.undeclarable:
        yield [
            *_rule("What no rule can name"),
            *(line for found in proposal.undeclarable for line in _remark(found)),
        ]
    if proposal.storage:
        yield [
            *_rule("Web storage"),
            *toml.comment(
                "Keys of localStorage and sessionStorage that scripts write, and that the catalogue does not know. The "
                "law treats them like cookies. Name those of a third party, or of a tool of your own, under its "
                '[[services]]: storage = ["key", "prefix_*"].'
            ),
            *(line for key in proposal.storage for line in toml.comment(f"  - {key}")),
        ]


def _remark(found: Found) -> Lines:
    return toml.comment(f"  - {found.name or '(nameless)'}: {' '.join(found.evidence[:1])}")


def _section(title: str, about: str, entries: list[Lines]) -> Iterator[Lines]:
    if entries:
        yield [*_rule(title), *toml.comment(about)]
        yield from entries


def _rule(title: str) -> Lines:
    yield f"# --- {title} ".ljust(toml.WIDTH, "-")
    yield "#"


def _category_line(category: str, proposal: Proposal) -> str:
    if category:
        return setting("category", quoted(category))
    *others, last = (each.name for each in proposal.categories)
    return _question("category", f"what is it for? {', '.join(others)} or {last}")


def _question(key: str, asked: str) -> str:
    return setting(key, quoted("?"), f"{MARK}: {asked}")


def _evidence(sentences: tuple[str, ...]) -> Lines:
    for sentence in sentences[:_SENTENCES]:
        yield from toml.comment(sentence)
    if (rest := len(sentences) - _SENTENCES) > 0:
        yield from toml.comment(f"And {rest} more like it.")


def _about(service: Service, told: tuple[str, ...]) -> tuple[str, ...]:
    first, *others = told
    return (f"{service.name} ({service.provider}). {first}", *others)


def _entries(key: str, entries: Iterable[tuple[str, tuple[str, ...]]]) -> Lines:
    """A list of texts, each with what is known of it above."""
    yield f"{key} = ["
    for text, evidence in entries:
        yield from (f"    {line}" for line in _evidence(evidence))
        yield f"    {quoted(text)},"
    yield "]"


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(map(quoted, texts)) + "]"
