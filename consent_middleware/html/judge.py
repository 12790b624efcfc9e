"""What is to become of one element: the verdict on its start tag, and on the script inside it.

A judge belongs to a set of rules, the categories withheld from a visitor and a base URL. It remembers verdicts by the
bytes of the tag, because sites repeat themselves, and it is shared by every response in the same situation.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from urllib.parse import unquote_to_bytes

from .charrefs import decode_attribute
from .css import first_category, withhold_addresses
from .edits import INERT_TYPE, category_mark, neutralise
from .elements import (
    CARRIES_CODE,
    DELAYED_TYPES,
    EMBEDS,
    JAVASCRIPT_TYPES,
    LAZY,
    LOADING,
    LOADING_IN_SVG,
    LOADING_RELATIONS,
    SITE_MARKS,
    Holds,
)
from .rules import Rules
from .search import Ignorable, Search, search_for
from .tokens import Buffer, attributes_of, read_attributes
from .urls import Location, Payload, locate
from .verdicts import DULL, UNDECLARED, Body, Embed, Finding, Situation, Verdict

GateDocument = Callable[[bytes], "str | None"]
"""Runs a document inside an attribute through a gate of its own; the category of what it withholds, or None."""

_MEMO_ENTRIES = 8192
_MEMO_KEY_BYTES = 1024
"""What is longer is not kept: of a tag nothing is, of a script its length and its hash. That hash is SipHash with a
key of the process's own, of which nobody can choose two texts alike."""

_UNKNOWN = ""

_SPACE = b"\t\n\f\r "
_REFRESH = re.compile(
    r"[\t\n\f\r ]*+[0-9.]*+[\t\n\f\r ]*+[;,]?[\t\n\f\r ]*+"
    r"""(?:[uU][rR][lL][\t\n\f\r ]*+=[\t\n\f\r ]*+)?["']?([^"']*+)"""
)
_DELAYED_BY_CLOUDFLARE = re.compile(rb"[0-9a-f]{8,}-(?:text/javascript|module)?\Z")
_HOSTS = re.compile(rb"//([a-z0-9.\-]*+)([\s\S]?)")
_FOLLOWS_HOST = b"/\"'> ?,)"
"""What may follow a host that is all there; port, credentials, escapes and letters outside ASCII may not."""

_BARE_SCHEME = re.compile(rb":(?:(?<=[tfw][ts][ps]:)|(?<=tps:)|(?<=[^a-z]ws:))(?!//)")
_BROKEN_URL = re.compile(rb"[\t\n\r](?<=[a-z0-9.\-/:][\t\n\r])")
_MARKUP = re.compile(rb"<!\[CDATA\[|\]\]>|<[^<>]*+>")
_CODE_URL = re.compile(rb"(?:data|javascript)[\t\n\r]*:")


