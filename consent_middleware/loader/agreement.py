"""Judges what the parts of a policy say about each other, and puts the services where they belong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from .. import catalogue
from ..lifetime import Lifetime
from ..policy import Category, CookieRule, FloorSettings, Policy, Reading, Service
from .mistakes import Findings, Id, Place, did_you_mean, quote
from .parts import Listing, Placed, PlacedService

# Withholding one of these logs visitors out or refuses their forms. They are what Django, Flask, Starlette and the
# usual CSRF extensions of the latter two call their cookies when nobody says otherwise.
_NECESSARY = ("sessionid", "csrftoken", "messages", "session", "csrf_token", "fastapi-csrf-token")
_PREFIXES = ("", "__Host-", "__Secure-")
NECESSARY_NAMES = tuple(prefix + name for name in _NECESSARY for prefix in _PREFIXES)
CHOICE_NAMES = tuple(prefix + name for name in ("consent", "consent-first") for prefix in _PREFIXES)


def gather_services(
    listings: Iterable[Placed[Listing]],
    own: Iterable[PlacedService],
    categories: Mapping[str, Category],
    findings: Findings,
) -> list[PlacedService]:
    """Return every service of the policy in its one category: those that categories list, then the others.

    A service of the site's own takes the place of the catalogue's with the same id.
    """
    declared = _by_id(own, findings)
    listed = _by_service(listings, declared, findings)
    found = (_find(listing, declared, findings) for listing in listed.values())
    alone = (service for id, service in declared.items() if id not in listed)
    return [
        *(service for service in found if service is not None),
        *(service for service in alone if _stands_alone(service, categories, findings)),
    ]


def judge_categories(
    cookies: Iterable[Placed[CookieRule]], categories: Mapping[str, Category], findings: Findings
) -> None:
    """Report cookies whose category the policy does not have."""
    for cookie in cookies:
        if cookie.value.category:
            _judge_category(cookie.value.category, cookie.place, categories, findings)


def judge_named(place: Place, names: Iterable[str], categories: Mapping[str, Category], findings: Findings) -> None:
    """Report categories that a setting names and the policy does not have."""
    for name in names:
        if name not in categories:
            findings.report(
                Id.UNKNOWN_CATEGORY, place, f"{quote(name)} is not a category", did_you_mean(name, categories)
            )


def judge_lifetimes(declared: Iterable[Placed[CookieRule]], cap: Lifetime, findings: Findings) -> None:
    """Report what the site declares against its own promise; the catalogue's facts are capped without a word.

    A cap that is no span is a mistake of its own, and no reason to find fault with every cookie.
    """
    for cookie in declared:
        lifetime = cookie.value.lifetime
        if lifetime is not None and not cap.is_session and lifetime.exceeds(cap):
            reason = f"of {lifetime} exceeds cookie_lifetime, {cap}"
            hint = "it would be cut short: write what the visitors will find"
            findings.report(Id.COOKIE_LIFETIME, (*cookie.place, "lifetime"), reason, hint)


def judge_signal(settings: Policy, categories: Mapping[str, Category], findings: Findings) -> None:
    """Report promises to abide by the browser's signal in a policy in which it refuses nothing."""
    if not any(category.gpc for category in categories.values()):
        for key in ("dnt", "gpc_json"):
            if getattr(settings, key):
                hint = "write gpc = true in the categories it refuses, marketing for one"
                findings.report(Id.SIGNAL, ("policy", key), "is true, and no category heeds the signal", hint)


def complete_readings(
    readings: Sequence[Reading],
    categories: Mapping[str, Category],
    services: Iterable[Service],
    findings: Findings,
) -> tuple[Reading, ...]:
    """Return the tools to be read, each with its names for every category that visitors choose about.

    Where the policy gives none, the tool asks either about a category of the same name, or about each of its services.
    """
    contents = {name: tuple(s.id for s in services if s.category == name) for name in categories}
    choosable = [name for name, category in categories.items() if not category.required]
    alike = {name: tuple(group for group in ((name,), contents[name]) if group) for name in choosable}
    for index, reading in enumerate(readings):
        place = ("policy", "reads", index, "categories")
        for name in reading.names:
            if name in categories and name not in choosable:
                reason = f"{quote(name)} is required, and no choice of anybody's counts for it"
                findings.report(Id.READS, (*place, name), reason, "leave it out")
            elif name not in categories:
                hint = did_you_mean(name, choosable) or "write a category of this policy"
                findings.report(Id.UNKNOWN_CATEGORY, (*place, name), f"{quote(name)} is not a category", hint)
    return tuple(replace(reading, names={**alike, **reading.names}) for reading in readings)


def judge_names(declared: Iterable[Placed[CookieRule]], categories: Mapping[str, Category], findings: Findings) -> None:
    """Report rules that would let visitors refuse what the site cannot do without."""
    for cookie in declared:
        category = categories.get(cookie.value.category)
        if category is None or category.required:
            continue
        place, pattern = (*cookie.place, "name"), cookie.value.name
        if choice := _first_match(pattern, CHOICE_NAMES):
            reason = f"{quote(pattern)} stands for {quote(choice)}, which keeps the visitor's choice"
            findings.report(Id.OWN_COOKIE, place, reason, "that cookie is known and needs no rule")
        if necessary := _first_match(pattern, NECESSARY_NAMES):
            reason = f"{quote(pattern)} stands for {quote(necessary)}, without which logins or forms fail"
            hint = f"move it from {quote(category.name)} to a required category"
            findings.report(Id.NECESSARY_COOKIE, place, reason, hint)


