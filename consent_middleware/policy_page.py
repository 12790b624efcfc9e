"""The cookie policy as visitors read it, made from the policy that is enforced.

It promises nothing that is not: in report mode nothing is said to be withheld, cookies in the jars of others are said
to be out of reach, and a lifetime is the one after the cap. What a visitor must be told follows the CNIL's
recommendation of 17 September 2020 (2020-092) and article 13 of the GDPR: who answers for the site, purposes, third
parties, lifetimes, how to refuse and to withdraw.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from importlib.resources import files
from urllib.parse import urlsplit

from .lifetime import Lifetime
from .messages import day_in, description_of, is_right_to_left, label_of, lifetime_in, own_text_in, text_in
from .own_cookies import choice_lifetime, choice_name, first_name, hint_name
from .policy import Category, CookieRule, KnownCookie, Policy, Service, Texts
from .prose import (
    Action,
    Block,
    Code,
    Heading,
    Line,
    Link,
    Listing,
    Name,
    Paragraph,
    Table,
    html_of,
    markdown_of,
)

_STYLE = files("consent_middleware").joinpath("web", "policy.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

PAGE_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    (
        "Content-Security-Policy",
        f"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; style-src 'sha256-{_HASH}'",
    ),
    ("Referrer-Policy", "same-origin"),
)
"""What goes with ``page``: nothing but its own style is needed."""

# One policy in every language, at a few addresses.
_REMEMBERED = 128
_TABLES_REMEMBERED = 512

_BROWSERS = (
    Link("Chrome", "https://support.google.com/chrome/answer/95647"),
    Link(
        "Edge",
        "https://support.microsoft.com/microsoft-edge/"
        "delete-cookies-in-microsoft-edge-63947406-40ac-c3b8-57b9-2a946a29ae09",
    ),
    Link("Firefox", "https://support.mozilla.org/kb/clear-cookies-and-site-data-firefox"),
    Link("Safari", "https://support.apple.com/guide/safari/manage-cookies-sfri11471/mac"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the policy is read: in which language, how the settings are reached, and over which scheme."""

    language: str
    settings_url: str
    scheme: str = "https"


def policy_url(policy: Policy, here: str, language: str) -> str:
    """Return where the policy is read in a language: the page that the site names, else ours below ``here``."""
    return text_in(policy.policy_url, language, policy.default_language) or f"{here}/policy?language={language}"


class CookiePolicy:
    """One site's cookie policy, in every language; ``known`` are cookies of frameworks, declared in it or not."""

    def __init__(self, policy: Policy, known: Iterable[KnownCookie] = ()) -> None:
        self._policy = policy
        self._known = tuple(known)
        self._html = lru_cache(_REMEMBERED)(self._told_in_html)
        self._table = lru_cache(_TABLES_REMEMBERED)(self._table_in_html)

    def title(self, language: str) -> str:
        return self._policy.words(language)["policy"]

    def html(self, place: Place) -> str:
        """Return the policy without its title, as a part of a page; its sections have headings of level 2."""
        return self._html(place)

    def page(self, place: Place, home: str = "") -> str:
        """Return a whole page that needs nothing else; ``home`` is where it leads back to."""
        words = self._policy.words(place.language)
        title = escape(self.title(place.language))
        direction = "rtl" if is_right_to_left(place.language) else "ltr"
        back = f'<p><a href="{escape(home)}">{escape(words["back"])}</a></p>\n' if home else ""
        return f"""<!doctype html>
<html lang="{place.language}" dir="{direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{self.html(place)}
{back}</main>
</body>
</html>
"""

    def table(self, place: Place, category: Category) -> str:
        """Return the table of what one category keeps, "" if it keeps nothing."""
        return self._table(place, category.name)

    def markdown(self, place: Place) -> str:
        """Return the policy in Markdown, its title included."""
        title = escape(self.title(place.language), quote=False)
        return f"# {title}\n\n{markdown_of(_Telling(self._policy, self._known, place).blocks())}"

    def _table_in_html(self, place: Place, category: str) -> str:
        return html_of(_Telling(self._policy, self._known, place).table(self._policy.categories[category]))

    def _told_in_html(self, place: Place) -> str:
        direction = "rtl" if is_right_to_left(place.language) else "ltr"
        text = html_of(_Telling(self._policy, self._known, place).blocks())
        return f'<div class="cm-policy" lang="{place.language}" dir="{direction}">\n{text}\n</div>'


