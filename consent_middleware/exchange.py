"""The whole story of a request, without any I/O: what the application may see, and what may leave.

A shell opens one Exchange per request and drives it in a fixed order: ``is_ours`` and, if so, ``answer``; otherwise
``visible`` for each Cookie header, then the application, then ``start`` with its status and headers, and the body
through ``body`` if there is one. What ``take_records`` gives is to be stored before ``start`` or before the reply
leaves; ``store_failed`` says that it could not be done. A ``question`` is to be put to the ledger before the reply.

Header gates fail closed: should anything here raise, only what is necessary passes, and the page is still served.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence

from .bodies import Body
from .caching import is_shared, keep_private, vary_on
from .cookies import SetCookie, cap_line, deletions, read_set_cookie, visible_cookies
from .decision import Decision
from .endpoints import BODY_LIMIT, Refusal
from .engine import Engine, Kind
from .html import UNDECLARED
from .http import Headers, Reply, Request, is_set_cookie
from .markup import JUDGED, Markup
from .messages import language_for
from .policy import CookieRule
from .record import Question, Record, Shown, State
from .release import release
from .seal import Receipt
from .variants import is_marked

logger = logging.getLogger("consent_middleware")

_SWEEP_LIMIT = 4096
"""Bytes of deletions in one response. Common proxies buffer 4 to 8 kB of headers and fail beyond; what does not fit
is hidden from the application all the same and expired with the next response."""

_HOST = re.compile(r"[A-Za-z0-9._\[\]:-]{1,255}", re.ASCII)


class Exchange:
    """One request and its response. See the module for the order of calls."""

    __slots__ = (
        "_engine",
        "_is_forgotten",
        "_optional",
        "_receipt",
        "_recorded",
        "_reply",
        "_request",
        "_variant",
        "body",
        "decision",
        "gates_pages",
        "is_ours",
        "question",
    )

    def __init__(self, engine: Engine, request: Request) -> None:
        self._engine = engine
        self._request = request
        self._is_forgotten = False
        self._optional: dict[str, CookieRule] = {}
        self._receipt: Receipt | None = None
        self._recorded = 0
        self._reply: Reply | None = None
        self._variant: str | None = None
        self.body: Body | None = None
        """What the body of the response goes through, once ``start`` has found it to be a page to be gated."""
        self.gates_pages = engine.markup is not None
        """Whether pages are gated for anybody, and their headers therefore to be looked at."""
        self.is_ours = request.path.startswith(engine.inside_prefix)
        """Whether this request is for our own addresses, and the application never sees it."""
        self.decision = Decision(engine, request)
        self.question: Question | None = None
        """What ``answer`` found the visitor to ask of the ledger; without an answer there is nothing to be had."""

    # The request

    def shows_all(self, headers: Iterable[str]) -> bool:
        """Whether these Cookie headers plainly may be seen as they are, which spares asking ``visible`` for each.

        Plainly: every cookie is a necessary one, as most are (0.2 microseconds for each instead of 1).
        """
        always = self._engine.always_shown
        for header in headers:
            for pair in header.split(";"):
                name, equals, _ = pair.partition("=")
                if name not in always or not equals:
                    return False
        return True

    def visible(self, header: str) -> str:
        """Return a Cookie header as the application may see it, the same object when nothing is hidden."""
        try:
            return visible_cookies(header, self._shows, self._engine.always_shown, self._shows_bare)
        except Exception:
            logger.exception("consent.fault: request cookies could not be read; only necessary ones are shown")
            return self._engine.only_necessary_cookies(header)

    @property
    def judged_fields(self) -> frozenset[str]:
        """The request headers, in lower case and Cookie aside, of which ``shown_field`` wants to be asked."""
        return JUDGED if self.gates_pages else frozenset()

    def shown_field(self, name: str, value: str) -> str | None:
        """Return a judged request header as the application may see it; None: not at all."""
        try:
            markup = self._engine.markup
            if markup is None:
                return value
            if is_marked(value):
                self._variant = markup.variant(self._request, self._withheld())
            return markup.shown_field(self._request, name, value, self._withheld)
        except Exception:
            logger.exception("consent.fault: a request header could not be judged; the page will be sent anew")
            return None

    @property
    def may_gate_pages(self) -> bool:
        """Whether a page for this visitor has to pass through us byte by byte, and not as a file beside us."""
        try:
            return self.gates_pages and bool(self._withheld())
        except Exception:
            logger.exception("consent.fault: a decision could not be read; pages pass through us to be safe")
            return True

    def answer(self, body: bytes | None) -> None:
        """Take in a request of ours; ``body`` is at most ``body_limit`` bytes, or None when there was more."""
        try:
            for header in self._request.cookies:
                visible_cookies(header, self._shows, allows_bare=self._shows_bare)
            answer = self._engine.endpoints.answer(self._request, self.decision, body)
            if isinstance(answer, Question):
                self.question = answer
                answer = self._engine.endpoints.refuse(self._request, Refusal(404, "not-found"))
            self._reply = answer
        except Exception:
            logger.exception("consent.fault: a request of our own could not be answered; nothing was changed")
            self.decision.undo()
            self._apologise()

    @property
    def body_limit(self) -> int:
        """How many bytes of the body of a request of ours are worth reading."""
        return BODY_LIMIT if self._request.method == "POST" else 0

    # The response

    @property
    def has_errands(self) -> bool:
        """Whether there is something to be settled with the ledger: a choice to be stored, or a question."""
        return len(self.decision.acts) != self._recorded or self.question is not None

    def take_records(self) -> list[Record]:
        """Return, once, the proof of what was decided in this request: to be stored before the visitor is told."""
        if len(self.decision.acts) == self._recorded:
            return []
        self._recorded = len(self.decision.acts)
        try:
            return [self._record()]
        except Exception:
            logger.exception("consent.fault: no record could be made; grants are not honoured without one")
            self.store_failed()
            return []

    def store_failed(self) -> list[Record]:
        """The records could not be stored: a grant is taken back, a refusal or withdrawal stands anyway.

        Returns the proof of what still stands, to be kept elsewhere until the ledger takes it.
        """
        self._recorded = 0
        if self.decision.keep_refusals():
            self._apologise()
        try:
            return [self._record()] if self.decision.acts else []
        except Exception:
            logger.exception("consent.fault: no record could be made of a refusal; it is honoured all the same")
            return []
        finally:
            self._recorded = len(self.decision.acts)

    def stored_before(self, instant: int) -> None:
        """The same choice was stored at ``instant`` already, by the first of two clicks: the receipt is that one's."""
        self.decision.move(instant)

    def shown(self, records: Sequence[Record]) -> list[Shown]:
        """Return what was shown to whoever made these choices."""
        return [self._engine.shown_in(language) for language in {record.language for record in records}]

    def answered(self, found: list[Record]) -> None:
        """The ledger has done what was asked; ``found`` are the records concerned."""
        question = self.question
        if question is not None and found:
            self._reply = self._engine.endpoints.tell(self._request, question, found)
            if question.wish == "erase":
                # Consent that nobody can prove any more is none (GDPR, article 7(1)).
                self._is_forgotten = True
                self.decision.forget()

    def ask_failed(self) -> None:
        """The ledger could not answer: nothing was changed, and the visitor is told so."""
        self._reply = self._engine.endpoints.refuse(self._request, Refusal(503, "no-ledger"))

    @property
    def reply(self) -> Reply:
        """The answer to a request of ours as it leaves, cookies included."""
        reply = self._reply
        if reply is None:
            raise RuntimeError("reply: answer() comes first")
        headers = self.start(reply.status, [*reply.headers, ("Content-Length", str(len(reply.body)))])
        return Reply(reply.status, tuple(headers), b"" if self._request.method == "HEAD" else reply.body)

    def leaves_as_is(self, set_cookies: Iterable[str]) -> bool:
        """Whether a response with these Set-Cookie lines, and no page, plainly may leave as it is, without ``start``.

        Plainly: nobody asked for the decision, and every cookie is a necessary one that keeps within its lifetime.
        """
        try:
            return self._is_plain(set_cookies)
        except Exception:
            return False  # start() meets the same fault, and knows what to do

    def _is_plain(self, set_cookies: Iterable[str]) -> bool:
        decision = self.decision
        if self._optional or self._variant or decision.consulted or decision.acts:
            return False
        for line in set_cookies:
            if not self._engine.is_plain(line, decision.now):
                return False
        decision.close()
        return True

    def start(self, status: int, headers: Headers) -> Headers:
        """Return the headers as they may leave, the same list when nothing changes. From here on acting is an error."""
        self.decision.close()
        try:
            return self._gated(status, headers)
        except Exception:
            logger.exception("consent.fault: response headers could not be gated; only necessary cookies are sent")
            return self._engine.only_necessary(headers)

    def hints(self, links: list[str]) -> list[str]:
        """Return the Link values of an early hint (103) as they may leave; none, should they be unreadable to us."""
        markup = self._engine.markup
        try:
            return markup.hints(self._request, links, self._withheld()) if markup else links
        except Exception:
            logger.exception("consent.fault: early hints could not be judged; none are sent")
            return []

    def trailers(self, headers: Headers) -> Headers:
        """Return trailer fields without Set-Cookie, which is not allowed there (RFC 9110, 6.5.1)."""
        return [field for field in headers if not is_set_cookie(field[0])]

    # How it is done

    def _apologise(self) -> None:
        if self.is_ours:
            self._reply = self._engine.endpoints.refuse(self._request, Refusal(503, "not-stored"))

    def _withheld(self) -> frozenset[str]:
        permits, engine = self.decision.permits, self._engine
        withheld = [name for name in engine.policy.choosable if not permits(name)]
        if engine.markup is not None and engine.markup.withholds_undeclared and self.decision.visit.applies:
            withheld.append(UNDECLARED)
        return frozenset(withheld)

    def _page(self, markup: Markup, status: int, headers: Headers) -> tuple[Headers, bool]:
        """Return the headers as they may leave with their page, if it is one, and whether it is; sets ``body``."""
        self.body = None
        try:
            if status == 304 and self._variant is not None:
                # What the browser has is the variant it asked about, even if a decision was made since.
                return markup.not_modified(headers, self._variant), True
            headers, self.body, is_page = markup.headers(self._request, status, headers, self._withheld())
            return headers, is_page
        except Exception:
            logger.exception("consent.fault: a page could not be gated")
            headers, self.body = markup.in_doubt(self._request, headers)
            return headers, True

    def _gated(self, status: int, headers: Headers) -> Headers:
        engine, decision = self._engine, self.decision
        personal = decision.consulted or bool(decision.acts)
        out: Headers = []
        # Browsers count Expires from the Date of the response, which some applications pass on from elsewhere.
        is_dated = any(len(name) == 4 and name.lower() == "date" for name, _ in headers)
        for field in headers:
            if is_set_cookie(field[0]):
                line, optional = self._line(field[1], is_dated=is_dated)
                personal = personal or optional
                if line is None:
                    continue
                if line is not field[1]:
                    field = (field[0].strip(), line)
            out.append(field)
        if engine.markup is not None and not self.is_ours:
            out, is_page = self._page(engine.markup, status, out)
            personal = personal or is_page
        own = self._own_cookie() if decision.acts else self._own_deletion() if self._is_forgotten else []
        unwanted = self._unwanted() if engine.enforces else {}
        swept = self._sweep(unwanted) if unwanted and self._may_sweep(status, out) else []
        out += [("Set-Cookie", line) for line in [*own, *swept]]
        if (personal or swept) and (engine.enforces or own):
            out = keep_private(vary_on(out, engine.varies_on))
        return headers if out == headers else out

    def _line(self, line: str, *, is_dated: bool) -> tuple[str | None, bool]:
        """Return a Set-Cookie line as it may leave (None: not at all), and whether consent could have changed that."""
        engine = self._engine
        cookie = read_set_cookie(line)
        if cookie is None:
            engine.reporter.report(logging.WARNING, "consent.C001", _name_in(line), "is in a line that browsers ignore")
            return (None if engine.enforces else line), False
        now = self.decision.now
        kind = engine.kind_of(cookie.name)
        optional = kind is not None and not kind.category.required
        if engine.applies is not None and not self.decision.visit.applies:
            return line, optional
        if not cookie.is_deletion(now) and not self._may_leave(cookie, kind):
            return (None if engine.enforces else line), optional
        session_only = kind is not None and kind.session_only
        capped = cap_line(cookie, line, now, engine.latest(kind, now), session_only, is_dated)
        if capped is not line:
            engine.reporter.report(
                logging.INFO, "consent.C004", cookie.name, "was given the lifetime that the policy allows"
            )
        return (capped if engine.enforces else line), optional

    def _may_leave(self, cookie: SetCookie, kind: Kind | None) -> bool:
        if not self._permits(cookie.name, kind):
            return False
        if cookie.name:
            return True
        # A nameless cookie comes back as its bare value, and servers find a name in that.
        as_read = cookie.value.partition("=")[0].strip()
        known = self._engine.kind_of(as_read)
        return known is None or self._permits(as_read, known)

    def _permits(self, name: str, kind: Kind | None, *, by_visitor: bool = False) -> bool:
        """Whether a cookie of this name may be set or seen."""
        if kind is not None:
            if kind.category.required or self.decision.permits(kind.category.name):
                return True
            level = logging.DEBUG if self._engine.enforces else logging.WARNING
            self._engine.reporter.report(level, "consent.C002", name, f"waits for consent to {kind.category.name!r}")
            return False
        undeclared = self._engine.policy.undeclared_cookies
        reporter = self._engine.reporter
        if undeclared != "allow" and reporter.is_news("consent.C003", name, by_visitor=by_visitor):
            fate = "withheld" if undeclared == "withhold" and self._engine.enforces else "let through"
            reporter.report(logging.WARNING, "consent.C003", name, _declare(name, fate), by_visitor=by_visitor)
        return undeclared != "withhold" or not self.decision.visit.applies

    def _shows(self, name: str) -> bool:
        """Whether a request cookie may be seen, remembering what consent decides about."""
        kind = self._engine.kind_of(name)
        if kind is None:
            shown = self._permits(name, None, by_visitor=True)
        elif kind.category.required:
            return True
        else:
            self._optional[name] = kind.rule
            shown = self.decision.permits(kind.category.name)
        return shown or not self._engine.enforces

    def _shows_bare(self, text: str) -> bool:
        """Whether the text of a nameless cookie may be seen, as far as it is also a name that we know.

        It is a value, so it must not come into a log as a name that nobody declared.
        """
        return self._engine.kind_of(text) is None or self._shows(text)

    def _may_sweep(self, status: int, headers: Headers) -> bool:
        """Whether deletions may ride on this response.

        Not on a 304, whose fields a cache must copy into what it has stored (RFC 9111, 3.2), nor on what the
        application shares with everybody: there the deletion would reach visitors who did consent.
        """
        return bool(self.decision.acts) or (status != 304 and not is_shared(headers))

    def _sweep(self, unwanted: Mapping[str, CookieRule]) -> list[str]:
        """The lines that expire these cookies, as many as a response can carry."""
        lines: list[str] = []
        size = 0
        for name, rule in unwanted.items():
            expiring = self._deletions(name, rule)
            cost = sum(map(len, expiring))
            if cost > _SWEEP_LIMIT:  # it would never fit, and keep the others waiting for ever
                continue
            size += cost
            if size > _SWEEP_LIMIT:
                break
            lines += expiring
        return lines

    def _deletions(self, name: str, rule: CookieRule) -> list[str]:
        """The lines that expire one cookie at every place declared for it: one name may stand for several."""
        host, secure = self._request.host, self._request.scheme in ("https", "wss")
        lines = (
            line
            for home in self._engine.homes[rule.name]
            for line in deletions(
                name, host, secure=secure, domain=home.domain, paths=(home.path,), partitioned=home.partitioned
            )
        )
        return list(dict.fromkeys(lines))

    def _unwanted(self) -> dict[str, CookieRule]:
        """What the visitor no longer allows and may still have, as far as we know it."""
        seen = {name: rule for name, rule in self._optional.items() if not self.decision.permits(rule.category)}
        if not self.decision.acts:
            return seen
        withdrawn = {name for act in self.decision.acts for name, granted in act.answers.items() if not granted}
        # A cookie that lives on another path is not sent with this request, so it is expired unseen.
        elsewhere = {
            rule.name: rule
            for rule in self._engine.policy.rules
            if rule.category in withdrawn and rule.path != "/" and not rule.name.endswith("*")
        }
        return {**seen, **{n: r for n, r in elsewhere.items() if not self.decision.permits(r.category)}}

    def _own_cookie(self) -> list[str]:
        """Our own cookie, sent only when something was decided: a choice never slides along with visits."""
        receipt, now = self._new_receipt(), self.decision.visit.now
        lifetime = self._engine.policy.consent_lifetime
        age = max(lifetime.end(choice.at) for choice in receipt.choices.values()) - now
        request = self._request
        parts = [
            f"{self._engine.cookie_name(request.scheme)}={self._engine.seal.dumps(receipt)}",
            f"Max-Age={age}",
            "Path=/",
            "HttpOnly",
            "SameSite=Lax",
        ]
        if request.scheme in ("https", "wss"):
            parts.append("Secure")
        domain = (self._engine.policy.cookie_domain or "").lstrip(".")
        hostname = request.host.partition(":")[0].lower()
        if domain and (hostname == domain or hostname.endswith(f".{domain}")):
            parts.append(f"Domain={domain}")
        return ["; ".join(parts)]

    def _own_deletion(self) -> list[str]:
        request, policy = self._request, self._engine.policy
        secure = request.scheme in ("https", "wss")
        name = self._engine.cookie_name(request.scheme)
        return list(
            deletions(name, request.host, secure=secure, domain=policy.cookie_domain, paths=("/",), partitioned=False)
        )

    def _new_receipt(self) -> Receipt:
        act, previous = self.decision.acts[-1], self._receipt or self.decision.visit.receipt
        if previous is not None:
            who = previous.who
        else:
            who = self._engine.seal.pseudonym(act.once) if act.once else self._engine.token()
        self._receipt = Receipt(who, act.source, self.decision.choices)
        return self._receipt

    def _record(self) -> Record:
        decision, engine, receipt = self.decision, self._engine, self._new_receipt()
        act = decision.acts[-1]
        now, previous = decision.visit.now, decision.visit.receipt
        choices = {name: choice.granted for name, choice in decision.choices.items()}
        language = language_for(self._request.header("accept-language"))
        return Record(
            record_id=engine.seal.id_of(receipt),
            subject=receipt.who,
            previous=previous.id if previous else None,
            state=_state_of(act.mechanism, choices),
            choices=choices,
            decided_at=now,
            expires_at=engine.policy.consent_lifetime.end(now),
            mechanism=act.mechanism,
            source=act.source,
            policy_version=engine.policy.version,
            fingerprint=engine.policy.fingerprint,
            ui_hash=engine.shown_in(language).hash,
            language=language,
            host=_host_in(self._request.host),
            gpc=decision.gpc,
            middleware_version=release(),
        )


def _state_of(mechanism: str, choices: Mapping[str, bool]) -> State:
    if any(choices.values()):
        return "given" if all(choices.values()) else "partial"
    return "withdrawn" if mechanism in ("withdraw", "deny") else "refused"


def _host_in(header: str) -> str:
    """What the Host header says, "" if it can name no host: a visitor can write anything there."""
    return header.lower() if _HOST.fullmatch(header) else ""


def _name_in(line: str) -> str:
    """The name in a line that browsers do not read, "" if it could as well be a value."""
    name, equals, _ = line.partition(";")[0].partition("=")
    return name.strip(" \t") if equals else ""


def _declare(name: str, fate: str) -> str:
    if not name:
        return f"was {fate}: a cookie without a name cannot be declared"
    # JSON strings are TOML strings, and in them no visitor's cookie name begins a line of the log.
    quoted = json.dumps(name[:80])
    return f"was {fate}: no rule of the policy declares it; add [[cookies]] with name = {quoted} and its category"
