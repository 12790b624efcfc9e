"""What docs/headers.md is made from: every header that we have to do with, and requests in which one sees it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from consent_middleware import Decision

Fields = tuple[tuple[str, str], ...]
Side = Literal["request", "response", "ours"]

POLICY: dict[str, Any] = {
    "policy": {"version": "2026-11-21", "controller": "Example SARL", "contact": "dpo@example.org"},
    "categories": {"necessary": {"required": True}, "analytics": {}, "marketing": {"gpc": True}},
    "cookies": [
        {"name": "session", "category": "necessary"},
        {"name": "basket", "category": "necessary", "lifetime": "30 days"},
    ],
    "services": [
        {
            "id": "own-stats",
            "name": "Own statistics",
            "provider": "Example SARL",
            "category": "analytics",
            "cookies": [{"name": "_stats"}],
            "scripts": ["stats.example.net/"],
        }
    ],
}
"""The policy of every case, as far as the case does not say otherwise."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """A header we have to do with. What we do with it is not said here: the cases show it."""

    name: str
    side: Side
    why: str
    when: str
    setting: str = ""
    rule: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request and its response. ``settings`` are what its policy says beside POLICY.

    ``chosen`` is what the visitor did before, an action of the settings. ``revalidates`` asks anew for what an earlier
    request got; ``breaks`` lets the HTML gate fail. ``environment`` is that of the server, for a request from the same
    machine. ``channel`` is another than a plain response.
    """

    title: str
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    chosen: str = ""
    method: str = "GET"
    path: str = "/"
    scheme: str = "https"
    host: str = "shop.example.org"
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    asks: Fields = ()
    cookies: tuple[str, ...] = ()
    body: bytes = b""
    status: int = 200
    answers: Fields = (("Content-Type", "text/plain"),)
    sets: tuple[str, ...] = ()
    page: bytes = b"hello"
    act: Callable[[Decision], object] | None = None
    revalidates: bool = False
    breaks: bool = False
    times: int = 1
    channel: Literal["http", "hint", "trailers", "websocket"] = "http"


_PAGES = "a page, for a visitor for whom it could be another one"
_SEMANTICS, _CACHING = "RFC 9110", "RFC 9111"
_COOKIES = "RFC 6265bis"
_OF_PROXIES = "convention of proxies"