def judge_rules(cookies: Sequence[Placed[CookieRule]], services: Sequence[PlacedService], findings: Findings) -> None:
    """Report names that two rules put into different categories.

    A declaration under ``[[cookies]]`` settles what services of the catalogue disagree about. Among the site's own
    words there may be no contradiction.
    """
    settled = {cookie.value.name for cookie in cookies}
    first: dict[str, tuple[str, str]] = {}
    for cookie in cookies:
        _judge_rule(cookie, "[[cookies]]", first, findings)
    for service in sorted(services, key=lambda service: not service.is_own):
        for rule in service.rules:
            if service.is_own or rule.value.name not in settled:
                _judge_rule(rule, f"the service {quote(service.service.id)}", first, findings)
    _judge_repetitions(cookies, findings)


def judge_floor(floor: FloorSettings, declared: Iterable[Placed[CookieRule]], findings: Findings) -> None:
    """Report cookies that the floor keeps from scripts by their full name, and their declaration does not."""
    for cookie in declared:
        name = cookie.value.name
        if cookie.value.http_only is False and name in floor.http_only:
            reason = f"is false, and http_only of [floor] names {quote(name)}"
            findings.report(Id.FLOOR, (*cookie.place, "http_only"), reason, "drop one of the two")


def _by_id(own: Iterable[PlacedService], findings: Findings) -> dict[str, PlacedService]:
    declared: dict[str, PlacedService] = {}
    for service in own:
        id = service.service.id
        if declared.setdefault(id, service) is not service:
            findings.report(Id.SERVICE_ID, (*service.place, "id"), f"{quote(id)} is the id of a service above")
    return declared


def _by_service(
    listings: Iterable[Placed[Listing]], declared: Mapping[str, PlacedService], findings: Findings
) -> dict[str, Placed[Listing]]:
    """Return the first listing of each service and report the others, and those that the service contradicts."""
    listed: dict[str, Placed[Listing]] = {}
    for listing in listings:
        id, category = listing.value.service, listing.value.category
        before = listed.setdefault(id, listing)
        if before is not listing:
            reason = f"{quote(id)} is in {quote(before.value.category)} already"
            findings.report(Id.SERVICE_TWICE, listing.place, reason, "a service belongs to one category")
        elif id in declared and declared[id].service.category not in ("", category):
            reason = f"{quote(id)} says itself that it belongs to {quote(declared[id].service.category)}"
            findings.report(Id.SERVICE_TWICE, listing.place, reason, "a service belongs to one category")
    return listed


def _find(listing: Placed[Listing], declared: Mapping[str, PlacedService], findings: Findings) -> PlacedService | None:
    id, category = listing.value.service, listing.value.category
    if id in declared:
        own = declared[id]
        return replace(own, service=own.service.in_category(category))
    if (entry := catalogue.find(id)) is not None:
        places = (listing.place,) * len(entry.service.cookies)
        return PlacedService(listing.place, entry.service.in_category(category), places, is_own=False)
    hint = did_you_mean(id, [*declared, *catalogue.entries()])
    hint = hint or 'look for it with "consent catalogue", or declare it under [[services]]'
    findings.report(Id.UNKNOWN_SERVICE, listing.place, f"{quote(id)} is not a service", hint)
    return None


def _stands_alone(service: PlacedService, categories: Mapping[str, Category], findings: Findings) -> bool:
    category = service.service.category
    if category:
        return _judge_category(category, service.place, categories, findings)
    if findings.concern((*service.place, "category")):
        return False
    hint = "name it here, or list the service in one"
    findings.report(Id.MISSING_KEY, (*service.place, "category"), "is missing", hint)
    return False


def _judge_category(category: str, place: Place, categories: Mapping[str, Category], findings: Findings) -> bool:
    if category not in categories:
        hint = did_you_mean(category, categories) or f"declare [categories.{category}], or use one that is declared"
        findings.report(Id.UNKNOWN_CATEGORY, (*place, "category"), f"{quote(category)} is not a category", hint)
    return category in categories


def _judge_rule(rule: Placed[CookieRule], who: str, first: dict[str, tuple[str, str]], findings: Findings) -> None:
    name, category = rule.value.name, rule.value.category
    other, whose = first.setdefault(name, (category, who))
    if category != other:
        reason = f"{quote(name)} belongs to {quote(category)} by {who} and to {quote(other)} by {whose}"
        hint = "keep one of them" if "[[cookies]]" in (who, whose) else "settle it under [[cookies]]"
        findings.report(Id.TWO_RULES, rule.place, reason, hint)


def _judge_repetitions(cookies: Iterable[Placed[CookieRule]], findings: Findings) -> None:
    """Report a cookie declared twice. One name on two domains or paths is two cookies, if of one category."""
    seen: set[tuple[str, str, str | None, str]] = set()
    for cookie in cookies:
        rule = cookie.value
        identity = (rule.name, rule.category, rule.domain, rule.path)
        if identity in seen:
            findings.report(Id.TWO_RULES, cookie.place, f"{quote(rule.name)} is declared above already", "keep one")
        seen.add(identity)


def _first_match(pattern: str, names: Iterable[str]) -> str | None:
    if pattern.endswith("*"):
        return next((name for name in names if name.startswith(pattern[:-1])), None)
    return pattern if pattern in names else None
