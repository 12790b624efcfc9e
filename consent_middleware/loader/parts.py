"""Reads each part of a policy for itself; what the parts say about each other is judged in ``agreement``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from ..foreign import TOOLS
from ..lifetime import Lifetime
from ..policy import (
    CONSENT_SIGNALS,
    DEFAULT_CATEGORIES,
    BannerSettings,
    Category,
    CookieRule,
    FloorSettings,
    HTMLSettings,
    Policy,
    Reading,
    ReportSettings,
    SameSite,
    SecureFloor,
    Service,
    Texts,
)
from .forms import (
    Fault,
    fault_of_category,
    fault_of_cookie_name,
    fault_of_domain,
    fault_of_link,
    fault_of_marker,
    fault_of_path,
    fault_of_script,
    fault_of_service_id,
    fault_of_storage,
    fault_of_url,
    normal_script,
)
from .mistakes import Findings, Id, Place, did_you_mean, quote
from .tables import Table, day_named
from .wording import read_default_language, read_languages

_Part = TypeVar("_Part")

# No browser keeps a cookie longer (RFC 6265bis, section 5.5), so no longer promise can be kept.
LONGEST_KEPT = Lifetime(seconds=400 * 86400)

_SAME_SITE: tuple[SameSite, ...] = ("none", "lax", "strict")
_SECURE: tuple[SecureFloor, ...] = ("leave", "https", "always")


@dataclass(frozen=True, slots=True)
class Placed(Generic[_Part]):
    """Something that was read, and where."""

    place: Place
    value: _Part


@dataclass(frozen=True, slots=True)
class PlacedService:
    """A service, and where it and each of its cookies were declared."""

    place: Place
    service: Service
    cookie_places: tuple[Place, ...]
    is_own: bool

    @property
    def rules(self) -> list[Placed[CookieRule]]:
        """Its rules about cookies of this site, not those in the vendor's own jar."""
        placed = zip(self.cookie_places, self.service.cookies, strict=True)
        return [Placed(place, rule) for place, rule in placed if not rule.third_party]


@dataclass(frozen=True, slots=True)
class Listing:
    """A service named in a category."""

    service: str
    category: str


def read_settings(table: Table) -> Policy:
    """Return a policy with the settings of ``[policy]`` and nothing else."""
    whom = 'the visitors must be told: write controller = "…", the name of who is responsible for the site'
    how = 'the visitors must be told: write contact = "…", an address of the data protection officer or the controller'
    defaults = Policy()
    languages = read_languages(table)
    version = table.text("version") or ""
    settings = Policy(
        version=version,
        date=table.day("date") or day_named(version),
        revision=table.count("revision", defaults.revision),
        controller=table.needed_text("controller", Id.NO_CONTACT, whom) or "",
        contact=table.needed_text("contact", Id.NO_CONTACT, how) or "",
        consent_lifetime=table.lifetime("consent_lifetime") or defaults.consent_lifetime,
        cookie_lifetime=table.lifetime("cookie_lifetime") or defaults.cookie_lifetime,
        undeclared_cookies=table.option("undeclared_cookies", ("withhold", "allow", "report")),
        session_cookies=table.option("session_cookies", ("leave", "count")),
        cookie_domain=_read_domain(table, "cookie_domain"),
        dnt=table.flag("dnt"),
        gpc_json=table.flag("gpc_json"),
        reads=tuple(reading for reading in map(_read_reading, table.tables("reads", short="tool")) if reading),
        mode=table.option("mode", ("enforce", "report")),
        languages=languages or defaults.languages,
        default_language=read_default_language(table, languages) or defaults.default_language,
        policy_url=_read_links(table, "policy_url"),
    )
    table.close()
    _judge_lifetimes(settings, table)
    return settings


def read_html(table: Table) -> HTMLSettings:
    """Return the settings of ``[html]``."""
    settings = HTMLSettings(
        gate=table.flag("gate"),
        third_party_hosts=table.option("third_party_hosts", ("allow", "report", "withhold")),
        own_hosts=tuple(host.lower().removeprefix(".") for host in _read_all(table, "own_hosts", fault_of_domain)),
        on_fault=table.option("on_fault", ("pass", "withhold")),
        lazy_attributes=table.flag("lazy_attributes"),
        css=table.flag("css"),
        speculation_rules=table.flag("speculation_rules"),
        csp=table.option("csp", ("off", "report", "enforce")),
        browsing_topics=_read_topics(table),
        consent_mode=table.option("consent_mode", ("basic", "advanced", "off")),
        cache=table.option("cache", ("vary", "shared")),
    )
    table.close()
    return settings


