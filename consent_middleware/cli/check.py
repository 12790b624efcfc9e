"""``consent check``: every mistake in a policy file, or a summary of what it promises."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, TextIO

from .. import catalogue
from ..errors import PolicyError
from ..lifetime import Lifetime
from ..loader import Id
from ..policy import Category, CookieRule, FloorSettings, HTMLSettings, Policy, Service
from .command import Command, InputError, declare_format, print_json
from .missing import missing_texts

# A service that usually does these things is not what French law exempts (article 82 of Law 78-17): calling it
# strictly necessary is the mistake that regulators have fined.
_NEVER_NECESSARY = {"analytics", "marketing", "social", "video", "chat"}

# What the CNIL recommends for a choice (2020-092), and the longest life of a tracker it exempts from consent.
_LONGEST_CHOICE = Lifetime(months=6)
_LONGEST_COOKIE = Lifetime(months=13)

# The tokens that Django, Angular, axios and Laravel let scripts read, so that they can prove where they come from.
_READ_BY_SCRIPTS = {"csrftoken", "csrf_token", "xsrf-token"}


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the policy, a TOML file")
    declare_format(parser)


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    try:
        policy = Policy.load(options.file)
    except PolicyError as error:
        _print_mistakes(error, options.format, out)
        return True
    except OSError as error:
        raise InputError(f"cannot read {options.file}: {error.strerror or error}") from error
    if options.format == "json":
        print_json(_as_json(policy, options.file), out)
    else:
        print("\n".join(_summary(policy, options.file)), file=out)
    return False


def _print_mistakes(error: PolicyError, format: str, out: TextIO) -> None:
    if format == "text":
        print(_heading(error), *(f"  {mistake}" for mistake in error.mistakes), sep="\n", file=out)
        return
    mistakes = [{"id": m.id, "place": m.place, "reason": m.reason, "suggestion": m.suggestion} for m in error.mistakes]
    print_json({"file": error.source, "mistakes": mistakes}, out)


def _heading(error: PolicyError) -> str:
    """A draft that waits for its author's answers is no file full of mistakes."""
    count = len(error.mistakes)
    what = "open question" if all(mistake.id == Id.QUESTION.id for mistake in error.mistakes) else "mistake"
    return f"{error.source}: {count} {what}{'' if count == 1 else 's'}"


def _summary(policy: Policy, file: str) -> Iterator[str]:
    yield f"{file}: fine"
    yield f"  version       {policy.version or '(none)'}, revision {policy.revision}, fingerprint {policy.fingerprint}"
    yield f"  controller    {policy.controller}, {policy.contact}"
    yield f"  a choice      is kept {policy.consent_lifetime}"
    yield f"  a cookie      is kept {policy.cookie_lifetime} at most; undeclared: {policy.undeclared_cookies}"
    yield f"  mode          {policy.mode}"
    for what, changed in (("pages", _changed(policy.html)), ("floor", _changed(policy.floor))):
        if changed:
            yield f"  {what:13} {_spelt(changed)}"
    for category in policy.categories.values():
        yield ""
        yield f"{category.name}: {_standing(category)}"
        for service in _services_in(category, policy):
            yield f"  {service.id}, {service.name} ({service.provider})"
            yield from (f"    {_cookie_line(cookie)}" for cookie in service.cookies)
        yield from (f"  {_cookie_line(cookie)}" for cookie in _cookies_in(category, policy))
    if notes := list(_notes(policy)):
        yield ""
        yield "To consider:"
        yield from (f"  {note}" for note in notes)


def _changed(settings: HTMLSettings | FloorSettings) -> dict[str, Any]:
    """The settings of a table that are not the default."""
    defaults = asdict(type(settings)())
    return {name: value for name, value in asdict(settings).items() if value != defaults[name]}


def _spelt(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())


def _standing(category: Category) -> str:
    if category.required:
        return "strictly necessary, never asked"
    standing = "exempt from consent, on until the visitor objects" if category.exempt else "only with consent"
    if category.on_request:
        standing = "only when the visitor asks for it"
    return f"{standing}; Sec-GPC refuses it" if category.gpc else standing


def _cookie_line(cookie: CookieRule) -> str:
    lifetime = "up to the limit" if cookie.lifetime is None else str(cookie.lifetime)
    where = f" on {cookie.domain}" if cookie.domain else ""
    whose = ", in the vendor's own jar" if cookie.third_party else ""
    own_floor = f", {_spelt(floor)}" if (floor := _own_floor(cookie)) else ""
    return f"{cookie.name}{where}: {lifetime}{whose}{own_floor}"


def _own_floor(cookie: CookieRule) -> dict[str, Any]:
    """What the declaration of a cookie says in place of the floor."""
    stated = {"same_site": cookie.same_site, "secure": cookie.secure, "http_only": cookie.http_only}
    return {name: value for name, value in stated.items() if value is not None}


