"""Content-Security-Policy: what the application's own says about our scripts, and the one we put beside it.

A header may hold several policies, parted by commas, and a response several headers: all of them must allow what is
to load (CSP Level 3, sections 2.2.2 and 4.2.3). So a second header can only narrow what the first allows, and the
application's own need not be understood for that.

Ours is about hosts and nothing else: inline code, eval and data stay with the first policy. It lists what it allows,
because a policy cannot name what it forbids; whatever nobody declared is therefore stopped as well.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from urllib.parse import quote

from .http import Headers, Request
from .policy import Policy, Service

ENFORCED = "content-security-policy"
REPORTED = "content-security-policy-report-only"

_FOR_SCRIPTS = ("script-src-elem", "script-src", "default-src")
"""What decides about script elements, the first that is there (CSP Level 3, section 6.8.3)."""
_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_-]++={0,2}+)'", re.IGNORECASE)
_SPACE = " \t\n\f\r"
_NAME_LENGTHS = frozenset(map(len, (ENFORCED, REPORTED)))

REPORT_PATH = "csp-report"
"""Where browsers send what was stopped, below our prefix."""

_GROUP = "consent"
_OPEN = "'self' 'unsafe-inline' 'unsafe-eval' data: blob: filesystem: mediastream:"
"""The site's own origin, web sockets included, and what belongs to the page itself wherever it came from. Without a
nonce beside it 'unsafe-inline' counts for every inline script and style (CSP Level 3, section 6.7.3.2)."""
_MOST_PATHS = 4
"""Paths listed of one host before the host is listed as a whole; Facebook's SDK alone lies in one for each language."""


def nonce_of(headers: Headers) -> str:
    """Return the nonce with which the application lets script elements load, "" if its policies name none.

    A policy that is enforced goes before one that only reports. A tag bears one nonce only, so policies with
    different ones contradict each other; then it is that of the first.
    """
    found = {ENFORCED: "", REPORTED: ""}
    for name, value in headers:
        if len(name) in _NAME_LENGTHS and (key := name.lower()) in found and not found[key]:
            nonces = (_script_nonce(policy) for policy in value.split(","))
            found[key] = next((nonce for nonce in nonces if nonce), "")
    return found[ENFORCED] or found[REPORTED]


def takes_inline(headers: Headers) -> bool:
    """Whether a script of ours may stand in the page itself: with the nonce, or because no policy is about scripts.

    Where a policy allows inline scripts without a nonce it may still list hashes, which undo that; a file is then safe.
    """
    stated = [value for name, value in headers if name.lower() in (ENFORCED, REPORTED)]
    governing = [policy for value in stated for policy in value.split(",") if _governs_scripts(policy)]
    return not governing or bool(nonce_of(headers))


def _governs_scripts(policy: str) -> bool:
    directives = _directives(policy)
    return any(name in directives for name in _FOR_SCRIPTS)


def _script_nonce(policy: str) -> str:
    directives = _directives(policy)
    sources = next((directives[name] for name in _FOR_SCRIPTS if name in directives), ())
    nonces = (_NONCE.fullmatch(source) for source in sources)
    return next((nonce[1] for nonce in nonces if nonce), "")


def _directives(policy: str) -> dict[str, list[str]]:
    """The directives of one policy by their lower-case names; the first of a name counts (section 2.2.1)."""
    directives: dict[str, list[str]] = {}
    for part in policy.split(";"):
        words = re.split(f"[{_SPACE}]+", part.strip(_SPACE))
        directives.setdefault(words[0].lower(), words[1:])
    return directives


class Wall:
    """The second Content-Security-Policy of a site, built once.

    For a visitor without full consent it allows the site's own origin and hosts, and the services of the categories
    that this visitor allows; with ``csp = "report"`` browsers tell what they would stop and stop nothing. ``withheld``
    are, in every method, the categories that the visitor has not consented to.
    """

    def __init__(self, policy: Policy, prefix: str) -> None:
        only_reports = policy.html.csp == "report"
        self._field = "Content-Security-Policy-Report-Only" if only_reports else "Content-Security-Policy"
        self._path = f"{prefix}/{REPORT_PATH}"
        self._own = tuple(source for host in policy.html.own_hosts for source in _of_host(host))
        self._services = policy.page_services
        self._remembered = lru_cache(256)(self._value)

    def fields(self, request: Request, withheld: frozenset[str]) -> Headers:
        """Return the headers to add for this visitor; none for one who has consented to everything."""
        if not withheld:
            return []
        here = f"{request.root}{self._path}"
        is_secure = request.scheme == "https"
        fields = [(self._field, self._remembered(withheld, here, is_secure))]
        return [*fields, ("Reporting-Endpoints", f'{_GROUP}="{here}"')] if is_secure else fields

    def _value(self, withheld: Collection[str], endpoint: str, is_secure: bool) -> str:
        allowed = [service for service in self._services if service.category not in withheld]
        listed = " ".join([_OPEN, *_compact([*self._own, *_sources(allowed)])])
        # Browsers that know report-to ignore report-uri beside it, and over plain http they know no endpoint for it.
        group = f"; report-to {_GROUP}" if is_secure else ""
        return f"default-src {listed}; report-uri {endpoint}{group}"


def _sources(services: Iterable[Service]) -> list[str]:
    places: dict[str, list[str]] = {}
    for service in services:
        for script in service.scripts:
            host, _, path = script.partition("/")
            places.setdefault(host, []).append(path)
    return [source for host, paths in places.items() for source in _of_places(host, paths)]


def _of_places(host: str, paths: Iterable[str]) -> list[str]:
    ends = list(dict.fromkeys(end for path in paths for end in _ends(path)))
    if "" in ends or len(ends) > _MOST_PATHS:
        return _of_host(host)
    return [f"{name}/{quote(end, safe='/%')}" for name in _names(host) for end in ends]


def _of_host(host: str) -> list[str]:
    # A source without a scheme means that of the page, and so never a web socket (section 6.7.2.8).
    return [source for name in _names(host) for source in (name, f"wss://{name}")]


def _names(host: str) -> list[str]:
    has_none_below = host.startswith("www.") or host == "localhost" or host.replace(".", "").isdigit()
    return [host] if has_none_below else [host, f"*.{host}"]


def _ends(path: str) -> list[str]:
    """The paths that stand for the beginning of one; "" for all of a host.

    A source is either one path or, with a slash at its end, everything below it (section 6.7.2.12). The beginning
    ``maps`` stands for ``maps``, ``maps.js`` and ``maps/…``; of ``ads-`` nothing is certain but where it lies.
    """
    path, query, _ = path.partition("?")
    known, asterisk, _ = path.partition("*")
    folder, slash, last = known.rpartition("/")
    if asterisk or (last and not last[-1].isalnum()):
        return [folder + slash]
    if query or not last or "." in last:
        return [path]
    return [path, f"{path}/", f"{path}.js"]


def _compact(sources: Iterable[str]) -> list[str]:
    """Each source once, and none that lies below a host which is there as a whole."""
    distinct = list(dict.fromkeys(sources))
    whole = {source.removeprefix("*.") for source in distinct if source.startswith("*.") and "/" not in source}
    return [source for source in distinct if not _is_below(source, whole)]


def _is_below(source: str, whole: Collection[str]) -> bool:
    host, slash, _ = source.removeprefix("wss://").removeprefix("*.").partition("/")
    above = host if slash else host.partition(".")[2]
    while above:
        if above in whole:
            return True
        above = above.partition(".")[2]
    return False
