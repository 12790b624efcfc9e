"""Every kind of finding, with its stable id: what was promised, how bad it is when that is not kept, how to keep it.

Ids never change their meaning and are never used again. docs/audit.md shows this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Severity = Literal["high", "medium", "low"]
"""``high``: done to the visitor without consent. ``medium``: a promise that can fail. ``low``: untidy or unclear."""

SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Kind:
    """One way in which a site can fall short of its policy."""

    id: str
    severity: Severity
    title: str
    promise: str
    fix: str


_EVERY: dict[str, Kind] = {}


def _kind(number: str, severity: Severity, title: str, promise: str, fix: str) -> Kind:
    kind = _EVERY[f"consent.{number}"] = Kind(f"consent.{number}", severity, title, promise, fix)
    return kind


# Set-Cookie lines ---------------------------------------------------------------------------------------------------

COOKIE_BEFORE_CHOICE = _kind(
    "A001",
    "high",
    "A cookie that needs consent is set before any choice",
    "Nothing that needs consent is written to the visitor's device before they agree.",
    "Set it only once its category is accepted, or put the gate in front of whatever sets it.",
)
COOKIE_AFTER_REFUSAL = _kind(
    "A002",
    "high",
    "A cookie that needs consent is set after a refusal",
    "A refusal is respected on every page that follows.",
    "Ask for the visitor's choice on the server before setting it.",
)
COOKIE_UNDECLARED = _kind(
    "A003",
    "medium",
    "A cookie is set that nobody declared",
    "Every cookie is named in the policy, with its purpose and its category.",
    'Add [[cookies]] with its name, category and purpose to the policy, or stop setting it (--necessary "NAME" '
    "names a framework's own).",
)
COOKIE_OVER_CAP = _kind(
    "A004",
    "medium",
    "A cookie lives longer than any cookie may",
    "No cookie outlives the policy's cookie_lifetime; thirteen months without a policy, as the CNIL recommends.",
    "Give it a shorter Max-Age.",
)
COOKIE_OVER_DECLARED = _kind(
    "A005",
    "medium",
    "A cookie lives longer than its own declaration says",
    "A cookie lives as long as the table of cookies tells visitors, and not longer.",
    "Shorten its Max-Age, or correct its lifetime in the policy.",
)
LIFETIME_AMBIGUOUS = _kind(
    "A006",
    "low",
    "Browsers read a cookie's lifetime differently",
    "A lifetime is one that every browser reads alike.",
    "Send one Max-Age of digits only and at most one Expires in the form of RFC 9110.",
)
COOKIE_IGNORED = _kind(
    "A007",
    "low",
    "Browsers ignore a Set-Cookie line",
    "Every Set-Cookie line does what it says.",
    "Take out control characters; keep name and value within 4096 bytes and not both empty.",
)
COOKIE_NOT_SECURE = _kind(
    "A008",
    "medium",
    "A cookie set over https also travels over http",
    "What is set over https is sent over https only.",
    "Add Secure.",
)
SAME_SITE_NONE_NOT_SECURE = _kind(
    "A009",
    "low",
    "A cookie with SameSite=None lacks Secure, so browsers refuse it",
    "Every Set-Cookie line does what it says.",
    "Add Secure, or use SameSite=Lax.",
)
PREFIX_BROKEN = _kind(
    "A010",
    "low",
    "A cookie breaks the promise of its prefix, so browsers refuse it",
    "__Secure- comes with Secure; __Host- with Secure, Path=/ and no Domain; __Http- with Secure and HttpOnly.",
    "Give the line the attributes that its prefix stands for.",
)
PARTITIONED_NOT_SECURE = _kind(
    "A011",
    "low",
    "A partitioned cookie lacks Secure, so browsers refuse it",
    "Every Set-Cookie line does what it says.",
    "Add Secure, or leave out Partitioned.",
)
CREDENTIAL_READABLE = _kind(
    "A012",
    "medium",
    "Scripts can read a cookie that looks like a credential",
    "Sessions and credentials are out of reach of scripts, the tracker's among them.",
    "Add HttpOnly.",
)
SAME_SITE_MISSING = _kind(
    "A013",
    "low",
    "A cookie does not say to which sites' requests it belongs",
    "Every cookie says SameSite, because browsers disagree on what holds without it.",
    "Add SameSite=Lax, or Strict, or None together with Secure.",
)
DOMAIN_FOREIGN = _kind(
    "A014",
    "low",
    "A cookie names a Domain that this host does not belong to, so browsers refuse it",
    "Every Set-Cookie line does what it says.",
    "Name the host itself or a parent of it, or leave out Domain.",
)
COOKIE_TWICE = _kind(
    "A015",
    "low",
    "One response sets the same cookie twice",
    "A response sets each cookie once (RFC 6265bis, 4.1.1).",
    "Find the second place that sets it; only the last one counts.",
)
COOKIE_ON_REQUEST = _kind(
    "A016",
    "high",
    "A cookie that comes only on request is set by “accept all”",
    "What a category keeps for those who ask for it is not part of accepting all.",
    "Set it only once the visitor has asked for it.",
)

# Pages --------------------------------------------------------------------------------------------------------------

TRACKER_BEFORE_CHOICE = _kind(
    "A101",
    "high",
    "A page loads a service that needs consent before any choice",
    "No third party that needs consent is asked for anything before the visitor agrees.",
    "Let the gate withhold it, or mark the element with data-consent and its category.",
)
SNIPPET_BEFORE_CHOICE = _kind(
    "A102",
    "high",
    "An inline snippet of a service that needs consent runs before any choice",
    "No code of a service that needs consent runs before the visitor agrees.",
    "Let the gate withhold it, or mark the script with data-consent and its category.",
)
HINT_BEFORE_CHOICE = _kind(
    "A103",
    "medium",
    "A link element connects to a service that needs consent before any choice",
    "Not even a connection is made: it tells the third party the visitor's address.",
    "Let the gate withhold it, or leave out preconnect, dns-prefetch and preload.",
)
TRACKER_AFTER_REFUSAL = _kind(
    "A104",
    "high",
    "A page loads a service that needs consent after a refusal",
    "A refusal is respected on every page that follows.",
    "Ask for the visitor's choice on the server before putting it into the page.",
)
TRACKER_ON_REQUEST = _kind(
    "A105",
    "high",
    "A service that comes only on request is loaded by “accept all”",
    "What a category keeps for those who ask for it is not part of accepting all.",
    "Load it only once the visitor has asked for it.",
)
SERVICE_UNDECLARED = _kind(
    "A106",
    "high",
    "A page loads a well-known service that the policy does not name",
    "Every service is named in the policy, so that visitors can agree to it.",
    "Add its id to the services of a category; `consent catalogue` knows it.",
)
HOST_UNDECLARED = _kind(
    "A107",
    "low",
    "A page loads from a third party that nobody declared",
    "Every third party that learns of a visit is named.",
    "Declare it as a service, or as one of your own hosts (own_hosts in the policy, --own-host here).",
)
HEADER_LOADS = _kind(
    "A108",
    "high",
    "A response header loads a service that needs consent",
    "Link, Refresh and Speculation-Rules headers wait for consent as markup does.",
    "Take the service out of the header, or put the gate in front.",
)
META_COOKIE = _kind(
    "A109",
    "low",
    "A page sets a cookie by a meta element",
    "Cookies are set where they can be gated.",
    "Send a Set-Cookie header, or leave it out: browsers of today ignore the element.",
)

# The choice ---------------------------------------------------------------------------------------------------------

CHOICE_FORGOTTEN = _kind(
    "A201",
    "medium",
    "A choice is not remembered",
    "Who has chosen is not asked again before the choice lapses.",
    "Let the response to a choice set the consent cookie.",
)
CHOICE_OVER_LIFETIME = _kind(
    "A202",
    "medium",
    "The consent cookie outlives the choice",
    "A choice is kept for consent_lifetime and asked again then; six months without a policy, as the CNIL recommends.",
    "Give the consent cookie the lifetime of the choice, from its making.",
)
CHOICE_COOKIE_OPEN = _kind(
    "A203",
    "medium",
    "The consent cookie can be written by others",
    "The consent cookie is HttpOnly and has SameSite; over https it is Secure and has a __Host- or __Secure- prefix.",
    "Send the consent cookie with these attributes.",
)
FORGED_ACCEPTED = _kind(
    "A204",
    "high",
    "A forged consent counts",
    "Only a choice that the visitor made counts; a forged one is no choice.",
    "Sign the consent cookie and verify it with every request.",
)
FOREIGN_ACCEPTED = _kind(
    "A205",
    "high",
    "A consent signed by another site counts",
    "Only a choice made on this site counts.",
    "Verify the signature with a key that no other site has.",
)
EXPIRED_ACCEPTED = _kind(
    "A206",
    "high",
    "An expired consent counts",
    "After consent_lifetime a choice is no choice any more, whatever the browser still sends.",
    "Keep the instant of the choice inside the signed cookie and look at it.",
)
CHOICE_FROM_OTHER_ORIGIN = _kind(
    "A207",
    "high",
    "Another site can choose for the visitor",
    "Only a page of this site can choose: a foreign Origin is refused.",
    "Compare Origin with the request's own host.",
)
CHOICE_CROSS_SITE = _kind(
    "A208",
    "high",
    "A request that the browser marks as cross-site can choose for the visitor",
    "Only a page of this site can choose: Sec-Fetch-Site other than same-origin is refused.",
    "Heed Sec-Fetch-Site.",
)
CHOICE_UNATTRIBUTED = _kind(
    "A209",
    "medium",
    "A request that does not say where it comes from can choose for the visitor",
    "Without Sec-Fetch-Site, Origin and Referer nothing vouches for the visitor.",
    "Refuse what has none of the three.",
)
CHOICE_BY_GET = _kind(
    "A210",
    "high",
    "A link can choose for the visitor",
    "Following a link or loading an image is no consent.",
    "Take choices by POST only.",
)
NEXT_LEADS_OUT = _kind(
    "A211",
    "medium",
    "The choice redirects to any site that its address names",
    "The way back after a choice leads to a path of this site.",
    "Accept only local paths for the address to return to.",
)
WITHDRAWAL_LEAVES_COOKIES = _kind(
    "A212",
    "high",
    "A withdrawal leaves cookies behind",
    "A withdrawal expires the cookies of what was withdrawn, on the domain and path where they live.",
    "Expire them with name, Domain and Path as they were set.",
)
LAPSE_LEAVES_COOKIES = _kind(
    "A213",
    "medium",
    "Cookies of a lapsed choice stay",
    "When a choice has lapsed its cookies are expired with the next response.",
    "Expire cookies whose category is not allowed when they come with a request.",
)
GPC_IGNORED = _kind(
    "A214",
    "high",
    "Global Privacy Control is not heeded",
    "Sec-GPC: 1 counts as a refusal of the categories that the policy says.",
    "Read Sec-GPC before the first response is made.",
)
STATE_STORED = _kind(
    "A215",
    "medium",
    "The answer about one visitor's choice may be stored",
    "What is said about one visitor's choice is stored nowhere.",
    "Send Cache-Control: no-store.",
)

# Caches -------------------------------------------------------------------------------------------------------------

VARIANT_UNNAMED = _kind(
    "A301",
    "medium",
    "Caches are not told that a page depends on the choice",
    "A response that consent changes says Vary: Cookie, so that no browser shows the other one from its cache.",
    "Add Vary: Cookie, or Cache-Control: no-store.",
)
VARIANT_SHARED = _kind(
    "A302",
    "high",
    "Shared caches may give one visitor's page to another",
    "A response that consent changes is never public.",
    "Replace public and s-maxage by private; take out CDN-Cache-Control and Surrogate-Control.",
)
VARIANT_NOT_PRIVATE = _kind(
    "A303",
    "low",
    "Nothing keeps shared caches from storing a page that depends on the choice",
    "A response that consent changes says private or no-store.",
    "Add Cache-Control: private.",
)
ETAG_SHARED = _kind(
    "A304",
    "medium",
    "Two variants of a page have the same ETag",
    "An entity tag names one variant, or a refusal brings the other one back from a cache.",
    "Make the choice a part of the ETag.",
)
VARIANT_REVIVED = _kind(
    "A305",
    "high",
    "A page from before the choice is revived by “not modified”",
    "A 304 never confirms a variant that this visitor may not have.",
    "Compare If-None-Match with the tag of the variant that this visitor gets.",
)
COOKIE_IN_SHARED_RESPONSE = _kind(
    "A306",
    "medium",
    "A response that shared caches may keep sets a cookie",
    "A cookie is one visitor's own.",
    "Leave the cookie out, or make the response private.",
)
COOKIE_ON_304 = _kind(
    "A307",
    "medium",
    "A 304 sets a cookie",
    "A cache copies the fields of a 304 into what it has stored (RFC 9111, 3.2).",
    "Set cookies on full responses only.",
)

# A browser ----------------------------------------------------------------------------------------------------------

SCRIPT_COOKIE_UNALLOWED = _kind(
    "A401",
    "high",
    "A script sets a cookie without consent",
    "Scripts write nothing that needs consent before the visitor agrees, nor after a refusal.",
    "Withhold the script, or let the guard keep it from writing.",
)
SCRIPT_COOKIE_TOO_LONG = _kind(
    "A402",
    "medium",
    "A cookie set by a script lives longer than promised",
    "A cookie lives as long as the table of cookies tells visitors, whoever sets it.",
    "Configure the script to use a shorter lifetime.",
)
SCRIPT_COOKIE_UNDECLARED = _kind(
    "A403",
    "medium",
    "A script sets a cookie that nobody declared",
    "Every cookie is named in the policy, with its purpose and its category.",
    "Add [[cookies]] with its name, category and purpose to the policy.",
)
STORAGE_UNALLOWED = _kind(
    "A404",
    "high",
    "A script writes web storage without consent",
    "Web storage needs consent as cookies do.",
    "Withhold the script, or let the guard keep it from writing.",
)
STORAGE_UNDECLARED = _kind(
    "A405",
    "low",
    "A script writes web storage that nobody declared",
    "Every key of web storage is named in the policy.",
    "Add the key to the storage of a service.",
)
REQUEST_UNALLOWED = _kind(
    "A406",
    "high",
    "The browser asks a service for something without consent",
    "No third party that needs consent is asked for anything before the visitor agrees, nor after a refusal.",
    "Withhold what starts the request, named beside it.",
)
REQUEST_UNDECLARED = _kind(
    "A407",
    "low",
    "The browser asks a third party that nobody declared",
    "Every third party that learns of a visit is named.",
    "Declare it as a service, or as one of your own hosts (own_hosts in the policy, --own-host here).",
)
THIRD_PARTY_COOKIE = _kind(
    "A408",
    "high",
    "A third party keeps a cookie without consent",
    "No third party that needs consent is asked for anything before the visitor agrees, nor after a refusal.",
    "Withhold what loads from it; nothing here can expire what it keeps.",
)

# The audit itself ---------------------------------------------------------------------------------------------------

PAGE_UNREADABLE = _kind(
    "A901",
    "low",
    "A page could not be examined, or not to its end",
    "Every page that is linked can be read.",
    "Mend the page, or give the audit more time or room (--timeout, --megabytes).",
)
SERVER_ERROR = _kind(
    "A902",
    "low",
    "The server fails at a page",
    "A choice never breaks a page.",
    "Look into the server's log.",
)

KINDS: Mapping[str, Kind] = MappingProxyType(_EVERY)
"""Every kind by its id, in the order of ids."""