def read_signals(table: Table) -> dict[str, tuple[str, ...]]:
    """Return the categories of ``[consent_mode]``, by the signals about which they decide."""
    named = {signal: tuple(name for _, name in table.words(signal)) for signal in CONSENT_SIGNALS}
    table.close()
    return {signal: names for signal, names in named.items() if signal in table}


def _read_topics(table: Table) -> tuple[str, ...] | None:
    return tuple(name for _, name in table.words("browsing_topics")) if "browsing_topics" in table else None


def read_banner(table: Table) -> BannerSettings:
    """Return the settings of ``[banner]``."""
    settings = BannerSettings(
        show=table.flag("show", default=True),
        position=table.option("position", ("bottom", "bottom-left", "bottom-right")),
        link=table.option("link", ("bottom-left", "bottom-right", "top-left", "top-right", "off")),
        count=table.flag("count"),
    )
    table.close()
    return settings


def read_reports(table: Table) -> ReportSettings:
    """Return the settings of ``[reports]``."""
    settings = ReportSettings(
        header=table.flag("header"),
        metrics=table.option("metrics", ("auto", "opentelemetry", "prometheus", "off")),
    )
    table.close()
    return settings


def read_floor(table: Table) -> FloorSettings:
    """Return the settings of ``[floor]``."""
    settings = FloorSettings(
        same_site=table.option("same_site", _SAME_SITE),
        secure=table.option("secure", _SECURE),
        http_only=_read_all(table, "http_only", fault_of_cookie_name),
    )
    table.close()
    return settings


def read_categories(root: Table) -> tuple[dict[str, Category], list[Placed[Listing]]]:
    """Return the categories by name, and the services that they list.

    A policy that has no table of categories has the default ones; one that has, has ``necessary`` besides.
    """
    if "categories" not in root:
        root.table("categories")
        return dict(DEFAULT_CATEGORIES), []
    tables = root.table("categories")
    categories: dict[str, Category] = {"necessary": DEFAULT_CATEGORIES["necessary"]}
    listings: list[Placed[Listing]] = []
    for name in tables.names():
        table = tables.table(name)
        _accept(table.findings, table.place, fault_of_category(name))
        categories[name] = _read_category(name, table)
        listings += [Placed(place, Listing(service, name)) for place, service in table.words("services")]
        table.close()
    tables.close()
    return categories, listings


def read_cookies(root: Table) -> list[Placed[CookieRule]]:
    """Return the site's own declarations, without those that have no usable name."""
    rules: list[Placed[CookieRule]] = []
    for table in root.tables("cookies"):
        rule = _read_cookie(table)
        category = table.needed_text("category")
        table.close()
        if rule is not None:
            rules.append(Placed(table.place, replace(rule, category=category or "")))
    return rules


def read_services(root: Table) -> list[PlacedService]:
    """Return the site's own services; the category of one that does not name it is empty."""
    services = [_read_service(table) for table in root.tables("services")]
    return [service for service in services if service is not None]


def _read_reading(table: Table) -> Reading | None:
    """Return a tool to be read, with the names that the policy gives; ``agreement`` fills in the others."""
    tool, cookie = table.needed_text("tool"), table.text("cookie")
    categories = table.table("categories")
    names = {name: (tuple(text for _, text in categories.words(name)),) for name in categories.names()}
    categories.close()
    table.close()
    if tool is None:
        return None
    if tool not in TOOLS:
        hint = did_you_mean(tool, TOOLS) or f"those that can be are {', '.join(TOOLS)}"
        table.findings.report(Id.READS, table.at("tool"), f"{quote(tool)} is no tool that can be read", hint)
        return None
    return Reading(tool=tool, cookie=cookie or TOOLS[tool].cookie, names=names)


def _read_category(name: str, table: Table) -> Category:
    always = name == "necessary"
    category = Category(
        name=name,
        required=table.flag("required", default=always),
        exempt=table.flag("exempt"),
        on_request=table.flag("on_request"),
        gpc=table.flag("gpc"),
        first_deposit=table.flag("first_deposit"),
        label=table.texts("label"),
        description=table.texts("description"),
    )
    _judge_standing(category, table)
    return category


def _judge_standing(category: Category, table: Table) -> None:
    def contradict(key: str, reason: str, suggestion: str) -> None:
        table.findings.report(Id.STANDING, table.at(key), reason, suggestion)

    if "first_deposit" in table and not category.required:
        contradict("first_deposit", "is for required categories; all others count from it anyway", "leave it out")
    if category.name == "necessary" and not category.required:
        contradict("required", "is false for the category necessary", "give an optional category another name")
    if category.required:
        for key in ("exempt", "on_request", "gpc"):
            if getattr(category, key):
                contradict(key, "cannot be true in a required category, which is never refused", "drop one of the two")
    elif category.exempt and category.on_request:
        contradict("on_request", "cannot be true in an exempt category, which is on unasked", "drop one of the two")


