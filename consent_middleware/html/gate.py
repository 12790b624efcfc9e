"""The gate as its callers see it."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import lru_cache

from .ending import Ending
from .judge import Judge
from .machine import Machine
from .plan import Plan
from .rules import Rules
from .urls import NOWHERE, Location, ascii_host, locate
from .verdicts import Embed, Finding, Situation, ThirdParty

_UNREADABLE = ("utf-16", "utf-32", "utf-7", "iso2022", "hz")
"""Encodings, by the beginning of their codec's name, in which the bytes of markup may mean something else."""

_NOT_FOR_DOCUMENTS = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape")

_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")

_BEFORE_DOCUMENT = re.compile(rb"(?:\xef\xbb\xbf)?(?:[\t\n\f\r ]++|<!--(?:[^-]|-(?!->))*+-->|<\?[^>]*+>)*+")
_DOCUMENT_STARTS = (b"<!doctype", b"<html", b"<head", b"<body")
_LONGEST_BEGINNING = 4096

_NOTHING_TO_JUDGE = Judge(Rules(()), Situation(frozenset()), NOWHERE)
"""For visitors who consented to everything."""


def _ignore(finding: Finding) -> None:
    """Nobody asked for reports."""


class HTMLGate:
    """Makes what belongs to withheld categories inert in one HTML response, as a stream.

    ``feed`` takes chunks of any size and returns what may go out, ``close`` returns the rest; all output together
    does not depend on how the input was cut. Neither raises for anything a page may hold. An exception from a
    callback given here comes through; ``release`` then gives back every byte that has not gone out.

    **Where nothing is withheld** (and no third party either, and nobody asks for findings) only the injections are
    done, at next to no cost. ``inject_head`` goes where it would go otherwise. Behind it nothing is read, held back or
    copied: ``feed`` returns the very object it was given. ``inject_body_end`` is what ``close`` returns; behind
    ``</html>`` browsers read it as the end of the body. It is left out where the last kilobyte says that the document
    breaks off inside a tag, a comment or an element of text such as a script, or shows no end tag. With neither
    injection every chunk passes untouched, and ``close`` returns nothing.

    :param rules: what the site's trackers are.
    :param withheld: the categories this visitor has not consented to.
    :param page: the URL of the page, for relative addresses; its host is the site's own.
    :param encoding: what the response declares. Some encodings cannot be gated, see ``bypassed``.
    :param inject_head: markup to put right behind ``<head>``, or where it would be.
    :param inject_body_end: markup to put before ``</body>``, or at the end; where nothing is withheld, always at the
        end. A document that breaks off inside a tag or a script goes without it. Instead of markup, what returns it
        when the place for it is reached, given the document's language: what ``<html lang>`` says, character
        references decoded, "" without any. Nothing is held back for that, and behind the head no ``html`` tag counts.
    :param into_documents_only: inject only if it begins like a document and not like a fragment of one.
    :param charset_declared: whether the Content-Type header names the encoding. If it does not, a long
        ``inject_head`` goes behind ``<meta charset>``, which browsers look for in the first 1024 bytes only.
    :param third_party: what becomes of hosts that no rule knows: "allow", "report" (to ``on_finding``), "withhold".
    :param own_hosts: further hosts of the site's own; sub-domains are included.
    :param on_finding: called for every element the rules know, withheld or not, and for reported third parties.
    :param placeholder: called for each withheld iframe or video, with the document's language as above; the markup it
        returns is put in front of the embed, which is then hidden. It must escape what it takes from the page, and is
        well advised to return phrasing content, because the embed may stand in a paragraph.
    :param lazy_attributes: gate the attributes and script types of known lazy loaders and optimisers too.
    :param css: gate addresses in style elements and attributes too; every tag is then read, which costs about a third.
    :param speculation_rules: gate ``<script type=speculationrules>`` too.
    """

    def __init__(
        self,
        rules: Rules,
        withheld: Collection[str] = (),
        *,
        page: str = "",
        encoding: str = "utf-8",
        inject_head: bytes = b"",
        inject_body_end: bytes | Callable[[str], bytes] = b"",
        into_documents_only: bool = False,
        charset_declared: bool = True,
        third_party: ThirdParty = "allow",
        own_hosts: Iterable[str] = (),
        on_finding: Callable[[Finding], None] | None = None,
        placeholder: Callable[[Embed, str], bytes] | None = None,
        lazy_attributes: bool = False,
        css: bool = False,
        speculation_rules: bool = False,
    ) -> None:
        self.withheld: Counter[str] = Counter()
        """How many elements of each category were made inert so far."""
        codec = _codec(encoding)
        self.bypassed: str | None = codec if codec.startswith(_UNREADABLE) else None
        """The encoding because of which the document passes untouched, or None."""
        self._on_finding = on_finding or _ignore
        gates = bool(withheld) or third_party == "withhold" or on_finding is not None
        judge = _NOTHING_TO_JUDGE
        if gates:
            base = locate(page) if page else NOWHERE
            base = base if isinstance(base, Location) else NOWHERE
            hosts = (
                ascii_host(each.removeprefix("*.")) for each in (base.host.removeprefix("www."), *own_hosts) if each
            )
            situation = Situation(
                withheld=frozenset(withheld),
                third_party=third_party,
                own_hosts=tuple(sorted(set(hosts))),
                lazy_attributes=lazy_attributes,
                css=css,
                speculation_rules=speculation_rules,
                encoding=codec,
            )
            judge = Judge.shared(rules, situation, base)
        plan = Plan(
            judge=judge,
            on_finding=self._take_finding,
            placeholder=placeholder if gates else None,
            inject_head=inject_head,
            inject_body_end=inject_body_end,
            charset_declared=charset_declared,
            css=css,
        )
        self._plan = plan
        self._machine = Machine(plan)
        self._is_doubtful = into_documents_only and bool(inject_head or inject_body_end)
        self._feed = self._feed_first
        self._feed_next = self._feed_machine if gates else self._feed_prologue
        self._first = b""
        self._ending = Ending()
        self._has_injected_body_end = False

    def feed(self, chunk: bytes) -> bytes:
        """Take in the next bytes of the document and return those that may go out."""
        return self._feed(chunk) if chunk else b""

    def close(self) -> bytes:
        """Take in the end of the document and return what is left to go out."""
        if self._is_doubtful:
            self._inject_nothing()
        first, self._first = self._first, b""
        output = self._feed_next(first) if first else b""
        if self._feed_next == self._feed_tail:
            output += self._close_tail()
        elif self._feed_next != self._feed_untouched:
            output += self._machine.close()
        self._feed = self._feed_next = self._feed_untouched
        return output

    def release(self) -> bytes:
        """Give up: return every byte held back, edited or not, and let all that follows pass untouched."""
        held = self._machine.release() + self._first
        self._first = b""
        self._feed = self._feed_next = self._feed_untouched
        return held

    @property
    def is_changed(self) -> bool:
        """Whether anything of what was read so far goes out differently."""
        return self._machine.stream.is_changed or self._has_injected_body_end

    def _take_finding(self, finding: Finding) -> None:
        if finding.withheld:
            self.withheld[finding.category] += 1
        self._on_finding(finding)

    def _feed_first(self, chunk: bytes) -> bytes:
        """The first two bytes can say that the document is UTF-16, whatever the header says."""
        self._first += chunk
        if len(self._first) < 2 and self._first in (b"\xff", b"\xfe"):
            return b""
        if self._is_doubtful and not self._is_decided():
            return b""
        chunk, self._first = self._first, b""
        if chunk.startswith(_UTF_16_MARKS):
            self.bypassed = "utf-16"
        if self.bypassed:
            self._feed_next = self._feed_untouched
        self._feed = self._feed_next
        return self._feed(chunk)

    def _is_decided(self) -> bool:
        """Whether what came so far tells if this is a document; if it tells that it is none, nothing is injected."""
        is_document = begins_document(self._first)
        if is_document is None and len(self._first) < _LONGEST_BEGINNING:
            return False
        if not is_document:
            self._inject_nothing()
        self._is_doubtful = False
        return True

    def _inject_nothing(self) -> None:
        self._is_doubtful = False
        self._plan = replace(self._plan, inject_head=b"", inject_body_end=b"")
        self._machine = Machine(self._plan)

    def _feed_untouched(self, chunk: bytes) -> bytes:
        return chunk

    def _feed_machine(self, chunk: bytes) -> bytes:
        return self._machine.feed(chunk)

    # A visitor who consented to everything: only the injections are left to do ------------------------------------

    def _feed_prologue(self, chunk: bytes) -> bytes:
        output = self._machine.feed_until_injected(chunk)
        self._ending.note(chunk)
        if not self._machine.has_injected_head:
            return output
        self._feed = self._feed_next = self._feed_tail if self._plan.inject_body_end else self._feed_untouched
        return output + self._machine.stream.rest()

    def _feed_tail(self, chunk: bytes) -> bytes:
        self._ending.note(chunk)
        return chunk

    def _close_tail(self) -> bytes:
        markup = self._plan.body_end(self._machine.language) if self._ending.takes_markup() else b""
        self._has_injected_body_end = bool(markup)
        return markup


def begins_document(beginning: bytes) -> bool | None:
    """Whether bytes are the beginning of a document and not of a fragment; None: not to be told yet."""
    if b"\xef\xbb\xbf".startswith(beginning):
        return None
    before = _BEFORE_DOCUMENT.match(beginning)
    rest = beginning[before.end() if before else 0 :].lower()
    if rest.startswith((b"<!--", b"<?")) or any(start.startswith(rest) for start in _DOCUMENT_STARTS):
        return None
    return rest.startswith(_DOCUMENT_STARTS)


@lru_cache(maxsize=64)
def _codec(encoding: str) -> str:
    """The codec's name; what browsers would not know either is read as UTF-8, which finds all that is ASCII."""
    try:
        b"a".decode(encoding, errors="replace")
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if name in _NOT_FOR_DOCUMENTS else name
