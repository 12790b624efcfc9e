"""Elements that hold text, ``noscript``, and what is done about a verdict: the part of the machine below the tags."""

from __future__ import annotations

from .document import Document
from .edits import hide
from .injection import InjectedDocument
from .plan import DEEPEST_DOCUMENT, SCRIPT_LIMIT, Plan
from .tokens import CLOSE_TAG, Buffer, advance_script
from .verdicts import DULL, UNDECLARED, Body, Embed, Finding, Verdict


class JudgedDocument(InjectedDocument):
    """A document that is gated: scripts and styles by their text, tags by their verdicts."""

    # Elements that hold text --------------------------------------------------------------------------------------

    def _script(self, buffer: Buffer, at: int) -> int:
        at, self._script_state, is_end = advance_script(buffer, at, self._script_state)
        is_held = self._verdict.body is not Body.NO_MATTER
        if is_end:
            if is_held:
                self._decide_script(buffer, self._verdict.body, bytes(buffer[self._body : at]))
            return self._end_of_text(buffer, at)
        if is_held and len(buffer) - self._start > SCRIPT_LIMIT:
            self._decide_script(buffer, self._verdict.body, bytes(buffer[self._body : at]))
            self._verdict = DULL
            is_held = False
        return self._wait(self._start if is_held else at, at)

    def _decide_script(self, buffer: Buffer, body: Body, text: bytes) -> None:
        """Decide about the script whose tag stands at ``_start`` by the text inside it."""
        judge = self._judge
        category = judge.of_speculation(text) if body is Body.SPECULATION else judge.of_script(text)
        if category is not None:
            self._silence(buffer, category)

    def _silence(self, buffer: Buffer, category: str, *, svg: bool = False) -> None:
        tag = bytes(buffer[self._start : self._body])
        self._report((Finding("script", category, "", True),))
        self.stream.replace(self._start, self._body, self._judge.silence(tag, len(b"<script"), category, svg=svg))

    def _text(self, buffer: Buffer, at: int) -> int:
        ending = CLOSE_TAG[self._name].search(buffer, at)
        is_gated = self._plan.css and self._name == b"style"
        if ending is None:
            at = max(at, len(buffer) - len(self._name) - len(b"</"))
            return self._wait_in_css(buffer, at) if is_gated else self._wait(at, at)
        if is_gated:
            self._gate_css(buffer, ending.start())
        return self._end_of_text(buffer, ending.start())

    def _svg_style(self, buffer: Buffer, at: int) -> int:
        """A style sheet in SVG is what stands in ``style`` as text or in CDATA sections, whatever markup is between."""
        self._body = at
        self._step = self._svg_style_text
        return at

    def _svg_style_text(self, buffer: Buffer, at: int) -> int:
        ending = buffer.find(b"<", at)
        if ending < 0:
            return self._wait_in_css(buffer, len(buffer))
        self._gate_css(buffer, ending)
        self._step = self._token
        return ending

    def _cdata(self, buffer: Buffer, at: int) -> int:
        if not (self._plan.css and self._foreign.in_svg_style):
            return super()._cdata(buffer, at)
        ending = buffer.find(b"]]>", at)
        if ending < 0:
            return self._wait_in_css(buffer, max(at, len(buffer) - len(b"]]")))
        self._gate_css(buffer, ending)
        self._step = self._svg_style
        return ending + len(b"]]>")

    def _wait_in_css(self, buffer: Buffer, at: int) -> int:
        """Hold a style sheet until its end is there, or as much of it as may be held."""
        if at - self._body > SCRIPT_LIMIT:
            self._gate_css(buffer, at)
        return self._wait(min(self._body, at), at)

    def _gate_css(self, buffer: Buffer, end: int) -> None:
        text = bytes(buffer[self._body : end])
        gated = self._judge.gate_css(text)
        if gated != text:
            self.stream.replace(self._body, end, gated)
        self._body = end

    def _end_of_text(self, buffer: Buffer, at: int) -> int:
        """Go on behind the end tag that begins here; it is read like any other only if it is more than its name."""
        after = at + len(b"</") + len(self._name)
        if buffer[after : after + 1] == b">":
            self._step = self._content()
            return after + 1
        self._ends_text = True
        self._step = self._token
        return at

    def _plaintext(self, buffer: Buffer, at: int) -> int:
        return self._wait(len(buffer), len(buffer))

    # noscript: text for browsers that run scripts, markup for the others ------------------------------------------

    def _inside_noscript(self) -> Document:
        plan = self._plan_inside
        if plan is None or plan.judge is not self._judge:
            plan = self._plan_inside = Plan(
                judge=self._judge,
                on_finding=self._plan.on_finding,
                css=self._plan.css,
                scripting=False,
                is_fragment=True,
                depth=self._plan.depth,
            )
        return type(self)(plan)

    def _noscript(self, buffer: Buffer, at: int) -> int:
        ending = CLOSE_TAG[b"noscript"].search(buffer, at)
        upto = ending.start() if ending else max(at, len(buffer) - len(b"</noscript"))
        self.stream.copy(at)
        self._pass_inside(buffer, at, upto)
        if ending is None:
            return self._wait(upto, upto)
        self._close_inside(upto)
        return self._end_of_text(buffer, upto)

    def _pass_inside(self, buffer: Buffer, start: int, end: int) -> None:
        if self._inner is not None and start < end:
            self.stream.move(end)
            self._take_inside(self._inner, end, self._inner.feed(bytes(buffer[start:end])))

    def _close_inside(self, place: int) -> None:
        if self._inner is not None:
            self._take_inside(self._inner, place, self._inner.close())
            self._inner = None

    def _take_inside(self, inner: Document, place: int, gated: bytes) -> None:
        is_changed = self.stream.is_changed or inner.stream.is_changed
        self.stream.insert(place, gated)
        self.stream.is_changed = is_changed

    # Judging ------------------------------------------------------------------------------------------------------

    def _gate(self, name: bytes, buffer: Buffer, start: int, end: int, *, svg: bool = False) -> Verdict:
        tag = bytes(buffer[start:end])
        verdict = self._judge.of_tag(name, tag, self._gate_document, svg=svg)
        if verdict is DULL:
            return verdict
        self._report(verdict.findings)
        if verdict.tag is not None:
            replacement = self._with_placeholder(verdict.embed, verdict.tag, start)
            self.stream.replace(start, end, replacement)
        return verdict

    def _with_placeholder(self, embed: Embed | None, tag: bytes, start: int) -> bytes:
        plan = self._plan
        if embed is None or plan.placeholder is None or self._foreign:
            return tag
        placeholder = plan.placeholder(embed, self.language)
        if not placeholder:
            return tag
        self.stream.insert(start, placeholder)
        return hide(tag, 1 + len(embed.element))

    def _report(self, findings: tuple[Finding, ...]) -> None:
        for finding in findings:
            self._plan.on_finding(finding)

    def _gate_document(self, document: bytes) -> str | None:
        """Gate a document that stands in an attribute; the category of the first thing withheld in it, or None."""
        if self._plan.depth >= DEEPEST_DOCUMENT:
            return UNDECLARED if b"<" in document else None
        withheld: list[Finding] = []
        inner = type(self)(
            Plan(
                judge=self._judge,
                on_finding=lambda finding: withheld.append(finding) if finding.withheld else None,
                css=self._plan.css,
                depth=self._plan.depth + 1,
            )
        )
        inner.feed(document)
        inner.close()
        return withheld[0].category if withheld else None
