"""Our own addresses: where a visitor sees the settings and chooses, and where a page asks for the state.

Everything works with plain forms. Only a same-origin request can choose: a forged *yes* would be consent nobody gave.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from .assets import Asset, asset, takes_gzip
from .csp import REPORT_PATH
from .decision import Act, Decision
from .export import as_27560
from .http import Reply, Request
from .messages import language_for, language_of
from .pages import PAGE_HEADERS, notice_page
from .policy import Policy
from .policy_page import PAGE_HEADERS as POLICY_HEADERS
from .policy_page import CookiePolicy, Place, policy_url
from .record import Question, Record
from .report_page import comes_from_this_machine, report_page
from .settings_page import SettingsPlace, settings_page
from .signals import GPC_PATH, support_resource
from .summary import Summary
from .violations import BODY_LIMIT as REPORT_LIMIT
from .violations import TYPES as REPORT_TYPES
from .violations import Violations

STYLES = (asset("consent.css"), asset("pages.css"))
"""What the pages of our own look like."""

BODY_LIMIT = 16 * 1024
"""Bytes of a choice that are read; a form with every category of a large policy stays far below."""

_NEXT_LIMIT = 2048
_ASKED_A_MINUTE = 10
_MOST_COUNTED = 10_000
_ONCE = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)
_NO_SNIFF = ("X-Content-Type-Options", "nosniff")
_COMMON = (("Cache-Control", "no-store"), _NO_SNIFF)
_JSON = (("Content-Type", "application/json"),)
_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)
_FORM_TYPE, _JSON_TYPE = "application/x-www-form-urlencoded", "application/json"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor's form or JSON asks for, read but not yet believed."""

    action: str
    categories: tuple[str, ...]
    next: str | None
    fingerprint: str | None
    once: str = ""