class _Telling:
    """One policy told in one language."""

    def __init__(self, policy: Policy, known: tuple[KnownCookie, ...], place: Place) -> None:
        declared = {rule.name for rule in policy.rules}
        self._policy = policy
        self._known = tuple(cookie for cookie in known if cookie.name not in declared)
        self._purposes = {cookie.name: cookie.purpose for cookie in known}
        self._place = place
        self._language = place.language
        self._words = policy.words(place.language)
        self._enforces = policy.mode == "enforce"

    def blocks(self) -> Iterator[Block]:
        yield from self._edition()
        yield self._says("policy-intro")
        yield self._says("policy-what")
        yield from self._choice()
        yield from self._uses()
        yield from self._others()
        yield from self._lifetimes()
        yield from self._browser()
        yield from self._contact()

    def _edition(self) -> Iterator[Block]:
        policy, words = self._policy, self._words
        line: Line = ()
        if policy.version:
            line = (f"{words['version']} ", Name(policy.version))
        if policy.date:
            told = f"{words['policy-date']} {day_in(policy.date, self._language)}"
            line = (*line, f" · {told}") if line else (told,)
        if line:
            yield Paragraph(line)

    def _choice(self) -> Iterator[Block]:
        yield self._heading("banner-title")
        if self._enforces:
            yield self._says("policy-withheld")
        yield self._says("policy-kept", lifetime=self._span(self._policy.consent_lifetime))
        yield self._says("policy-withdraw")
        if self._enforces:
            yield self._says("policy-erased")
        if refused := [self._label(category) for category in self._policy.categories.values() if category.gpc]:
            yield self._says("policy-signal", categories=", ".join(refused))
        yield Action(Link(self._words["title"], self._place.settings_url))

    def _uses(self) -> Iterator[Block]:
        yield self._heading("policy-uses-title")
        for category in self._policy.categories.values():
            yield Heading(2, self._label(category))
            if description := description_of(category, self._language, self._policy.default_language):
                yield Paragraph((description,))
            yield from self._standing(category)
            yield from self.table(category) or (self._says("policy-nothing"),)
        if self._enforces and self._policy.undeclared_cookies == "withhold":
            yield self._says("policy-undeclared")

    def table(self, category: Category) -> tuple[Block, ...]:
        """The table of what a category keeps, if there is anything."""
        rows = (*self._own_rows(category), *self._service_rows(category))
        caption = self._words["policy-table"].format(category=self._label(category))
        return (Table(caption, self._columns("name", "provider", "purpose", "lifetime"), rows),) if rows else ()

    def _standing(self, category: Category) -> Iterator[Block]:
        if category.required:
            yield self._says("necessary", "policy-necessary")
        elif category.on_request:
            yield self._says("asked", "on-request")
        else:
            yield self._says("exempt" if category.exempt else "asked")

    def _own_rows(self, category: Category) -> Iterator[tuple[tuple[Line, ...], ...]]:
        """Rows of what belongs to the site itself: our cookie, those of its framework, those it declares."""
        who = self._whose(self._policy.controller)
        if category is self._home_of_the_necessary:
            yield from self._our_rows(who)
            for cookie in self._known:
                yield (
                    ((Code(cookie.name),),),
                    (who,),
                    (self._known_purpose(cookie, category),),
                    (self._known_span(cookie),),
                )
        for rule in self._policy.cookies:
            if rule.category == category.name:
                yield self._rule_row(rule, who, category)

    def _our_rows(self, who: Line) -> Iterator[tuple[tuple[Line, ...], ...]]:
        policy, scheme = self._policy, self._place.scheme
        choice, first = self._words["purpose-choice"], self._words["purpose-first"]
        own = [
            (choice_name(policy, scheme), choice, self._span(choice_lifetime(policy))),
            (first_name(policy, scheme), first, self._at_most(policy.cookie_lifetime)),
        ]
        if policy.html.cache == "shared" and self._enforces:
            own.append((hint_name(policy, scheme), choice, self._span(policy.consent_lifetime)))
        for name, purpose, span in own:
            yield ((Code(name),),), (who,), ((purpose,),), ((span,),)

    def _service_rows(self, category: Category) -> Iterator[tuple[tuple[Line, ...], ...]]:
        for service in self._policy.services:
            if service.category == category.name:
                who = self._whose(service.provider)
                for rule in service.cookies:
                    yield self._rule_row(rule, who, category)
                for key in service.storage:
                    kept = self._words["until-deleted"]
                    name = (Code(key),), (self._words["browser-storage"],)
                    yield name, (who,), (self._purpose({}, category),), ((kept,),)

    def _rule_row(self, rule: CookieRule, who: Line, category: Category) -> tuple[tuple[Line, ...], ...]:
        name: tuple[Line, ...] = ((Code(rule.name),),)
        if rule.third_party and rule.domain:
            before, _, after = self._words["domain"].partition("{domain}")
            name = (*name, (before, Code(rule.domain), after))
        return name, (who,), (self._rule_purpose(rule, category),), ((self._rule_span(rule),),)

    def _others(self) -> Iterator[Block]:
        services = [service for service in self._policy.services if service.provider != self._policy.controller]
        if not services:
            return
        yield self._heading("policy-others-title")
        yield self._says("policy-others")
        rows = tuple(self._service_row(service) for service in services)
        title = self._words["policy-others-title"]
        yield Table(title, self._columns("service", "provider", "category", "privacy"), rows)
        yield self._says("policy-out-of-reach")

    def _service_row(self, service: Service) -> tuple[tuple[Line, ...], ...]:
        category = self._label(self._policy.categories[service.category])
        rules: Line = (Link(_short(service.policy_url), service.policy_url),) if service.policy_url else ("–",)
        return ((Name(service.name),),), ((Name(service.provider),),), ((category,),), (rules,)

    def _lifetimes(self) -> Iterator[Block]:
        yield self._heading("policy-lifetimes-title")
        yield self._says("policy-session", session=self._words["session"])
        if self._enforces:
            yield self._says("policy-cap", lifetime=self._span(self._policy.cookie_lifetime))

    def _browser(self) -> Iterator[Block]:
        yield self._heading("policy-browser-title")
        yield self._says("policy-browser")
        yield Listing(tuple((link,) for link in _BROWSERS))

    def _contact(self) -> Iterator[Block]:
        policy, words = self._policy, self._words
        yield self._heading("policy-contact-title")
        lines: list[Line] = []
        if policy.controller:
            lines.append((f"{words['policy-controller']} ", Name(policy.controller)))
        if policy.contact:
            lines.append((f"{words['contact']} ", _contact_link(policy.contact)))
        if lines:
            yield Listing(tuple(lines))
        yield self._says("policy-rights")

    @property
    def _home_of_the_necessary(self) -> Category | None:
        return next((category for category in self._policy.categories.values() if category.required), None)

    def _says(self, *keys: str, **blanks: str) -> Paragraph:
        return Paragraph((" ".join(self._words[key].format(**blanks) for key in keys),))

    def _heading(self, key: str) -> Heading:
        return Heading(1, self._words[key])

    def _columns(self, *names: str) -> tuple[str, ...]:
        return tuple(self._words[f"column-{name}"] for name in names)

    def _label(self, category: Category) -> str:
        return label_of(category, self._language, self._policy.default_language)

    def _whose(self, provider: str) -> Line:
        return (Name(provider),) if provider else (self._words["this-site"],)

    def _purpose(self, texts: Texts, category: Category) -> Line:
        """What the cookie is for; the name of its purpose goes before a text that the reader may not understand."""
        return (own_text_in(texts, self._language) or self._label(category),)

    def _rule_purpose(self, rule: CookieRule, category: Category) -> Line:
        """What the policy says, or else what is known of a framework's cookie of that name."""
        told = None if rule.purpose else self._words.get(f"purpose-{self._purposes.get(rule.name)}")
        return (told,) if told else self._purpose(rule.purpose, category)

    def _known_purpose(self, cookie: KnownCookie, category: Category) -> Line:
        told = self._words.get(f"purpose-{cookie.purpose}")
        return (told,) if told else self._purpose({}, category)

    def _rule_span(self, rule: CookieRule) -> str:
        """How long the cookie is kept: what is declared has been capped by the loader."""
        if rule.lifetime is not None:
            return self._span(rule.lifetime)
        return self._words["set-by-provider"] if rule.third_party else self._at_most(self._policy.cookie_lifetime)

    def _known_span(self, cookie: KnownCookie) -> Line:
        cap = self._policy.cookie_lifetime
        lifetime = cookie.lifetime or cap
        if lifetime.is_session:
            return (self._words["session"],)
        span = self._at_most(cap if lifetime.exceeds(cap) and self._enforces else lifetime)
        return (f"{self._words['session']} / {span}",) if cookie.or_session else (span,)

    def _at_most(self, lifetime: Lifetime) -> str:
        return self._words["at-most"].format(lifetime=self._span(lifetime))

    def _span(self, lifetime: Lifetime) -> str:
        if lifetime.is_session:
            return self._words["session"]
        return lifetime_in(str(lifetime), self._language)


def _contact_link(contact: str) -> Link | Name:
    if contact.startswith(("https://", "http://", "mailto:")):
        return Link(contact.removeprefix("mailto:"), contact)
    local, at, domain = contact.partition("@")
    if at and local and "." in domain and not set(contact) & set(' <>"?&#/:,;'):
        return Link(contact, f"mailto:{contact}")
    return Name(contact)


def _short(url: str) -> str:
    """An address as people say it; each service's is its own, so no two links of a page have the same name."""
    parts = urlsplit(url)
    return (parts.hostname or "").removeprefix("www.") + parts.path.rstrip("/")