class Judge:
    """Gives verdicts. Safe to share between threads: what it remembers never changes its answers."""

    def __init__(self, rules: Rules, situation: Situation, base: Location) -> None:
        self.rules = rules
        self.situation = situation
        self.base = base
        self._find_marker = rules.marker_finder(situation.withheld)
        self.verdicts: dict[bytes, Verdict] = {}
        """Verdicts on tags of HTML by their bytes, to be read only."""
        self.svg_verdicts: dict[bytes, Verdict] = {}
        self._bodies: dict[bytes | tuple[int, int], str | None] = {}
        self._hosts: dict[bytes, bool] = {b"": False}
        self._file_names = tuple(sorted(name.lower().encode() for name in rules.file_names))
        self._quick = not self._concerns(base.host) and not rules.depend_on_path(base.host)
        self._searches: dict[tuple[bool, bool], Search] = {}
        self._ignorable = Ignorable(
            relative=self._quick,
            hosts=rules.hosts if self._quick and situation.third_party == "allow" else None,
            by_host=not self._file_names,
            lazy_attributes=situation.lazy_attributes,
        )

    @classmethod
    def shared(cls, rules: Rules, situation: Situation, base: Location) -> Judge:
        """The judge for this situation, made once."""
        if not rules.depend_on_path(base.host):
            base = Location(base.scheme, base.host, base.port)
        return rules.remember((situation, base), lambda: cls(rules, situation, base))

    def moved_to(self, base: Location) -> Judge:
        """The judge of the same situation for another base URL."""
        return Judge.shared(self.rules, self.situation, base)

    def mentions_file(self, text: Buffer) -> bool:
        """Whether a file name stands in the text that some rule names on whatever host."""
        if not self._file_names:
            return False
        lowered = text.lower()
        return any(name in lowered for name in self._file_names)

    def search(self, *, anchors: bool, files: bool) -> Search:
        """The search for tags to judge; ``files`` says that some rule's file is mentioned where it searches."""
        search = self._searches.get((anchors, files))
        if search is None:
            ignorable = Ignorable(lazy_attributes=self.situation.lazy_attributes) if files else self._ignorable
            search = self._searches[anchors, files] = search_for(ignorable, anchors=anchors)
        return search

    def of_tag(self, name: bytes, tag: bytes, gate_document: GateDocument, *, svg: bool = False) -> Verdict:
        """Judge a start tag. ``name`` is its name in lower case, ``tag`` all of it."""
        verdicts = self.svg_verdicts if svg else self.verdicts
        verdict = verdicts.get(tag)
        if verdict is None:
            verdict = self._judge(name, tag, gate_document, svg)
            if len(tag) <= _MEMO_KEY_BYTES:
                if len(verdicts) >= _MEMO_ENTRIES:
                    verdicts.clear()
                verdicts[tag] = verdict
        return verdict

    def of_script(self, text: bytes) -> str | None:
        """Say which withheld category an inline script belongs to."""
        key = text if len(text) <= _MEMO_KEY_BYTES else (len(text), hash(text))
        category = self._bodies.get(key, _UNKNOWN)
        if category is _UNKNOWN:
            if len(self._bodies) >= _MEMO_ENTRIES:
                self._bodies.clear()
            category = self._bodies[key] = self._category_of_script(text)
        return category

    def of_svg_script(self, text: bytes) -> str | None:
        """The same for a script in SVG, whose text is what its markup says: references, CDATA sections, elements."""
        plain = unescape(_MARKUP.sub(b"", text).decode("latin-1")).encode("latin-1", errors="replace")
        return self.of_script(text) or self.of_script(plain)

    def of_speculation(self, text: bytes) -> str | None:
        """Say which withheld category speculation rules would fetch from."""
        return first_category(text, self._withheld_address)

    def silence(self, tag: bytes, name_end: int, category: str, *, svg: bool = False) -> bytes:
        """The start tag of a script, made inert."""
        attributes = {b"type", *(LOADING_IN_SVG if svg else LOADING)[b"script"]}
        if self.situation.lazy_attributes:
            attributes.update(LAZY)
        return neutralise(tag, name_end, INERT_TYPE + category_mark(category), attributes)

    def gate_css(self, text: bytes) -> bytes:
        """A style sheet whose withheld addresses are inert."""
        return withhold_addresses(text, self._withheld_address)

    def base_for(self, tag: bytes) -> Location | None:
        """The document's base URL as a ``base`` element sets it, or None when it has no ``href``."""
        href = read_attributes(tag, len(b"<base")).get(b"href")
        place = None if href is None else locate(self.text(href), self.base)
        return place if isinstance(place, Location) else None

    # Tags ---------------------------------------------------------------------------------------------------------

    def _judge(self, name: bytes, tag: bytes, gate_document: GateDocument, svg: bool) -> Verdict:
        if name != b"script" and self.is_dull(name, tag):
            return DULL
        return _Case(self, name, tag, gate_document, svg).verdict()

    def is_dull(self, name: bytes, tag: bytes) -> bool:
        """Whether nothing in the tag can lead to a host of the rules, told without reading its attributes."""
        if not self._quick:
            return False
        lowered = tag.lower()
        if name == b"meta":
            return b"http-equiv" not in lowered
        for host, following in _HOSTS.findall(lowered):
            if not host or following not in _FOLLOWS_HOST:
                return False
            concerned = self._hosts.get(host)
            if self._remember_host(host) if concerned is None else concerned:
                return False
        if b"data-consent" in lowered or _may_lead_astray(lowered, len(name) + 2):
            return False
        if name in CARRIES_CODE and (b"srcdoc" in lowered or _CODE_URL.search(lowered)):
            return False
        if b"%" in lowered:
            lowered = unquote_to_bytes(lowered).lower()
        return all(file_name not in lowered for file_name in self._file_names)

    def _remember_host(self, host: bytes) -> bool:
        if len(self._hosts) >= _MEMO_ENTRIES:
            self._hosts.clear()
        concerned = self._hosts[host] = self._concerns(host.decode().removesuffix("."))
        return concerned

    def _concerns(self, host: str) -> bool:
        if not host:
            return False
        if self.situation.third_party != "allow" and not self._is_own(host):
            return True
        return self.rules.concerns_host(host)

    def _is_own(self, host: str) -> bool:
        return any(host == own or host.endswith(f".{own}") for own in self.situation.own_hosts)

    # URLs ---------------------------------------------------------------------------------------------------------

    def text(self, value: bytes) -> str:
        return decode_attribute(value.decode(self.situation.encoding, errors="replace"))

    def category_of_place(self, place: Location) -> str | None:
        category = self.rules.category_at(place)
        if category is None and self.situation.third_party != "allow" and place.host and not self._is_own(place.host):
            return UNDECLARED
        return category

    def withholds(self, category: str | None) -> bool:
        if category == UNDECLARED:
            return self.situation.third_party == "withhold"
        return category in self.situation.withheld

    def _withheld_address(self, address: bytes) -> str | None:
        place = locate(self.text(address), self.base)
        category = self.category_of_place(place) if isinstance(place, Location) else None
        return category if self.withholds(category) else None

    def _category_of_script(self, text: bytes) -> str | None:
        marker = self._find_marker(text)
        return None if marker is None else self.rules.markers[marker]