def _notes(policy: Policy) -> Iterator[str]:
    """Yield what a policy may say and its author should know."""
    if policy.mode == "report":
        yield 'mode = "report" changes nothing: no cookie is withheld, no lifetime that visitors read is kept'
    if policy.consent_lifetime.exceeds(_LONGEST_CHOICE):
        yield f"a choice is kept {policy.consent_lifetime}; the CNIL recommends {_LONGEST_CHOICE}"
    if policy.cookie_lifetime.exceeds(_LONGEST_COOKIE):
        yield f"cookies are kept up to {policy.cookie_lifetime}; the CNIL recommends {_LONGEST_COOKIE} at most"
    if policy.date is None:
        yield 'the policy has no date, which visitors look for: write date = "2026-11-21" under [policy]'
    if policy.undeclared_cookies != "withhold":
        yield f'undeclared_cookies = "{policy.undeclared_cookies}" lets cookies pass that nobody declared'
    if policy.html.third_party_hosts == "report":
        yield 'third_party_hosts = "report" lets hosts load that nobody declared, and logs their names'
    yield from _notes_on_pages(policy)
    yield from _notes_on_floor(policy)
    if policy.cookie_domain:
        yield f"the choice is shared on {policy.cookie_domain}: every sub-domain can overwrite it"
    for service in policy.services:
        yield from _notes_on(service, policy)
    for category in policy.categories.values():
        if not category.required and not _services_in(category, policy) and not _cookies_in(category, policy):
            yield f"{category.name} is empty: visitors are asked about nothing"
    yield from missing_texts(policy)


def _notes_on_pages(policy: Policy) -> Iterator[str]:
    if policy.html.csp == "report":
        yield 'csp = "report" stops nothing; consent suggest reads from the log what browsers would have stopped'
    if policy.html.consent_mode == "advanced" and policy.page_services != policy.services:
        yield 'consent_mode = "advanced" lets Google\'s tags load, and Google know of it, before anybody consents'
    if policy.html.cache == "shared":
        yield 'cache = "shared": without JavaScript nothing comes to life, whatever was accepted'


def _notes_on_floor(policy: Policy) -> Iterator[str]:
    floor = policy.floor
    if floor.same_site == "strict":
        yield 'same_site = "strict": who follows a link to the site arrives without any cookie, a login included'
    if floor.secure == "always":
        yield 'secure = "always": over plain http, in development too, browsers refuse every cookie'
    for name in floor.http_only:
        if name.lower().removeprefix("__host-").removeprefix("__secure-") in _READ_BY_SCRIPTS:
            yield f"http_only names {name}, which scripts usually read to send it back"
    for rule in policy.rules:
        if rule.partitioned and (rule.same_site or floor.same_site) != "none":
            yield f'{rule.name} lives in frames on other sites, and is not sent there unless it says same_site = "none"'


def _notes_on(service: Service, policy: Policy) -> Iterator[str]:
    if not service.cookies:
        yield f"{service.id} has no cookies"
    if service.category in policy.choosable and not (service.scripts or service.inline):
        yield f"{service.id} names neither scripts nor inline markers, so nothing of it is withheld in pages"
    if any(cookie.third_party for cookie in service.cookies):
        yield f"{service.id} keeps cookies in its own jar, which nothing here can reach once it has loaded"
    entry = catalogue.find(service.id)
    category = policy.categories[service.category]
    if entry is None:
        return
    usual = entry.service.category
    if category.required and usual in _NEVER_NECESSARY:
        yield f"{service.id} is usually {usual}; as strictly necessary it runs without asking"
    if category.exempt and service.id == "google-analytics":
        yield f"{service.id} is not among the tools that the CNIL exempts from consent"
    if _tells(service) != _tells(entry.service):
        yield f"{service.id} is declared in this file, which replaces what the catalogue knows of it"


def _services_in(category: Category, policy: Policy) -> list[Service]:
    return [service for service in policy.services if service.category == category.name]


def _cookies_in(category: Category, policy: Policy) -> list[CookieRule]:
    return [cookie for cookie in policy.cookies if cookie.category == category.name]


def _tells(service: Service) -> tuple[object, ...]:
    return service.name, service.provider, service.scripts, service.inline, service.storage


def _as_json(policy: Policy, file: str) -> dict[str, Any]:
    return {
        "file": file,
        "mistakes": [],
        "version": policy.version,
        "date": None if policy.date is None else policy.date.isoformat(),
        "languages": list(policy.languages),
        "default_language": policy.default_language,
        "revision": policy.revision,
        "fingerprint": policy.fingerprint,
        "controller": policy.controller,
        "contact": policy.contact,
        "consent_lifetime": str(policy.consent_lifetime),
        "cookie_lifetime": str(policy.cookie_lifetime),
        "undeclared_cookies": policy.undeclared_cookies,
        "cookie_domain": policy.cookie_domain,
        "mode": policy.mode,
        "html": asdict(policy.html),
        "floor": asdict(policy.floor),
        "categories": [_category_as_json(category, policy) for category in policy.categories.values()],
        "notes": list(_notes(policy)),
    }


def _category_as_json(category: Category, policy: Policy) -> dict[str, Any]:
    return {
        "name": category.name,
        "required": category.required,
        "exempt": category.exempt,
        "on_request": category.on_request,
        "gpc": category.gpc,
        "cookies": [_cookie_as_json(cookie) for cookie in _cookies_in(category, policy)],
        "services": [_service_as_json(service) for service in _services_in(category, policy)],
    }


def _service_as_json(service: Service) -> dict[str, Any]:
    return {
        "id": service.id,
        "name": service.name,
        "provider": service.provider,
        "cookies": [_cookie_as_json(cookie) for cookie in service.cookies],
    }


def _cookie_as_json(cookie: CookieRule) -> dict[str, Any]:
    return {
        "name": cookie.name,
        "domain": cookie.domain,
        "path": cookie.path,
        "lifetime": None if cookie.lifetime is None else str(cookie.lifetime),
        "third_party": cookie.third_party,
        **_own_floor(cookie),
    }


CHECK = Command(
    name="check",
    summary="check a policy file",
    description="Check a policy file. Prints a summary of it and exits 0, or prints every mistake and exits 1; "
    "exits 2 when the file cannot be read.",
    declare=_declare,
    run=_run,
)