HEADERS: tuple[Header, ...] = (
    Header(
        name="Cookie",
        side="request",
        why="holds the choice; and what waits for consent is not shown to the application",
        when="always",
        setting="`undeclared_cookies`",
        rule=f"{_COOKIES} 5.8.3",
    ),
    Header(
        name="Host",
        side="request",
        why="on which domains a cookie is to be expired; what the own origin of a choice is; in the record of a choice",
        when="always",
        rule=f"{_SEMANTICS} 7.2",
    ),
    Header(
        name="Sec-GPC",
        side="request",
        why="`1` refuses the categories that say so, until the visitor chooses otherwise here",
        when="the response depends on consent",
        setting="`gpc` of a category",
        rule="W3C Global Privacy Control",
    ),
    Header(
        name="DNT",
        side="request",
        why="the same, of old browsers",
        when="the response depends on consent",
        setting="`dnt = true`",
        rule="W3C Tracking Preference Expression 5.2",
    ),
    Header(
        name="Sec-Fetch-Dest",
        side="request",
        why="whether a browser shows what it gets, so that it is gated and has a banner, or runs it as a worker",
        when="pages are gated",
        rule="W3C Fetch Metadata 2.1",
    ),
    Header(
        name="Accept",
        side="request",
        why="the same, of browsers that send no `Sec-Fetch-Dest`",
        when="pages are gated, over plain http and for old browsers",
        rule=f"{_SEMANTICS} 12.5.1",
    ),
    Header(
        name="X-Requested-With",
        side="request",
        why="a script asks, so what it gets has no banner",
        when="the same, without `Sec-Fetch-Dest`",
        rule="convention of jQuery and others",
    ),
    Header(
        name="HX-Request",
        side="request",
        why="htmx asks, so what it gets has no banner",
        when="the same, without `Sec-Fetch-Dest`",
        rule="htmx, request headers",
    ),
    Header(
        name="Accept-Language",
        side="request",
        why="the language of what we say to the visitor",
        when="we say something, and neither the page nor the address names a language",
        setting="`languages`",
        rule=f"{_SEMANTICS} 12.5.4",
    ),
    Header(
        name="Accept-Encoding",
        side="request",
        why="a page has to come in a coding that can be gated: gzip, deflate or none; files of ours come in gzip",
        when=f"{_PAGES}; files of ours",
        rule=f"{_SEMANTICS} 12.5.3",
    ),
    Header(
        name="If-None-Match",
        side="request",
        why="the browser names the variant of a page it has; the application knows only its own tag, and none that "
        "would bring another visitor's variant back",
        when=_PAGES,
        rule=f"{_SEMANTICS} 13.1.2",
    ),
    Header(
        name="If-Modified-Since",
        side="request",
        why="a date is the same for every variant of a page, so it must not decide",
        when=_PAGES,
        rule=f"{_SEMANTICS} 13.1.3",
    ),
    Header(
        name="Sec-Fetch-Site",
        side="request",
        why="only a page of the same origin can choose or erase",
        when="a choice is sent to us",
        rule="W3C Fetch Metadata 2.3",
    ),
    Header(
        name="Origin",
        side="request",
        why="the same, where there is no `Sec-Fetch-Site`",
        when="a choice is sent to us",
        rule="RFC 6454 7",
    ),
    Header(
        name="Referer",
        side="request",
        why="the same, where there is no `Origin` either",
        when="a choice is sent to us",
        rule=f"{_SEMANTICS} 10.1.3",
    ),
    Header(
        name="Content-Type",
        side="request",
        why="whether a choice is a form or JSON; whether a report is one",
        when="at our own addresses",
        rule=f"{_SEMANTICS} 8.3",
    ),
    Header(
        name="Content-Length",
        side="request",
        why="no more is read than a choice can be long (16 KiB)",
        when="at our own addresses, behind WSGI",
        rule=f"{_SEMANTICS} 8.6",
    ),
    Header(
        name="Sec-Purpose",
        side="request",
        why="a page fetched ahead of time is not counted as shown",
        when="banners are counted for the ledger",
        setting="`[banner] count = true`",
        rule="Fetch, Sec-Purpose",
    ),
    Header(
        name="Purpose",
        side="request",
        why="the same, of browsers that send no `Sec-Purpose`",
        when="banners are counted for the ledger",
        setting="`[banner] count = true`",
        rule="convention of older browsers",
    ),
    *(
        Header(
            name=name,
            side="request",
            why="what the middleware saw is shown to nobody who comes through a proxy",
            when="at `/_consent/report`, on a machine for development",
            setting="`CONSENT_DEVELOPMENT` in the environment",
            rule=rule,
        )
        for name, rule in (
            ("Connection", f"{_SEMANTICS} 7.6.1"),
            ("Forwarded", "RFC 7239 4"),
            ("Via", f"{_SEMANTICS} 7.6.3"),
            ("X-Forwarded-For", _OF_PROXIES),
            ("X-Forwarded-Host", _OF_PROXIES),
            ("X-Forwarded-Proto", _OF_PROXIES),
            ("X-Real-IP", _OF_PROXIES),
        )
    ),
    Header(
        name="Set-Cookie",
        side="response",
        why="a cookie leaves if its category may, no longer-lived than promised and no less protected; what was "
        "withdrawn or outlived is expired; a decision is kept in `__Host-consent`, first days of cookies in "
        "`__Host-consent-first`",
        when="always; on every status, on WebSocket handshakes, and never in trailers",
        setting="`[categories]`, `[[cookies]]`, `cookie_lifetime`, `undeclared_cookies`, `[floor]`",
        rule=f"{_COOKIES} 5.6 and 5.7, {_SEMANTICS} 6.5.1",
    ),
    Header(
        name="Date",
        side="response",
        why="browsers count `Expires` from it, so beside a `Date` of the application's own a lifetime is written anew",
        when="there are cookies",
        rule=f"{_COOKIES} 5.5",
    ),
    Header(
        name="Vary",
        side="response",
        why="caches are told what the response depends on",
        when="consent could have changed it",
        setting='`[html] cache = "shared"` for pages',
        rule=f"{_SEMANTICS} 12.5.5",
    ),
    Header(
        name="Cache-Control",
        side="response",
        why="one visitor's response is `private` and no longer `public`; `no-transform` is heeded: such a page is left "
        "alone",
        when="consent could have changed it",
        setting='`[html] cache = "shared"` for pages',
        rule=f"{_CACHING} 5.2.2.7 and 5.2.2.6",
    ),
    Header(
        name="CDN-Cache-Control",
        side="response",
        why="it would override `private`, as would any other name that ends so",
        when="consent could have changed the response",
        setting='`[html] cache = "shared"` for pages',
        rule="RFC 9213 2.1",
    ),
    Header(
        name="Surrogate-Control",
        side="response",
        why="the same, for older caches",
        when="consent could have changed the response",
        setting='`[html] cache = "shared"` for pages',
        rule="Edge Architecture Specification 2.3",
    ),
    Header(
        name="Content-Type",
        side="response",
        why="what is HTML is gated; scripts of workers get a wall",
        when="pages are gated",
        rule="Fetch, extract a MIME type",
    ),
    Header(
        name="Content-Encoding",
        side="response",
        why="a compressed page is opened, gated and compressed again; it is removed from a page of which nothing may "
        "leave",
        when=_PAGES,
        setting='`[html] on_fault = "withhold"`',
        rule=f"{_SEMANTICS} 8.4",
    ),
    Header(
        name="Content-Language",
        side="response",
        why="the banner speaks the language of the page",
        when="something is put into a page",
        setting="`languages`",
        rule=f"{_SEMANTICS} 8.5",
    ),
    Header(
        name="Content-Length",
        side="response",
        why="that of the page as it leaves; none if it streams",
        when=_PAGES,
        rule=f"{_SEMANTICS} 8.6",
    ),
    Header(
        name="ETag",
        side="response",
        why="names the variant too, so that no 304 brings another one back",
        when=_PAGES,
        rule=f"{_SEMANTICS} 8.8.3",
    ),
    Header(
        name="Last-Modified",
        side="response",
        why="a date cannot tell one variant from another",
        when=_PAGES,
        rule=f"{_SEMANTICS} 8.8.2",
    ),
    Header(
        name="Accept-Ranges",
        side="response",
        why="parts of a changed page would not fit together",
        when=_PAGES,
        rule=f"{_SEMANTICS} 14.3",
    ),
    *(
        Header(
            name=name,
            side="response",
            why="is only true of the application's own bytes",
            when=_PAGES,
            rule=rule,
        )
        for name, rule in (
            ("Content-MD5", "RFC 2616 14.15"),
            ("Content-Digest", "RFC 9530 2"),
            ("Repr-Digest", "RFC 9530 3"),
            ("Digest", "RFC 3230 4.3.2"),
        )
    ),
    Header(
        name="Link",
        side="response",
        why="what it loads of a withheld category is cut out, in early hints (103) too",
        when="a category is withheld",
        rule="RFC 8288 3, RFC 8297",
    ),
    Header(
        name="Refresh",
        side="response",
        why="does not lead to what is withheld",
        when="a category is withheld",
        rule="HTML, shared declarative refresh steps",
    ),
    Header(
        name="Speculation-Rules",
        side="response",
        why="the same",
        when="a category is withheld",
        rule="HTML, the Speculation-Rules header",
    ),
    Header(
        name="Content-Security-Policy",
        side="response",
        why="the application's own is read for the nonce that our scripts need and never changed; a second one is a "
        "wall around what the visitor allows",
        when="a page, or a worker's script, for a visitor without full consent",
        setting='`[html] csp = "enforce"`',
        rule="CSP Level 3, 4.2.3",
    ),
    Header(
        name="Content-Security-Policy-Report-Only",
        side="response",
        why="the same wall, which stops nothing and tells",
        when="the same",
        setting='`[html] csp = "report"`',
        rule="CSP Level 3, 3.2",
    ),
    Header(
        name="Reporting-Endpoints",
        side="response",
        why="where browsers send what the wall stops: `/_consent/csp-report`",
        when="the same, over https",
        setting="`[html] csp`",
        rule="Reporting API 3.2",
    ),
    Header(
        name="Permissions-Policy",
        side="response",
        why="the browser keeps the visitor's topics to itself; what the application says about them stands",
        when="a page, for a visitor who has not accepted the categories named",
        setting="`[html] browsing_topics`",
        rule="W3C Permissions Policy 5.1",
    ),
    Header(
        name="Consent-Report",
        side="response",
        why="what became of its cookies, for who debugs it: names and reason codes, no values",
        when="something was done, or in report mode would have been",
        setting="`[reports] header = true`",
        rule="RFC 9651 3.1",
    ),
    Header(
        name="Content-Type",
        side="ours",
        why="what the answer is",
        when="always",
        rule=f"{_SEMANTICS} 8.3",
    ),
    Header(
        name="Content-Encoding",
        side="ours",
        why="files are sent compressed to whoever reads gzip",
        when="files of ours",
        rule=f"{_SEMANTICS} 8.4",
    ),
    Header(
        name="Content-Length",
        side="ours",
        why="how long it is",
        when="always",
        rule=f"{_SEMANTICS} 8.6",
    ),
    Header(
        name="X-Content-Type-Options",
        side="ours",
        why="it is that and nothing else",
        when="always",
        rule="Fetch, X-Content-Type-Options",
    ),
    Header(
        name="Cache-Control",
        side="ours",
        why="nobody keeps one visitor's answer; files with a hash in their name are kept for ever",
        when="always",
        rule=f"{_CACHING} 5.2.2, RFC 8246",
    ),
    Header(
        name="Content-Security-Policy",
        side="ours",
        why="our pages are forms with a style sheet, and need nothing else; no other site can frame the settings",
        when="pages of ours",
        rule="CSP Level 3",
    ),
    Header(
        name="Referrer-Policy",
        side="ours",
        why="other sites do not learn that somebody read them; our own addresses may, to know a choice as their own",
        when="pages of ours",
        rule="W3C Referrer Policy",
    ),
    Header(
        name="Content-Language",
        side="ours",
        why="its language",
        when="the cookie policy page",
        rule=f"{_SEMANTICS} 8.5",
    ),
    Header(
        name="Vary",
        side="ours",
        why="on what an answer depends: the visitor's choice, language, and coding",
        when="pages, the state, files of ours; and wherever a cookie is set",
        rule=f"{_SEMANTICS} 12.5.5",
    ),
    Header(
        name="Location",
        side="ours",
        why="back to the page of the form, a path of this site",
        when="a form was accepted",
        rule=f"{_SEMANTICS} 10.2.2",
    ),
    Header(
        name="Set-Cookie",
        side="ours",
        why="the choice, signed; what was withdrawn is expired",
        when="something was decided",
        setting="`cookie_domain`, `consent_lifetime`",
        rule=f"{_COOKIES} 4.1",
    ),
    Header(
        name="Allow",
        side="ours",
        why="which methods there are",
        when="the method is another one (405)",
        rule=f"{_SEMANTICS} 10.2.1",
    ),
    Header(
        name="Retry-After",
        side="ours",
        why="when to ask again",
        when="a visitor asks for the own records too often (429)",
        rule=f"{_SEMANTICS} 10.2.3",
    ),
)