def _may_lead_astray(tag: bytes, attributes_start: int) -> bool:
    """Whether a URL in this tag, in lower case, could lead elsewhere than to a host that stands literally after ``//``.

    That takes a backslash, a reference other than ``&amp;``, a scheme without slashes, or white space inside a URL.
    """
    return (
        b"\\" in tag
        or (b"&" in tag and b"&" in tag.replace(b"&amp;", b""))
        or (tag.count(b":") != tag.count(b"://") and _BARE_SCHEME.search(tag) is not None)
        or ((b"\n" in tag or b"\t" in tag or b"\r" in tag) and _BROKEN_URL.search(tag, attributes_start) is not None)
    )


class _Case:
    """One start tag before the judge, its attributes read."""

    def __init__(self, judge: Judge, name: bytes, tag: bytes, gate_document: GateDocument, svg: bool) -> None:
        self._judge = judge
        self._situation = judge.situation
        self._name = name
        self._tag = tag
        self._gate_document = gate_document
        self._svg = svg
        self._name_end = 1 + len(name)
        self._first = read_attributes(tag, self._name_end)
        self._findings: list[Finding] = []
        self._element = name.decode("latin-1")

    def verdict(self) -> Verdict:
        if self._name == b"script":
            return self._of_script()
        if self._name == b"meta":
            return self._of_meta()
        declared = self._declared()
        attributes = self._loading()
        if declared is None:
            held = self._held(attributes)
        else:
            # What loads nothing is no finding, such as an element that was made inert already.
            withheld = bool(attributes) and self._find(declared, "")
            held = dict.fromkeys(attributes, declared) if withheld else {}
        return self._neutralised(held)

    # What the site says itself ------------------------------------------------------------------------------------

    def _declared(self) -> str | None:
        """The category the site gives this element, if it gives one; the first withheld one if it gives several."""
        value = self._first.get(b"data-consent")
        if value is None:
            return None
        names = self._judge.text(value).split()
        known = self._judge.rules.known_categories
        for name in names:
            if name in self._situation.withheld:
                return name
            if known is not None and name not in known and name != "necessary":
                return name  # misspelt: the site wanted it gated, so it stays gated
        if known is None:
            names = [name for name in names if name == "necessary" or name in self._judge.rules.categories]
        return names[0] if names else None

    def _find(self, category: str, host: str) -> bool:
        known = self._judge.rules.known_categories
        withheld = self._judge.withholds(category) or (
            known is not None and category not in known and category not in (UNDECLARED, "necessary")
        )
        self._findings.append(Finding(self._element, category, host, withheld))
        return withheld

    # Attributes ---------------------------------------------------------------------------------------------------

    def _loading(self) -> dict[bytes, Holds]:
        """The attributes through which this element loads something, as far as it has them."""
        table: Mapping[bytes, Holds] = (LOADING_IN_SVG if self._svg else LOADING).get(self._name, {})
        if self._name == b"link" and not self._loads_as_link():
            return {}
        if self._name == b"input" and self._type() != b"image":
            return {}
        found = {name: holds for name, holds in table.items() if name in self._first}
        if self._situation.lazy_attributes and table and SITE_MARKS.isdisjoint(self._first):
            found.update((name, holds) for name, holds in LAZY.items() if name in self._first)
        return found

    def _loads_as_link(self) -> bool:
        relations = self._judge.text(self._first.get(b"rel", b"")).lower().encode().split()
        return not LOADING_RELATIONS.isdisjoint(relations)

    def _type(self) -> bytes:
        return self._judge.text(self._first.get(b"type", b"")).encode().strip(_SPACE).lower()

    def _held(self, attributes: dict[bytes, Holds]) -> dict[bytes, str]:
        """The attributes to be withheld and their categories."""
        held: dict[bytes, str] = {}
        for name, holds in attributes.items():
            for category, host in self._leads_to(self._first[name], holds):
                if self._find(category, host):
                    held.setdefault(name, category)
        return held

    def _leads_to(self, value: bytes, holds: Holds) -> Iterator[tuple[str, str]]:
        text = self._judge.text(value)
        if holds is Holds.DOCUMENT:
            category = self._gate_document(text.encode(self._situation.encoding, errors="replace"))
            if category is not None:
                yield category, ""
            return
        urls = [text] if holds is Holds.URL else text.split() if holds is Holds.URLS else candidates(text)
        for url in urls:
            yield from self._category_of(url)

    def _category_of(self, url: str) -> Iterator[tuple[str, str]]:
        place = locate(url, self._judge.base)
        if isinstance(place, Payload):
            category = self._category_of_payload(place) if self._name in CARRIES_CODE else None
            host = ""
        elif place is None or not url.strip():
            return
        else:
            category, host = self._judge.category_of_place(place), place.host
        if category is not None:
            yield category, host

    def _category_of_payload(self, payload: Payload) -> str | None:
        content = payload.content
        if payload.scheme == "data":
            media, _, content = content.partition(",")
            if media.lower().endswith(";base64"):
                return self._category_of_code(_base64(unquote_to_bytes(content)))
        return self._category_of_code(unquote_to_bytes(content))

    def _category_of_code(self, code: bytes) -> str | None:
        if self._name != b"script" and b"<" in code:
            return self._gate_document(code)
        return self._judge.of_script(code)

    # Verdicts -----------------------------------------------------------------------------------------------------

    def _neutralised(self, held: dict[bytes, str]) -> Verdict:
        tag = self._styled(self._tag)
        findings = tuple(self._findings)
        if not held:
            return Verdict(None if tag is self._tag else tag, findings=findings)
        tag = neutralise(tag, self._name_end, category_mark(*held.values()), held.keys())
        return Verdict(tag, findings=findings, embed=self._embed(held))

    def _styled(self, tag: bytes) -> bytes:
        if not self._situation.css or b"style" not in self._first:
            return tag
        pieces: list[bytes] = []
        done = 0
        for attribute in attributes_of(tag, self._name_end):
            if attribute[1].lower() == b"style":
                pieces += (tag[done : attribute.end(1)], self._judge.gate_css(tag[attribute.end(1) : attribute.end()]))
                done = attribute.end()
        pieces.append(tag[done:])
        styled = b"".join(pieces)
        return tag if styled == tag else styled

    def _embed(self, held: dict[bytes, str]) -> Embed | None:
        if self._name not in EMBEDS or self._svg or held.keys() <= {b"poster"} or b"hidden" in self._first:
            return None
        hosts = [finding.host for finding in self._findings if finding.withheld]
        texts = (self._judge.text(self._first.get(name, b"")) for name in (b"title", b"width", b"height"))
        return Embed(self._element, next(iter(held.values())), hosts[0], *texts)

    def _of_meta(self) -> Verdict:
        directive = self._judge.text(self._first.get(b"http-equiv", b"")).lower()
        content = self._judge.text(self._first.get(b"content", b""))
        held: dict[bytes, str] = {}
        if directive == "set-cookie" and self._situation.withheld:
            # No browser of today obeys it; an old one would set a cookie past the Set-Cookie gate.
            self._findings.append(Finding(self._element, UNDECLARED, "", True))
            held[b"http-equiv"] = UNDECLARED
        elif directive == "refresh" and (match := _REFRESH.match(content)) and match[1]:
            for category, host in self._category_of(match[1]):
                if self._find(category, host):
                    held[b"http-equiv"] = category
        return self._neutralised(held)

    def _of_script(self) -> Verdict:
        kind = self._script_kind()
        if kind is Body.NO_MATTER:
            return DULL
        if b"src" in self._first and not self._svg and self._judge.is_dull(self._name, self._tag):
            return DULL
        declared = self._declared()
        if declared is not None:
            return self._script_verdict(declared if self._find(declared, "") else None)
        attributes = self._loading()
        if kind is Body.SCRIPT and attributes:
            return self._script_verdict(next(iter(self._held(attributes).values()), None))
        return Verdict(body=kind)

    def _script_verdict(self, category: str | None) -> Verdict:
        findings = tuple(self._findings)
        if category is None:
            return Verdict(findings=findings)
        return Verdict(self._judge.silence(self._tag, self._name_end, category, svg=self._svg), findings=findings)

    def _script_kind(self) -> Body:
        """Whether browsers run this element, and as what (HTML 4.12.1, prepare the script element)."""
        kind = self._type()
        if b"type" not in self._first:
            language = self._judge.text(self._first.get(b"language", b"")).lower().encode()
            runs = not language or b"text/" + language in JAVASCRIPT_TYPES
            return Body.SCRIPT if runs else Body.NO_MATTER
        if not self._first[b"type"] or kind in JAVASCRIPT_TYPES or kind == b"module":
            return Body.SCRIPT
        if kind == b"speculationrules" and self._situation.speculation_rules:
            return Body.SPECULATION
        if self._situation.lazy_attributes and (kind in DELAYED_TYPES or _DELAYED_BY_CLOUDFLARE.match(kind)):
            return Body.SCRIPT
        return Body.NO_MATTER


_CANDIDATE = re.compile(r"[\t\n\f\r ,]*+([^\t\n\f\r ]++)")
_DESCRIPTORS = re.compile(r"(?:[^(,]|\([^)]*+\)?)*+,?")


def candidates(srcset: str) -> Iterator[str]:
    """The URLs of a ``srcset`` (HTML 4.8.4.2.1): a comma ends a URL only at its end."""
    at = 0
    while match := _CANDIDATE.match(srcset, at):
        url = match[1]
        at = match.end()
        if url.endswith(","):
            url = url.rstrip(",")
        elif descriptors := _DESCRIPTORS.match(srcset, at):
            at = descriptors.end()
        yield url


def _base64(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text)
    except binascii.Error:
        return b""