def _judge_lifetimes(settings: Policy, table: Table) -> None:
    def refuse(key: str, reason: str, suggestion: str) -> None:
        table.findings.report(Id.POLICY_LIFETIME, table.at(key), reason, suggestion)

    consent, cookie = settings.consent_lifetime, settings.cookie_lifetime
    if cookie.is_session:
        refuse("cookie_lifetime", "would end every cookie with the browser session", 'write a span, like "13 months"')
    elif cookie.exceeds(LONGEST_KEPT):
        refuse("cookie_lifetime", f"of {cookie} is longer than the 400 days that browsers keep", 'write "13 months"')
    if consent.is_session:
        refuse("consent_lifetime", "would ask again in every browser session", 'write a span, like "6 months"')
    elif not cookie.is_session and consent.exceeds(cookie):
        refuse("consent_lifetime", f"of {consent} exceeds cookie_lifetime, {cookie}", "a cookie keeps the choice")


def _read_cookie(table: Table) -> CookieRule | None:
    name = table.needed_text("name")
    lifetime = table.lifetime("lifetime")
    domain = _read_domain(table, "domain")
    path = _read(table, "path", fault_of_path)
    partitioned = table.flag("partitioned")
    purpose = table.texts("purpose")
    same_site: SameSite = table.option("same_site", _SAME_SITE)
    secure: SecureFloor = table.option("secure", _SECURE)
    http_only = table.flag("http_only")
    if name is None or not _accept(table.findings, table.at("name"), fault_of_cookie_name(name)):
        return None
    if name.lower().startswith("__host-"):
        _judge_host_prefix(domain, path, table)
    return CookieRule(
        name=name,
        category="",
        lifetime=lifetime,
        domain=domain,
        path=path or "/",
        partitioned=partitioned,
        purpose=purpose,
        same_site=same_site if "same_site" in table else None,
        secure=secure if "secure" in table else None,
        http_only=http_only if "http_only" in table else None,
    )


def _judge_host_prefix(domain: str | None, path: str | None, table: Table) -> None:
    """Such a cookie has no Domain and the path ``/`` (RFC 6265bis, section 4.1.3.2)."""
    for key, wrong in (("domain", domain is not None), ("path", path not in (None, "/"))):
        if wrong:
            table.findings.report(
                Id.HOST_PREFIX, table.at(key), "is refused by browsers for a __Host- cookie", "drop it"
            )


def _read_service(table: Table) -> PlacedService | None:
    id = table.needed_text("id")
    cookies = [placed for placed in map(_read_cookie_of_service, table.tables("cookies", short="name")) if placed]
    service = Service(
        id=id or "",
        name=table.needed_text("name") or "",
        provider=table.needed_text("provider") or "",
        category=table.text("category") or "",
        policy_url=_read(table, "policy_url", fault_of_url) or "",
        cookies=tuple(replace(placed.value, service=id) for placed in cookies),
        scripts=tuple(map(normal_script, _read_all(table, "scripts", fault_of_script))),
        inline=_read_all(table, "inline", fault_of_marker),
        storage=_read_all(table, "storage", fault_of_storage),
    )
    table.close()
    if id is None or not _accept(table.findings, table.at("id"), fault_of_service_id(id)):
        return None
    service = service.in_category(service.category)
    return PlacedService(table.place, service, tuple(placed.place for placed in cookies), is_own=True)


def _read_cookie_of_service(table: Table) -> Placed[CookieRule] | None:
    rule = _read_cookie(table)
    table.close()
    return Placed(table.place, rule) if rule else None


def _read_domain(table: Table, key: str) -> str | None:
    domain = _read(table, key, fault_of_domain)
    return None if domain is None else domain.lower().removeprefix(".")


def _read(table: Table, key: str, fault_of: Callable[[str], Fault | None]) -> str | None:
    text = table.text(key)
    usable = text is not None and _accept(table.findings, table.at(key), fault_of(text))
    return text if usable else None


def _read_all(table: Table, key: str, fault_of: Callable[[str], Fault | None]) -> tuple[str, ...]:
    words = table.words(key)
    return tuple(text for place, text in words if _accept(table.findings, place, fault_of(text)))


def _read_links(table: Table, key: str) -> Texts:
    links = table.texts(key)
    for tag, link in links.items():
        _accept(table.findings, (*table.at(key), tag) if tag else table.at(key), fault_of_link(link))
    return links


def _accept(findings: Findings, place: Place, fault: Fault | None) -> bool:
    if fault is not None:
        findings.report(fault.id, place, fault.reason, fault.suggestion)
    return fault is None