class Refusal(Exception):
    """A request of ours that is answered without doing anything; ``message`` is a key of the messages."""

    def __init__(self, status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


Route = Callable[[Request, Decision, bytes | None], Reply | Question]


class Endpoints:
    """Answers requests below ``prefix``; what is chosen goes into the decision, the exchange sends the cookies."""

    def __init__(
        self,
        policy: Policy,
        prefix: str,
        cookie_policy: CookiePolicy,
        assets: Iterable[Asset] = (),
        token: Callable[[], str] = str,
        summary: Summary | None = None,
    ) -> None:
        self._policy = policy
        self._token = token
        self._cookie_policy = cookie_policy
        self._prefix = prefix
        self.gives_back = False
        """Whether the ledger can show visitors their records, and erase them. The shell knows, once it has one."""
        self._asked = Allowance(_ASKED_A_MINUTE, 60)
        self._routes: dict[str, tuple[tuple[str, ...], Route]] = {
            "/state": (("GET", "HEAD"), self._state),
            "/settings": (("GET", "HEAD"), self._settings),
            "/choice": (("POST",), self._choice),
            "/policy": (("GET", "HEAD"), self._cookie_policy_page),
            "/record": (("GET", "HEAD"), self._record),
            "/erase": (("POST",), self._erase),
        }
        for file in (*STYLES, *assets):
            self._routes[file.path] = (("GET", "HEAD"), partial(_serve, file))
        if summary is not None:
            self._routes |= {
                "/report": (("GET", "HEAD"), partial(self._report, summary)),
                "/report.json": (("GET", "HEAD"), partial(self._report_data, summary)),
            }
        if policy.gpc_json:
            self._routes |= {GPC_PATH: (("GET", "HEAD"), self._gpc_support)}
        self._report_path = f"{prefix}/{REPORT_PATH}"
        if policy.html.csp != "off":
            self._violations = Violations()
            self._routes |= {f"/{REPORT_PATH}": (("POST",), self._csp_report)}

    def body_limit(self, request: Request) -> int:
        """Return how many bytes of the body of a request below the prefix are worth reading."""
        if request.method != "POST":
            return 0
        return REPORT_LIMIT if request.path == self._report_path else BODY_LIMIT

    def answer(self, request: Request, decision: Decision, body: bytes | None) -> Reply | Question:
        """Answer a request below the prefix, or return the question that only the ledger can answer.

        ``body`` is None when it was larger than ``body_limit`` allows.
        """
        try:
            methods, route = self._routes[request.path.removeprefix(self._prefix)]
        except KeyError:
            return self.refuse(request, Refusal(404, "not-found"))
        try:
            if request.method not in methods:
                raise Refusal(405, "wrong-method", (("Allow", ", ".join(methods)),))
            return route(request, decision, body)
        except Refusal as refusal:
            return self.refuse(request, refusal)

    def refuse(self, request: Request, refusal: Refusal) -> Reply:
        """Say why nothing was done, in the form the request came in."""
        if _content_type(request) == _JSON_TYPE:
            body = json.dumps({"error": refusal.message}).encode()
            return Reply(refusal.status, (*_JSON, *_COMMON, *refusal.headers), body)
        language = self.language_for(request)
        page = notice_page(
            language,
            self._policy.words(language),
            refusal.message,
            styles=self._styles(request),
            link=self._settings_url(request),
            link_text="again" if refusal.status != 404 else "title",
        )
        return Reply(refusal.status, (*PAGE_HEADERS, *_COMMON, *refusal.headers), page)

    def tell(self, request: Request, question: Question, found: Sequence[Record]) -> Reply:
        """Say what the ledger answered to a question."""
        if question.wish == "show":
            body = json.dumps([as_27560(record, self._policy) for record in found], indent=1, ensure_ascii=False)
            return Reply(200, (*_JSON, *_COMMON), body.encode())
        if _content_type(request) == _JSON_TYPE:
            return Reply(200, (*_JSON, *_COMMON), json.dumps({"erased": len(found)}).encode())
        return self.refuse(request, Refusal(200, "erased"))

    def state(self, decision: Decision) -> bytes:
        """The state as JSON: instants are epoch seconds, or null without a choice."""
        names = ("needs_asking", "categories", "source", "decided_at", "expires_at")
        state = {name: getattr(decision, name) for name in names}
        state["allowed"] = [name for name in self._policy.categories if decision.permits(name)]
        state["policy"] = {"version": self._policy.version, "fingerprint": self._policy.fingerprint}
        return json.dumps(state).encode()

    def _gpc_support(self, request: Request, decision: Decision, body: bytes | None) -> Reply:
        headers = (*_JSON, ("Cache-Control", "public, max-age=86400"), _NO_SNIFF)
        return Reply(200, headers, support_resource(self._policy.date))

    def _csp_report(self, request: Request, decision: Decision, body: bytes | None) -> Reply:
        """Take in what a browser reports. Whoever sends it learns nothing, least of all what was made of it."""
        status = 202
        if _content_type(request) not in REPORT_TYPES:
            status = 415
        elif body is None:
            status = 413
        elif not self._violations.has_room(decision.now):
            status = 429
        else:
            self._violations.take(body, request.host, decision.now)
        return Reply(status, (*_TEXT, *_COMMON))

    def _report(self, summary: Summary, request: Request, decision: Decision, body: bytes | None) -> Reply:
        """Show developers what the policy does: HTML, or what ``consent init`` reads."""
        if "application/json" in (request.header("accept") or ""):
            return self._report_data(summary, request, decision, body)
        if not comes_from_this_machine(request):
            raise Refusal(404, "not-found")
        json_url = f"{request.root}{self._prefix}/report.json"
        page = report_page(self._policy, summary.tell(), styles=self._styles(request), json_url=json_url)
        return Reply(200, (*PAGE_HEADERS, *_COMMON), page)

    def _report_data(self, summary: Summary, request: Request, decision: Decision, body: bytes | None) -> Reply:
        if not comes_from_this_machine(request):
            raise Refusal(404, "not-found")
        return Reply(200, (*_JSON, *_COMMON), json.dumps(summary.tell(), indent=1).encode())

    def _state(self, request: Request, decision: Decision, body: bytes | None) -> Reply:
        return Reply(200, (*_JSON, *_COMMON), self.state(decision))

    def _settings(self, request: Request, decision: Decision, body: bytes | None) -> Reply:
        here, language = f"{request.root}{self._prefix}", self.language_for(request)
        came_from = local_path(dict(parse_qsl(request.target.partition("?")[2])).get("next"))
        place = SettingsPlace(
            language=language,
            choice_url=f"{here}/choice?language={language}",
            policy_url=policy_url(self._policy, here, language),
            styles=self._styles(request),
            next_path=came_from or self._settings_url(request),
            home_path=came_from or f"{request.root}/",
            once=self._token(),
            record_url=f"{here}/record" if self.gives_back else "",
            erase_url=f"{here}/erase?language={language}" if self.gives_back else "",
        )
        tables = partial(self._cookie_policy.table, self.place_of(request))
        page = settings_page(self._policy, decision, place, tables)
        return Reply(200, (*PAGE_HEADERS, *_COMMON), page)

    def _cookie_policy_page(self, request: Request, decision: Decision, body: bytes | None) -> Reply:
        place = self.place_of(request)
        page = self._cookie_policy.page(place, home=f"{request.root}/")
        told = (("Content-Language", place.language), ("Vary", "Accept-Language"), ("Cache-Control", "no-cache"))
        return Reply(200, (*POLICY_HEADERS, *told, _NO_SNIFF), page.encode())

    def place_of(self, request: Request, language: str = "") -> Place:
        """Return where the cookie policy is read: in this language, if the site has it, else in the visitor's."""
        language = self._spoken(language) or self.language_for(request)
        return Place(
            language=language,
            settings_url=f"{request.root}{self._prefix}/settings?language={language}",
            scheme=request.scheme,
        )

    def language_for(self, request: Request) -> str:
        """Return the language in which to address the visitor: the one that an address of ours names, or their own.

        Pages of the site lead to our addresses in the language in which they asked.
        """
        offered, default = self._policy.languages, self._policy.default_language
        return self._asked_language(request) or language_for(request.header("accept-language"), offered, default)

    def _asked_language(self, request: Request) -> str:
        """What ``?language=fr`` asks for at one of our own addresses, "" if the site does not speak it."""
        if not request.path.startswith(f"{self._prefix}/"):
            return ""
        query = request.target.partition("?")[2]
        try:
            return self._spoken(dict(parse_qsl(query, max_num_fields=20)).get("language", ""))
        except ValueError:
            return ""

    def _spoken(self, tag: str) -> str:
        language = language_of(tag)
        return language if language in self._policy.languages else ""

    def _settings_url(self, request: Request) -> str:
        asked = self._asked_language(request)
        return f"{request.root}{self._prefix}/settings" + (f"?language={asked}" if asked else "")

    def _styles(self, request: Request) -> tuple[str, ...]:
        return tuple(f"{request.root}{self._prefix}{style.path}" for style in STYLES)

    def _choice(self, request: Request, decision: Decision, body: bytes | None) -> Reply:
        if not comes_from_here(request):
            raise Refusal(403, "foreign-choice")
        if body is None:
            raise Refusal(413, "too-large")
        wish = read_wish(_content_type(request), body)
        if wish.fingerprint not in (None, self._policy.fingerprint):
            raise Refusal(409, "outdated-choice")
        # What is always granted, or a policy with nothing to choose, leaves nothing to decide.
        if (answers := self._answers(wish)) and not decision.repeats(answers):
            decision.decide(Act("visitor", wish.action, answers, wish.once))
        if _content_type(request) == _JSON_TYPE:
            return Reply(200, (*_JSON, *_COMMON), self.state(decision))
        return Reply(303, (("Location", wish.next or local_path(f"{request.root}/") or "/"), *_TEXT, *_COMMON))

    def _record(self, request: Request, decision: Decision, body: bytes | None) -> Question:
        return Question("show", self._subject(decision))

    def _erase(self, request: Request, decision: Decision, body: bytes | None) -> Question:
        if not comes_from_here(request):
            raise Refusal(403, "foreign-choice")
        return Question("erase", self._subject(decision))

    def _subject(self, decision: Decision) -> str:
        """The pseudonym that the visitor's cookie proves. Nobody can ask about another's."""
        receipt = decision.visit.receipt
        if receipt is None:
            raise Refusal(404, "not-found")
        if not self._asked.take(receipt.who, decision.now):
            raise Refusal(429, "too-often", (("Retry-After", "60"),))
        return receipt.who

    def _answers(self, wish: Wish) -> dict[str, bool]:
        policy = self._policy
        if not set(wish.categories) <= set(policy.categories):
            raise Refusal(400, "bad-choice")
        match wish.action:
            case "accept-all":
                # What comes only on request keeps the answer it had, or none.
                return {name: True for name in policy.choosable if not policy.categories[name].on_request}
            case "reject-all" | "withdraw":
                return dict.fromkeys(policy.choosable, False)
            case "save":
                return {name: name in wish.categories for name in policy.choosable}
            case "grant" if wish.categories:
                return {name: True for name in policy.choosable if name in wish.categories}
            case _:
                raise Refusal(400, "bad-choice")


def _serve(asset: Asset, request: Request, decision: Decision, body: bytes | None) -> Reply:
    # The name holds a hash of the content, so whoever has it may keep it for ever (RFC 8246).
    forever = ("Cache-Control", "public, max-age=31536000, immutable")
    headers = (("Content-Type", asset.media_type), forever, ("Vary", "Accept-Encoding"), _NO_SNIFF)
    if takes_gzip(request.header("accept-encoding") or ""):
        return Reply(200, (*headers, ("Content-Encoding", "gzip")), asset.compressed)
    return Reply(200, headers, asset.body)


class Allowance:
    """How often the same may be asked: ``times`` within ``seconds``, counted in this process.

    Whoever has no receipt asks nothing of the ledger, so there is nothing to count for them.
    """

    def __init__(self, times: int, seconds: int) -> None:
        self._times, self._seconds = times, seconds
        self._counts: dict[str, int] = {}
        self._until = 0

    def take(self, name: str, now: int) -> bool:
        """Use one, and return whether there was one left."""
        if now >= self._until or len(self._counts) > _MOST_COUNTED:
            self._counts, self._until = {}, now + self._seconds
        count = self._counts[name] = self._counts.get(name, 0) + 1
        return count <= self._times


def comes_from_here(request: Request) -> bool:
    """Whether the browser vouches that the request was made by a page of this very origin.

    Sec-Fetch-Site decides where it is sent, and it is right even under ``Referrer-Policy: no-referrer``, when Origin
    is ``null``. Older browsers, and every browser over plain http, leave Origin, else Referer, to compare.
    """
    site = request.header("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    source = request.header("origin")
    if source is None:
        source = request.header("referer")
    return source is not None and _is_own_origin(source, request)


def local_path(target: str | None) -> str | None:
    """Return ``target`` if it can only lead to a path of this site, else None.

    Browsers read ``//``, ``/\\`` and ``/<tab>/`` as the start of another host, so a second slash and any backslash or
    control character rule it out (WHATWG URL, relative slash state).
    """
    if target is None or len(target) > _NEXT_LIMIT or not target.startswith("/") or target.startswith("//"):
        return None
    if any(character <= " " or character == "\\" or character >= "\x7f" for character in target):
        return None
    return target


def read_wish(content_type: str, body: bytes) -> Wish:
    """Read a form or a JSON object. Raises Refusal for anything else."""
    if content_type == _FORM_TYPE:
        return _read_form(body)
    if content_type == _JSON_TYPE:
        return _read_json(body)
    raise Refusal(415, "wrong-type")


def _read_form(body: bytes) -> Wish:
    try:
        fields = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except ValueError:
        raise Refusal(400, "bad-choice") from None
    last = dict(fields)
    categories = tuple(value for name, value in fields if name == "category")
    return Wish(
        last.get("action", ""),
        categories,
        local_path(last.get("next")),
        last.get("fingerprint"),
        _mark(last.get("once")),
    )


def _read_json(body: bytes) -> Wish:
    try:
        wish = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "bad-choice") from None
    if not isinstance(wish, dict):
        raise Refusal(400, "bad-choice")
    fields = cast("dict[str, Any]", wish)
    action, next_path, fingerprint = fields.get("action"), fields.get("next"), fields.get("fingerprint")
    if not (isinstance(action, str) and isinstance(next_path, str | None) and isinstance(fingerprint, str | None)):
        raise Refusal(400, "bad-choice")
    once = fields.get("once")
    return Wish(action, _texts(fields.get("categories", [])), local_path(next_path), fingerprint, _mark(once))


def _mark(once: object) -> str:
    """The mark of a form, "" if it can be none of ours."""
    return once if isinstance(once, str) and _ONCE.fullmatch(once) else ""


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Refusal(400, "bad-choice")
    items = cast("list[object]", value)
    texts = tuple(item for item in items if isinstance(item, str))
    if len(texts) != len(items):
        raise Refusal(400, "bad-choice")
    return texts


def _content_type(request: Request) -> str:
    return (request.header("content-type") or "").partition(";")[0].strip().lower()


def _is_own_origin(source: str, request: Request) -> bool:
    try:
        parts = urlsplit(source)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        return False
    # Behind a proxy that ends TLS we may see http where the browser saw https; never the other way round.
    if request.scheme == "https" and parts.scheme != "https":
        return False
    return (parts.hostname, port or _port(parts.scheme)) == _host_and_port(request.host, parts.scheme)


def _host_and_port(host: str, scheme: str) -> tuple[str | None, int] | None:
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname, parts.port or _port(scheme)
    except ValueError:
        return None


def _port(scheme: str) -> int:
    return 443 if scheme == "https" else 80