_DOCUMENT: Fields = (("Sec-Fetch-Dest", "document"),)
_FORM: Fields = (("Content-Type", "application/x-www-form-urlencoded"),)
_SAME_ORIGIN: Fields = (("Sec-Fetch-Site", "same-origin"),)
_HTML: Fields = (("Content-Type", "text/html; charset=utf-8"),)
_ACCEPT = b"action=accept-all&next=/"
_PAGE = b"<!DOCTYPE html><title>Shop</title><script src=https://stats.example.net/s.js></script>"
_ZIPPED = gzip.compress(_PAGE, compresslevel=0, mtime=0)  # as long with every zlib
_YEARS = "Max-Age=63072000"

CASES: tuple[Case, ...] = (
    Case(
        title="What consent has no say in leaves as it came",
        answers=(("Content-Type", "text/css"), ("Cache-Control", "public, max-age=31536000"), ("ETag", '"v1"')),
        asks=(("If-None-Match", '"v0"'), ("Accept-Encoding", "br"), ("Sec-Fetch-Dest", "style")),
        cookies=("session=1",),
        sets=("session=2; Path=/; HttpOnly; SameSite=Lax",),
        page=b"p {}",
    ),
    Case(
        title="Before a choice only what is necessary passes, either way",
        cookies=("session=1", "_stats=2"),
        sets=("session=1; Path=/; HttpOnly", "_stats=2; Path=/", "nobody_declared=1"),
    ),
    Case(
        title="No empty Cookie header is left over",
        cookies=("_stats=2",),
    ),
    Case(
        title="After consent it passes, and its first day is remembered",
        chosen="accept-all",
        cookies=("_stats=2",),
        sets=(f"_stats=2; {_YEARS}; Path=/",),
    ),
    Case(
        title="Lifetimes are cut to what was promised, and written so that all browsers agree",
        answers=(("Content-Type", "text/plain"), ("Date", "Sat, 21 Nov 2026 12:00:00 GMT")),
        sets=(
            f"basket=1; {_YEARS}; Path=/",
            "session=1; Max-Age=+60",
            "basket=2; Expires=Sun, 22 Nov 2026 12:00:00 GMT",
            "session=\x01; a line that browsers ignore",
        ),
    ),
    Case(
        title="What deletes a cookie always passes",
        sets=("_stats=; Max-Age=0; Path=/", "_stats=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Domain=example.org"),
    ),
    Case(
        title="A floor for attributes",
        settings={"floor": {"same_site": "lax", "secure": "https", "http_only": ["session"]}},
        sets=("session=1; Path=/", "basket=1; SameSite=None", "basket=2; Path=/; Secure; SameSite=Strict"),
    ),
    Case(
        title="The application decides for the visitor",
        act=lambda decision: decision.grant("analytics"),
        sets=("_stats=2; Path=/",),
    ),
    Case(
        title="The browser's signal",
        asks=(("Sec-GPC", "1"),),
        act=lambda decision: decision.allows("marketing"),
    ),
    Case(
        title="Do Not Track",
        settings={"policy": {"dnt": True}},
        asks=(("DNT", "1"),),
        act=lambda decision: decision.allows("marketing"),
    ),
    Case(
        title="A page before the choice",
        asks=(*_DOCUMENT, ("Accept-Encoding", "gzip, br, zstd"), ("Accept-Language", "fr")),
        answers=(
            *_HTML,
            ("Content-Length", str(len(_PAGE))),
            ("Content-Language", "en"),
            ("Vary", "Accept-Encoding"),
            ("Cache-Control", "public, max-age=600"),
            ("CDN-Cache-Control", "max-age=3600"),
            ("Surrogate-Control", "max-age=3600"),
            ("ETag", '"v1"'),
            ("Last-Modified", "Fri, 20 Nov 2026 12:00:00 GMT"),
            ("Accept-Ranges", "bytes"),
            ("Content-MD5", "Q2hlY2sgSW50ZWdyaXR5IQ=="),
            ("Digest", "md5=Q2hlY2sgSW50ZWdyaXR5IQ=="),
            ("Content-Digest", "sha-256=:AAAA:"),
            ("Repr-Digest", "sha-256=:AAAA:"),
            ("Permissions-Policy", "camera=()"),
            ("X-Frame-Options", "DENY"),
        ),
        page=_PAGE,
    ),
    Case(
        title="The same page for who has accepted everything",
        chosen="accept-all",
        asks=_DOCUMENT,
        answers=(
            *_HTML,
            ("Content-Length", str(len(_PAGE))),
            ("Cache-Control", "max-age=600"),
            ("ETag", '"v1"'),
            ("Last-Modified", "Fri, 20 Nov 2026 12:00:00 GMT"),
        ),
        page=_PAGE,
    ),
    Case(
        title="A page that stays in shared caches",
        settings={"html": {"cache": "shared"}},
        asks=_DOCUMENT,
        answers=(*_HTML, ("Cache-Control", "public, max-age=600"), ("ETag", '"v1"')),
        page=_PAGE,
    ),
    Case(
        title="A browser comes back with the variant that it has",
        asks=(*_DOCUMENT, ("If-Modified-Since", "Fri, 20 Nov 2026 12:00:00 GMT")),
        revalidates=True,
        answers=(*_HTML, ("ETag", '"v1"')),
        page=_PAGE,
    ),
    Case(
        title="A browser comes back with what it kept from before there was a gate",
        asks=(*_DOCUMENT, ("If-None-Match", '"v1"')),
        answers=(*_HTML, ("ETag", '"v1"')),
        page=_PAGE,
    ),
    Case(
        title="A page that says no-transform is left alone",
        asks=_DOCUMENT,
        answers=(*_HTML, ("Cache-Control", "no-transform"), ("ETag", '"v1"')),
        page=_PAGE,
    ),
    Case(
        title="A compressed page",
        asks=_DOCUMENT,
        answers=(*_HTML, ("Content-Encoding", "gzip"), ("Content-Length", str(len(_ZIPPED)))),
        page=_ZIPPED,
    ),
    Case(
        title="A page for a browser that says little of what it wants, over plain http",
        scheme="http",
        asks=(("Accept", "text/html,*/*"),),
        answers=(*_HTML, ("ETag", '"v1"')),
        page=_PAGE,
    ),
    Case(
        title="A fragment that a script asks for",
        asks=(("Accept", "text/html"), ("X-Requested-With", "XMLHttpRequest")),
        chosen="accept-all",
        answers=_HTML,
        page=b"<p>",
    ),
    Case(
        title="A fragment that htmx asks for",
        asks=(("Accept", "text/html"), ("HX-Request", "true")),
        chosen="accept-all",
        answers=_HTML,
        page=b"<p>",
    ),
    Case(
        title="A page fetched ahead of time",
        settings={"banner": {"count": True}},
        asks=(*_DOCUMENT, ("Sec-Purpose", "prefetch")),
        answers=_HTML,
        page=_PAGE,
    ),
    Case(
        title="A page fetched ahead of time by an older browser",
        settings={"banner": {"count": True}},
        asks=(*_DOCUMENT, ("Purpose", "prefetch")),
        answers=_HTML,
        page=_PAGE,
    ),
    Case(
        title="The wall, enforced, beside the application's own policy",
        settings={"html": {"csp": "enforce", "browsing_topics": []}},
        asks=_DOCUMENT,
        answers=(*_HTML, ("Content-Security-Policy", "script-src 'nonce-r4nd0m'; object-src 'none'")),
        page=_PAGE,
    ),
    Case(
        title="The wall that only reports",
        settings={"html": {"csp": "report", "browsing_topics": []}},
        asks=_DOCUMENT,
        answers=(*_HTML, ("Content-Security-Policy-Report-Only", "script-src 'nonce-r4nd0m'")),
        page=_PAGE,
    ),
    Case(
        title="Headers that load like markup",
        answers=(
            ("Content-Type", "text/plain"),
            ("Link", "</shop.css>; rel=preload; as=style, <https://stats.example.net/>; rel=preconnect"),
            ("Refresh", "5; url=https://stats.example.net/counted"),
            ("Speculation-Rules", '"/rules.json", "https://stats.example.net/rules.json"'),
        ),
    ),
    Case(
        title="An early hint (103)",
        channel="hint",
        answers=(
            ("Link", "</shop.css>; rel=preload; as=style"),
            ("Link", "<https://stats.example.net/s.js>; rel=preload; as=script"),
        ),
    ),
    Case(
        title="A WebSocket's handshake",
        channel="websocket",
        scheme="wss",
        status=101,
        answers=(),
        sets=("session=1; Path=/; Secure; HttpOnly", "_stats=2; Path=/"),
    ),
    Case(
        title="Trailers",
        channel="trailers",
        answers=(("Server-Timing", "db;dur=53"), ("Set-Cookie", "session=1")),
    ),
    Case(
        title="The gate itself fails, and the policy would rather have no page",
        settings={"html": {"on_fault": "withhold"}},
        asks=_DOCUMENT,
        breaks=True,
        answers=(*_HTML, ("Content-Encoding", "gzip"), ("Content-Length", "312")),
        page=b"",
    ),
    Case(
        title="Report mode changes nothing",
        settings={"policy": {"mode": "report"}, "floor": {"secure": "https"}, "banner": {"show": False}},
        asks=(*_DOCUMENT, ("Accept-Encoding", "br")),
        cookies=("_stats=2",),
        sets=(f"_stats=2; {_YEARS}; Path=/",),
        answers=(*_HTML, ("Cache-Control", "public"), ("ETag", '"v1"'), ("Content-Length", str(len(_PAGE)))),
        page=_PAGE,
    ),
    Case(
        title="Report mode tells on the response what it would do",
        settings={"policy": {"mode": "report"}, "reports": {"header": True}},
        sets=("_stats=2; Path=/", "nobody_declared=1"),
    ),
    Case(title="The settings", path="/_consent/settings", asks=(("Accept-Language", "fr"),)),
    Case(title="The cookie policy", path="/_consent/policy", asks=(("Accept-Language", "fr"),)),
    Case(title="The state", path="/_consent/state"),
    Case(
        title="A choice by form",
        path="/_consent/choice",
        method="POST",
        asks=(*_FORM, *_SAME_ORIGIN),
        body=_ACCEPT,
    ),
    Case(
        title="A choice by form, from a browser that tells its origin",
        path="/_consent/choice",
        method="POST",
        asks=(*_FORM, ("Origin", "https://shop.example.org")),
        body=_ACCEPT,
    ),
    Case(
        title="A choice by form, from a browser that tells where it comes from",
        path="/_consent/choice",
        method="POST",
        asks=(*_FORM, ("Referer", "https://shop.example.org/about")),
        body=_ACCEPT,
    ),
    Case(
        title="A choice by script",
        path="/_consent/choice",
        method="POST",
        asks=(("Content-Type", "application/json"), *_SAME_ORIGIN),
        body=b'{"action": "reject-all"}',
    ),
    Case(
        title="A choice that another site sends",
        path="/_consent/choice",
        method="POST",
        asks=(*_FORM, ("Sec-Fetch-Site", "cross-site")),
        body=_ACCEPT,
    ),
    Case(
        title="A withdrawal",
        path="/_consent/choice",
        method="POST",
        chosen="accept-all",
        cookies=("_stats=2",),
        asks=(*_FORM, *_SAME_ORIGIN),
        body=b"action=withdraw&next=/",
    ),
    Case(title="The visitor's records", path="/_consent/record", chosen="accept-all"),
    Case(title="The visitor's records, once too often", path="/_consent/record", chosen="accept-all", times=11),
    Case(
        title="The visitor's records are erased, and the choice with them",
        path="/_consent/erase",
        method="POST",
        chosen="accept-all",
        asks=(*_FORM, *_SAME_ORIGIN),
    ),
    Case(
        title="What a browser reports about the wall",
        settings={"html": {"csp": "report"}},
        path="/_consent/csp-report",
        method="POST",
        asks=(("Content-Type", "application/csp-report"),),
        body=b"{}",
    ),
    Case(
        title="What the middleware saw, for developers",
        environment={"CONSENT_DEVELOPMENT": "1"},
        path="/_consent/report",
        host="localhost",
        scheme="http",
    ),
    Case(title="A file of ours", path="/_consent/<file>", asks=(("Accept-Encoding", "gzip, br"),)),
    Case(
        title="That the site abides by the signal",
        settings={"policy": {"gpc_json": True}},
        path="/.well-known/gpc.json",
    ),
    Case(title="An address that is none", path="/_consent/nothing"),
    Case(title="A method that is none", path="/_consent/state", method="DELETE"),
)
