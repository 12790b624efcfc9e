"""The whole story of a request, without any I/O: what the application may see, and what may leave.

A shell opens one Exchange per request and drives it in a fixed order: ``is_ours`` and, if so, ``answer``; otherwise
``visible`` for each Cookie header, then the application, then ``start`` with its status and headers, and the body
through ``body`` if there is one. What ``take_records`` gives is to be stored before ``start`` or before the reply
leaves; ``store_failed`` says that it could not be done. A ``question`` is to be put to the ledger before the reply.

Header gates fail closed: should anything here raise, only what is necessary passes, and the page is still served.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from .bodies import Body
from .caching import is_shared, keep_private, vary_on
from .cookie_gate import CookieGate
from .decision import Decision, Standing
from .endpoints import Refusal
from .engine import Engine
from .http import Headers, Reply, Request, is_set_cookie
from .markup import Markup
from .own_cookies import choice_name, hint_name, own_line
from .plain import RawHeaders, set_cookies
from .proof import Proof
from .record import Question, Record, Shown
from .report_header import NAME as REPORT_HEADER
from .report_header import consent_report
from .reports import route_of
from .signals import GPC_PATH
from .sweeping import may_sweep, sweep, unwanted
from .variants import is_marked
from .views import Views
from .walls import Walls

logger = logging.getLogger("consent_middleware")


class Exchange:
    """One request and its response. See the module for the order of calls."""

    __slots__ = (
        "_cookies",
        "_engine",
        "_is_forgotten",
        "_proof",
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
        self._cookies: CookieGate | None = None
        self._is_forgotten = False
        self._proof: Proof | None = None
        self._recorded = 0
        self._reply: Reply | None = None
        self._variant: str | None = None
        self.body: Body | None = None
        """What the body of the response goes through, once ``start`` has found it to be a page to be gated."""
        self.gates_pages = engine.markup is not None
        """Whether pages are gated for anybody, and their headers therefore to be looked at."""
        self.is_ours = request.path.startswith(engine.inside_prefix) or (
            engine.policy.gpc_json and request.path == GPC_PATH and not request.root
        )
        """Whether this request is for our own addresses, and the application never sees it."""
        self.decision = Decision(engine, request)
        self.question: Question | None = None
        """What ``answer`` found the visitor to ask of the ledger; without an answer there is nothing to be had."""

    @property
    def enforces(self) -> bool:
        """Whether anything changes; otherwise all is only looked at, and everything is to leave as it came."""
        return self._engine.enforces

    # The request

    def shows_all(self, headers: Iterable[str]) -> bool:
        """Whether these Cookie headers plainly may be seen as they are, which spares asking ``visible`` for each.

        Plainly: every cookie is a necessary one, as most are. It is a single match, not a microsecond for each cookie.
        """
        return all(map(self._engine.holds_only_necessary, headers))

    def visible(self, header: str) -> str:
        """Return a Cookie header as the application may see it, the same object when nothing is hidden."""
        try:
            return header if self.shows_all((header,)) else self._cookie_gate().visible(header)
        except Exception:
            logger.exception("consent.fault: request cookies could not be read; only necessary ones are shown")
            return self._engine.only_necessary_cookies(header) if self.enforces else header

    def shown_field(self, name: str, value: str) -> str | None:
        """Return a request header of ``markup.JUDGED`` as the application may see it; None: not at all."""
        try:
            markup = self._engine.markup
            if markup is None:
                return value
            if name == "if-none-match" and is_marked(value):
                self._variant = markup.variant(self._request, self._standing())
            return markup.shown_field(self._request, name, value, self._standing)
        except Exception:
            logger.exception("consent.fault: a request header could not be judged; the page will be sent anew")
            return None if self.enforces else value

    @property
    def may_gate_pages(self) -> bool:
        """Whether a page for this visitor has to pass through us byte by byte, and not as a file beside us."""
        try:
            markup = self._engine.markup
            return markup is not None and markup.may_change(self._request, self._standing())
        except Exception:
            logger.exception("consent.fault: a decision could not be read; pages pass through us to be safe")
            return True

    def answer(self, body: bytes | None) -> None:
        """Take in a request of ours; ``body`` is at most ``body_limit`` bytes, or None when there was more."""
        try:
            for header in self._request.cookies:
                self._cookie_gate().visible(header)
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
        return self._engine.endpoints.body_limit(self._request)

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
            return [self._prove().record()]
        except Exception:
            logger.exception("consent.fault: no record could be made; grants are not honoured without one")
            self.store_failed()
            return []

    def store_failed(self) -> list[Record]:
        """The records could not be stored: a grant is taken back, a refusal or withdrawal stands anyway.

        Returns the proof of what still stands, to be kept elsewhere until the ledger takes it.
        """
        if self.decision.keep_refusals():
            self._apologise()
        self._recorded = len(self.decision.acts)
        try:
            return [self._prove().record()] if self.decision.acts else []
        except Exception:
            logger.exception("consent.fault: no record could be made of a refusal; it is honoured all the same")
            return []

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

    def leaves_as_is(self, headers: RawHeaders) -> bool:
        """Whether a response with these headers plainly may leave as it is, without ``start``.

        Plainly: it is no page, nobody asked for the decision, and every cookie is a necessary one that keeps within its
        lifetime. Nothing then depends on the visitor, and nothing about the visitor is read.
        """
        try:
            decision, gate = self.decision, self._cookies
            if gate is not None and (gate.optional or gate.notes):
                return False
            if self._variant or decision.consulted or decision.acts:
                return False
            lines = set_cookies(headers, gates_pages=self.gates_pages, gates_scripts=self._gates_scripts)
            if lines is None:
                return False
            for line in lines:
                if not self._engine.is_plain(line, decision.now):
                    return False
        except Exception:
            return False  # start() meets the same fault, and knows what to do
        self.body = None  # of a page that an error takes the place of
        decision.close()
        return True

    def start(self, status: int, headers: Headers) -> Headers:
        """Return the headers as they may leave, the same list when nothing changes. From here on acting is an error."""
        self.decision.close()
        try:
            return self._gated(status, headers)
        except Exception:
            logger.exception("consent.fault: response headers could not be gated; only necessary cookies are sent")
            return self._engine.only_necessary(headers) if self.enforces else headers

    def hints(self, links: list[str]) -> list[str]:
        """Return the Link values of an early hint (103) as they may leave; none, should they be unreadable to us."""
        markup = self._engine.markup
        try:
            return markup.hints(self._request, links, self._standing()) if markup else links
        except Exception:
            logger.exception("consent.fault: early hints could not be judged; none are sent")
            return [] if self.enforces else links

    def leaves_unseen(self) -> None:
        """Note that a page leaves past us, as a file, because taking it in would not leave it as it is."""
        markup = self._engine.markup
        if self.body is not None and markup is not None:
            markup.note_unseen(self._request)

    def trailers(self, headers: Headers) -> Headers:
        """Return trailer fields without Set-Cookie, which is not allowed there (RFC 9110, 6.5.1)."""
        left = [field for field in headers if not is_set_cookie(field[0])]
        if len(left) != len(headers):
            self._cookie_gate().tell_of_trailers(value for name, value in headers if is_set_cookie(name))
        return left if self.enforces else headers

    # How it is done

    def _gates_scripts(self) -> bool:
        """Whether the headers of a script that answers this request are to be looked at."""
        walls = self._engine.walls
        return walls is not None and walls.bind_script(self._request)

    def _cookie_gate(self) -> CookieGate:
        if self._cookies is None:
            self._cookies = CookieGate(self._engine, self._request, self.decision)
        return self._cookies

    def _prove(self) -> Proof:
        if self._proof is None:
            self._proof = Proof(self._engine, self._request, self.decision)
        return self._proof

    def _apologise(self) -> None:
        if self.is_ours:
            self._reply = self._engine.endpoints.refuse(self._request, Refusal(503, "not-stored"))

    def _standing(self) -> Standing:
        """How the visitor stands as far as pages are concerned."""
        return self._engine.anybody if self._engine.shares_pages else self.decision.standing()

    def _page(self, markup: Markup, status: int, headers: Headers) -> tuple[Headers, bool, bool]:
        """Return the headers as they may leave with their page, if it is one; whether it is; and whether it is nobody
        else's. Sets ``body``.
        """
        self.body = None
        is_own = not self._engine.shares_pages
        try:
            variant = self._variant
            if status == 304 and variant is not None:
                # What the browser has is the variant it asked about, even if a decision was made since.
                return markup.not_modified(headers, lambda: variant), True, is_own
            headers, self.body, is_page = markup.headers(self._request, status, headers, self._standing)
            if self._engine.views is not None and self.body is not None:
                self._count_view(markup, self._engine.views)
            return headers, is_page, is_page and is_own
        except Exception:
            logger.exception("consent.fault: a page could not be gated")
            headers, self.body = markup.in_doubt(self._request, headers)
            return headers, True, True

    def _gated(self, status: int, headers: Headers) -> Headers:
        engine, decision = self._engine, self.decision
        personal = decision.consulted or bool(decision.acts)
        out: Headers = []
        # Browsers count Expires from the Date of the response, which some applications pass on from elsewhere.
        is_dated = any(len(name) == 4 and name.lower() == "date" for name, _ in headers)
        for field in headers:
            if is_set_cookie(field[0]):
                line, optional = self._cookie_gate().line(field[1], is_dated=is_dated)
                personal = personal or optional
                if line is None:
                    continue
                if line is not field[1]:
                    field = (field[0].strip(), line)
            out.append(field)
        if engine.markup is not None and not self.is_ours:
            out, is_page, is_own = self._page(engine.markup, status, out)
            personal = personal or is_own
            if engine.walls is not None and engine.walls.concern(self._request, out, is_page=is_page):
                out = self._walled(engine.walls, out)
                personal = personal or not engine.shares_pages
        own = self._own() if decision.acts else self._farewell()
        swept = self._swept(status, out)
        personal = personal or bool(swept)
        if personal:
            self._report_privacy(out)
        if not self.enforces:
            personal, swept = bool(own), []
        companion = self._companion(status) if personal and self.enforces else []
        out += [("Set-Cookie", line) for line in [*own, *swept, *companion]]
        if personal:
            out = keep_private(vary_on(out, engine.varies_on_signal if decision.depends_on_signal else ("Cookie",)))
        if self._cookies is not None and self._cookies.notes and not self.is_ours:
            out.append((REPORT_HEADER, consent_report(self._cookies.notes)))
        return headers if out == headers else out

    def _report_privacy(self, headers: Headers) -> None:
        """Tell of what shared caches will not keep any more, or would not: it is what enforcing costs."""
        reporter, request = self._engine.reporter, self._request
        level = logging.INFO if self.enforces else logging.WARNING
        if self.is_ours or not reporter.hears(level) or not is_shared(headers):
            return
        route = route_of(request.root, request.path)
        told = f"depends on consent, and {'is' if self.enforces else 'would be'} no longer for shared caches"
        reporter.report(level, "consent.H006", route, told, what="page", route=route)

    def _own(self) -> list[str]:
        proof = self._prove()
        return [proof.cookie(), proof.hint()] if self._engine.shares_pages else [proof.cookie()]

    def _walled(self, walls: Walls, headers: Headers) -> Headers:
        try:
            return walls.raised(self._request, headers, self._standing())
        except Exception:
            logger.exception("consent.fault: a decision could not be read; the browser is told to hold back all")
            return walls.raised(self._request, headers, self._engine.strictest)

    def _count_view(self, markup: Markup, views: Views) -> None:
        """Count that this visitor was asked, if it is one: most robots do not say what they want a document for."""
        request = self._request
        is_seen = request.header("sec-fetch-dest") == "document" or request.scheme == "http"
        is_ahead_of_time = "prefetch" in (request.header("sec-purpose") or request.header("purpose") or "")
        is_view = is_seen and not is_ahead_of_time and request.method == "GET"
        if is_view and markup.asks(request, self.decision.standing()):
            views.add(self.decision.now // 86400)

    def _farewell(self) -> list[str]:
        """The lines that expire our own cookies, for a visitor who wants to be forgotten."""
        if not self._is_forgotten:
            return []
        policy, scheme = self._engine.policy, self._request.scheme
        names = [choice_name(policy, scheme), *([hint_name(policy, scheme)] if self._engine.shares_pages else [])]
        return [own_line(policy, self._request, name, "", 0) for name in names]

    def _companion(self, status: int) -> list[str]:
        # What a 304 says goes into what caches have stored, so it says no more than its own cookies need.
        return self._cookies.companion(may_recall=status != 304) if self._cookies is not None else []

    def _swept(self, status: int, headers: Headers) -> list[str]:
        if self._cookies is None and not self.decision.acts:
            return []
        gate = self._cookie_gate()
        cookies = unwanted(self._engine, self.decision, gate.optional, gate.outlived)
        if not cookies or not may_sweep(self.decision, status, headers):
            return []
        swept = sweep(self._engine, self._request, cookies)
        gate.tell_of_sweep(swept)
        if self.enforces:
            gate.forget(swept)
        return [line for lines in swept.values() for line in lines]
