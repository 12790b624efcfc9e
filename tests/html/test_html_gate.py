"""The gate as its callers use it: injections, placeholders, reports, options, faults."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from consent_middleware.html import UNDECLARED, Embed, Finding, HTMLGate, Rules

Gate = Callable[..., bytes]

HEAD = b"<script>guard()</script>"
LONG_HEAD = HEAD * 6

INJECTED = [
    (b"<!doctype html><html><head>|<title>x</title>", HEAD),
    (b"<!doctype html><!-- <head> --><html lang=en>\n<!-- x --> <HEAD a='>'>|<p>", HEAD),
    (b"\xef\xbb\xbf<html><head>|", HEAD),
    (b"<!doctype html>|<title>x</title><p>", HEAD),
    (b"<html>|<body><p>x", HEAD),
    (b" \n|text", HEAD),
    (b"|<meta charset=utf-8>", HEAD),
    (b"|<header>x", HEAD),
    (b"|</head><p>", HEAD),
    (b"</p>|<p>", HEAD),
    (b"<?xml version='1.0'?><html><head>|<meta>", HEAD),
    (b"<head><meta charset=utf-8>|<title>x</title>", LONG_HEAD),
    (
        b"<head>\n<!-- x --><title>a<b></title><meta name=x><meta http-equiv=Content-Type content='text/html'>|<p>",
        LONG_HEAD,
    ),
    (b"<head><title>x</title>|<script></script><meta charset=utf-8>", LONG_HEAD),
    (b"<head><title>x</title>|</head><body>", LONG_HEAD),
    (b"<!-- only a comment -->|", HEAD),
    (b"|<an-element-with-a-name-of-more-than-32-letters a='", HEAD),
]


@pytest.mark.parametrize("step", [1000, 1, 3])
@pytest.mark.parametrize("withheld", [frozenset({"analytics"}), frozenset[str]()], ids=["gated", "consented"])
@pytest.mark.parametrize(("page", "head"), INJECTED)
def test_the_head_is_injected_where_it_begins_or_would_begin(
    page: bytes, head: bytes, withheld: frozenset[str], step: int, gate: Gate
) -> None:
    plain = page.replace(b"|", b"")
    cuts = range(step, len(plain), step)
    assert gate(plain, *cuts, withheld=withheld, inject_head=head, charset_declared=False) == page.replace(b"|", head)


@pytest.mark.parametrize(
    "page",
    [
        b"<head></head><body><p>x|</body></html>\n",
        b"<body><script>'</body>'</script><!-- </body> --><p>x|</BODY ></html>",
        b"<p>x|",
        b"<p>x|</body></html></body>",
    ],
)
@pytest.mark.parametrize("step", [1000, 1, 3])
def test_the_end_of_the_body_is_injected_before_its_end_tag(page: bytes, step: int, gate: Gate) -> None:
    plain = page.replace(b"|", b"")
    gated = gate(plain, *range(step, len(plain), step), inject_body_end=b"<footer>")
    assert gated == page.replace(b"|", b"<footer>")


_UNFINISHED_NAME = re.compile(rb"</?[a-z]*\Z")
LONG = b"<p>long</p>" * 200
BREAKS_OFF = {
    "in a tag": b"<p>x<div a='",
    "in an end tag": b"<p>x</di",
    "at a tag": b"<p>x<",
    "in a comment": b"<p>x</p><!-- <p>y</p>",
    "in a script": b"<p>x</p><script>let a = '</p>'",
    "in a script with a title": b"<script>let a = '<title>x</title>'",
    "in a style": LONG + b"<STYLE a>p { color: red }",
    "in a text area": b"<textarea></text><p>x</p>",
    "behind plaintext": LONG + b"<plaintext></p>",
    "in a long script": b"<script>" + b"a = 1;" * 400,
}
ENDS = {
    "nothing": b"",
    "text": b"x",
    "text with a sign": b"1 < 2",
    "without end tags": b"<p>x" + b"<p>y" * 20,
    "as documents do": LONG + b"</body></html>\n",
    "with a comment": LONG + b"</body></html><!-- cached 12:00 -->\n",
    "with a script": LONG + b"<script>if (a < b) '<!--' + '<title>'</script></body>",
    "with the end of a long script": b"<script>" + b"a = 1;" * 400 + b"</script></html>",
    "with the end of a long comment": b"x<!--" + b"a = 1;" * 400 + b"--></html>",
    "with the end of a frame": b"<iframe src=x></iframe>",
}


@pytest.mark.parametrize("step", [100000, 1, 700])
@pytest.mark.parametrize("head", [b"", b"<b>"], ids=["end", "head and end"])
@pytest.mark.parametrize("page", ENDS.values(), ids=ENDS)
def test_where_nothing_is_withheld_the_end_is_injected_behind_the_last_byte(
    page: bytes, head: bytes, step: int, site_rules: Rules
) -> None:
    machine = HTMLGate(site_rules, inject_head=head, inject_body_end=b"<footer>")
    sent = b"".join(machine.feed(page[at : at + step]) for at in range(0, len(page), step))
    assert sent + machine.close() == head + page + b"<footer>"
    assert machine.is_changed


@pytest.mark.parametrize("step", [100000, 1, 700])
@pytest.mark.parametrize("page", BREAKS_OFF.values(), ids=BREAKS_OFF)
def test_nothing_is_injected_where_a_document_breaks_off(page: bytes, step: int, gate: Gate) -> None:
    cuts = range(step, len(page), step)
    assert gate(page, *cuts, withheld=frozenset(), inject_body_end=b"<footer>") == page
    if not _UNFINISHED_NAME.search(page):  # in front of such a tag the body goes on
        assert gate(page, *cuts, inject_body_end=b"<footer>") == page


def test_where_nothing_is_withheld_what_follows_the_head_is_not_even_copied(site_rules: Rules) -> None:
    machine = HTMLGate(site_rules, inject_head=b"<b>", inject_body_end=b"<footer>")
    assert machine.feed(b"<html><head><title>") == b"<html><head><b><title>"
    chunks = [bytes([letter]) * 5000 for letter in b"abc"]
    assert all(machine.feed(chunk) is chunk for chunk in chunks)
    assert machine.feed(b"</body>") == b"</body>"
    assert machine.close() == b"<footer>"


def test_where_nothing_is_withheld_nor_injected_every_chunk_passes_as_it_is(site_rules: Rules) -> None:
    machine = HTMLGate(site_rules)
    chunks = [b"<html>" * 9, b"<head>" * 9, b"<"]
    assert all(machine.feed(chunk) is chunk for chunk in chunks)
    assert machine.close() == b""
    assert not machine.is_changed


def _placeholder(embed: Embed, language: str) -> bytes:
    return f"[{embed.element} {embed.category} {embed.host} {embed.title} {embed.width}x{embed.height}]".encode()


def test_a_withheld_embed_gets_a_placeholder_and_is_hidden(gate: Gate) -> None:
    page = b"<iframe width=560 height=315 title='A &amp; B' src=//www.not-video.example/embed/x></iframe>"
    assert gate(page, placeholder=_placeholder) == page
    page = page.replace(b"www.not-", b"")
    gated = gate(page, placeholder=_placeholder)
    assert gated.startswith(b"[iframe marketing video.example A & B 560x315]<iframe hidden data-consent-hidden ")
    assert b" data-consent-src=//video.example/embed/x>" in gated
    assert gate(page, placeholder=_placeholder, withheld=frozenset({"analytics"})) == page


LANGUAGES = {
    b"<html lang=fr>": "fr",
    b"<!doctype html><!-- <html lang=de> --><HTML\nclass='a>b' LANG=fr-CA><head>": "fr-CA",
    b"\xef\xbb\xbf<html lang='&#102;&#x72;' lang=de>": "fr",
    b"<html xml:lang=de>": "",
    b"<html xml:lang=de lang=fr>": "fr",
    b"<html lang>": "",
    b"<html lang='' ><html lang=fr>": "",
    b"<html class=a><html lang=fr>": "fr",
    b"<html a='%s' lang=fr>" % (b"x" * 5000): "fr",
    b"<html a='%s' lang=fr>" % (b"x" * 70000): "",  # more than is ever held
    b"<head></head><html lang=fr>": "",
    b"<title>x</title>": "",
    b"<p lang=fr>": "",
    b"x": "",
    b"": "",
}


@pytest.mark.parametrize("step", [100000, 1, 7])
@pytest.mark.parametrize("head", [b"", b"<b>"], ids=["no head", "head"])
@pytest.mark.parametrize("withheld", [frozenset({"marketing"}), frozenset[str]()], ids=["gated", "consented"])
@pytest.mark.parametrize(("page", "language"), LANGUAGES.items(), ids=range(len(LANGUAGES)))
def test_the_end_and_the_placeholders_are_told_the_documents_language(
    page: bytes, language: str, withheld: frozenset[str], head: bytes, step: int, gate: Gate
) -> None:
    if step == 1 and len(page) > 10000:
        step = 1000
    told: list[str] = []

    def end(language: str) -> bytes:
        told.append(language)
        return b"<footer>"

    def placeholder(embed: Embed, language: str) -> bytes:
        return f"[{language}]".encode()

    plain = page + b"<iframe src=//video.example/embed/x></iframe>"
    cuts = range(step, len(plain), step)
    gated = gate(plain, *cuts, withheld=withheld, inject_head=head, inject_body_end=end, placeholder=placeholder)
    assert told == [language]
    assert gated.endswith(b"<footer>")
    assert (f"[{language}]<iframe hidden".encode() in gated) is bool(withheld)
    assert gated.count(b"<b>") == bool(head)


def test_nothing_waits_for_a_language(site_rules: Rules) -> None:
    for withheld in ((), ("marketing",)):
        machine = HTMLGate(site_rules, withheld, inject_body_end=str.encode, placeholder=_placeholder)
        assert machine.feed(b"<!doctype html>\n") == b"<!doctype html>\n"
        assert machine.feed(b"<html lang=fr><p>x") == b"<html lang=fr><p>x"
        assert machine.feed(b"y") == b"y"
        assert not machine.is_changed
        assert machine.close() == b"fr"
        assert machine.is_changed


def test_an_end_that_turns_out_to_be_nothing_changes_nothing(site_rules: Rules) -> None:
    for withheld in ((), ("marketing",)):
        machine = HTMLGate(site_rules, withheld, inject_body_end=str.encode)
        assert machine.feed(b"<html><p>x</body>") + machine.close() == b"<html><p>x</body>"
        assert not machine.is_changed


@pytest.mark.parametrize("head", [b"", b"<b>"], ids=["no head", "head"])
@pytest.mark.parametrize("tag", [b"html", b"head"])
def test_what_styles_the_outermost_elements_is_gated_too(tag: bytes, head: bytes, gate: Gate) -> None:
    page = b"<%s style='background: url(//tracker.example/x.gif)'><p>x" % tag
    gated = gate(page, css=True, inject_head=head, placeholder=_placeholder)
    assert b" style='background: url(//tracker" not in gated


@pytest.mark.parametrize(
    "page",
    [
        b"<noscript><iframe src=//tracker.example></iframe></noscript>",
        b"<svg><foreignObject><iframe src=//tracker.example></iframe></foreignObject></svg>",
        b"<iframe srcdoc='<iframe src=//tracker.example>' hidden></iframe>",
        b"<iframe hidden src=//tracker.example></iframe>",
        b"<video poster=//tracker.example/x.gif></video>",
        b"<img src=//tracker.example/x.gif>",
    ],
)
def test_no_placeholder_where_it_would_be_wrong_or_of_no_use(page: bytes, gate: Gate) -> None:
    gated = gate(page, placeholder=_placeholder)
    assert b"[" not in gated
    assert gated == gate(page)
    assert gated != page


def test_a_fault_gives_back_every_byte(strip_insertions: Callable[[bytes], bytes], site_rules: Rules) -> None:
    def fail(embed: Embed, language: str) -> bytes:
        raise RuntimeError(embed.host)

    page = (
        b"<img src=//tracker.example/1><noscript><img src=//ads.example/2></noscript><p>x"
        b"<iframe src=//ads.example></iframe>y"
    )
    gate = HTMLGate(site_rules, {"analytics", "marketing"}, placeholder=fail)
    out = gate.feed(page[:40])
    with pytest.raises(RuntimeError):
        gate.feed(page[40:])
    out += gate.release()
    assert strip_insertions(out) == page
    assert gate.feed(b"<img src=//tracker.example/2>") == b"<img src=//tracker.example/2>"
    assert gate.close() == b""


@pytest.mark.parametrize("cut", range(0, 75, 3))
def test_what_is_held_can_be_had_back_at_any_place(
    cut: int, strip_insertions: Callable[[bytes], bytes], site_rules: Rules
) -> None:
    page = b"<b x='>'><noscript>a<img src=//ads.example/2></noscript><script>x</script><svg><script>x"
    gate = HTMLGate(site_rules, {"analytics", "marketing"})
    assert strip_insertions(gate.feed(page[:cut]) + gate.release()) == page[:cut]


def test_findings_name_the_element_its_category_and_its_host(site_rules: Rules) -> None:
    findings: list[Finding] = []
    gate = HTMLGate(
        site_rules, {"analytics"}, page="https://example.org/", on_finding=findings.append, third_party="report"
    )
    page = (
        b"<script>track(1)</script><img src=//ads.example/x><img src=https://cdn.unknown.example/x>"
        b"<img src=/own><script src=https://static.example.org/x></script>"
    )
    gated = gate.feed(page) + gate.close()
    assert findings == [
        Finding("script", "analytics", "", True),
        Finding("img", "marketing", "ads.example", False),
        Finding("img", UNDECLARED, "cdn.unknown.example", False),
    ]
    assert gate.withheld == {"analytics": 1}
    assert gated == page.replace(b"<script>", b"<script type=text/plain data-consent-category=analytics >", 1)
    assert gate.is_changed


def test_unknown_third_parties_are_withheld_on_request(gate: Gate) -> None:
    page = b"<script src=https://other.example/x.js></script>"
    assert gate(page, third_party="report") == page
    assert b"data-consent-src" in gate(page, third_party="withhold")
    for own in (b"static.example.org", b"cdn.example", b"img.shop.example", b"blob:x"):
        page = b"<img src=//%s/x>" % own if own != b"blob:x" else b"<img src=blob:https://x.example/1>"
        assert gate(page, third_party="withhold", own_hosts=["shop.example"]) == page


def test_a_site_may_say_the_category_itself(gate: Gate) -> None:
    assert gate(b"<script data-consent=analytics>x</script>").startswith(
        b"<script type=text/plain data-consent-category=analytics  data-consent="
    )
    assert b"data-consent-src=/x" in gate(b"<img data-consent='marketing' src=/x>")
    assert gate(b"<img data-consent=other src=/x>") == b"<img data-consent=other src=/x>"
    page = b"<script src=//tracker.example/ data-consent='chat'></script>"
    assert (
        gate(
            page,
            withheld=frozenset({"analytics"}),
            rules=Rules([("analytics", ["tracker.example"], [])], categories=["chat"]),
        )
        == page
    )


def test_a_misspelt_category_is_withheld_where_all_are_known(gate: Gate) -> None:
    rules = Rules([], categories=["analytics", "chat"])
    assert b"category=analitycs" in gate(b"<script data-consent=analitycs>x</script>", rules=rules)
    assert b"category" not in gate(b"<script data-consent=chat>x</script>", rules=rules)


def test_an_element_of_two_categories_waits_for_both(gate: Gate) -> None:
    gated = gate(b"<img src=//tracker.example/1 srcset=//ads.example/2>")
    assert b" data-consent-category=analytics,marketing " in gated


OPTIONAL = [
    ("lazy_attributes", b"<img data-src=//tracker.example/x>", b"data-consent-data-src"),
    (
        "lazy_attributes",
        b"<script type=rocketlazyloadscript data-rocket-src=//tracker.example/x></script>",
        b"data-consent-data-rocket-src",
    ),
    ("lazy_attributes", b"<script type=abcdef0123-text/javascript src=//tracker.example/x></script>", b"text/plain"),
    ("lazy_attributes", b"<script type=pmdelayedscript>track(1)</script>", b"text/plain"),
    ("css", b"<style>a{background:url(//tracker.example/x)}</style>", b"url(data:,//tracker"),
    ("css", b"<p style=\"background:url('https://tracker.example/x')\">", b"url('data:,https"),
    ("css", b"<style>@import '//tracker.example/x';</style>", b"'data:,//"),
    ("css", b"<style>@import '//tracker.example/x';", b"'data:,//"),
    ("css", b"<svg><style>a{fill:url(//tracker.example/x)}</style></svg>", b"url(data:,//tracker"),
    ("css", b"<svg><style><![CDATA[@import '//tracker.example/x';]]></style></svg>", b"'data:,//"),
    ("css", b"<svg><style>a<!-- --> < b<g>c</g>@import '//tracker.example/x';</style></svg>", b"'data:,//"),
    ("css", b"<svg><style>@import '//tracker.example/x';", b"'data:,//"),
    ("css", b"<svg><style><![CDATA[@import '//tracker.example/x';", b"'data:,//"),
    ("css", b"<svg><style>a{}</style><style>@import '//tracker.example/x';</style></svg>", b"'data:,//"),
    ("css", b"<noscript style='background:url(//tracker.example/x)'><img></noscript>", b"url(data:,//"),
    ("css", b"<svg><desc><style>@import '//tracker.example/x';</style>", b"'data:,//"),
    (
        "speculation_rules",
        b'<script type=speculationrules>{"prefetch":[{"urls":["https:\\/\\/tracker.example\\/"]}]}</script>',
        b"text/plain",
    ),
]


@pytest.mark.parametrize(("option", "page", "expected"), OPTIONAL)
def test_what_is_optional_is_gated_on_request_only(option: str, page: bytes, expected: bytes, gate: Gate) -> None:
    assert gate(page) == page
    gated = gate(page, **{option: True})
    assert expected in gated
    assert gate(page, *range(1, len(page)), **{option: True}) == gated
    assert (
        gate(page.replace(b"tracker.example", b"own.example").replace(b"track(", b""), **{option: True}).count(
            b"consent"
        )
        == 0
    )


@pytest.mark.parametrize(
    "sheet",
    [
        b"<svg><text>url(//tracker.example/x)</text></svg>",
        b"<svg><style></style>url(//tracker.example/x)</svg>",
        b"<svg><style/>url(//tracker.example/x)</svg>",
        b"<svg><style><!-- url(//tracker.example/x) --></style></svg>",
        b"<svg><style><g>url(//tracker.example/x)</g></style></svg>",
        b"<math><style>url(//tracker.example/x)</style></math>",
        b"<svg><![CDATA[<style>url(//tracker.example/x)</style>]]></svg>",
    ],
)
def test_what_is_no_style_sheet_in_svg_is_kept(sheet: bytes, gate: Gate) -> None:
    assert gate(sheet, css=True) == sheet
    assert gate(sheet, *range(1, len(sheet)), css=True) == sheet


def test_a_style_on_an_html_tag_is_gated_before_the_head(gate: Gate) -> None:
    page = b"<html a><html lang=fr style=background:url(//tracker.example/x)><p>"
    assert b"url(data:,//" in gate(page, css=True, inject_head=b"<meta name=x>")


def test_an_html_tag_without_a_language_leaves_it_to_the_next(gate: Gate) -> None:
    page = b"<html class=x><html lang=fr><html lang=de><p>"
    assert gate(page, inject_body_end=str.encode) == page + b"fr"


def test_lazy_attributes_a_site_has_marked_are_its_own(gate: Gate) -> None:
    page = b"<iframe data-name=video data-src=//tracker.example/></iframe>"
    assert gate(page, lazy_attributes=True) == page


@pytest.mark.parametrize(
    ("page", "encoding", "name"),
    [
        ("<img src=//tracker.example>".encode("utf-16"), "utf-8", "utf-16"),
        (b"<img src=//tracker.example>", "utf-16le", "utf-16-le"),
        (b"<img src=//tracker.example>", "ISO-2022-JP", "iso2022_jp"),
    ],
)
def test_what_cannot_be_read_passes_and_says_so(page: bytes, encoding: str, name: str, site_rules: Rules) -> None:
    gate = HTMLGate(site_rules, {"analytics"}, encoding=encoding)
    assert b"".join(gate.feed(page[at : at + 1]) for at in range(len(page))) + gate.close() == page
    assert gate.bypassed == name


@pytest.mark.parametrize(
    "encoding", ["latin-1", "shift_jis", "gb18030", "euc-kr", "big5", "no-such-thing", "base64", "idna"]
)
def test_other_encodings_are_gated(encoding: str, gate: Gate) -> None:
    assert b"data-consent-src" in gate(b"\xe9\x81\x5c<img alt='\xe9' src=//tracker.example>", encoding=encoding)


@pytest.mark.parametrize("size", [70_000, 300_000])
def test_tags_too_long_to_hold_are_gated_all_the_same(
    size: int, gate: Gate, count_effective: Callable[[bytes], int]
) -> None:
    filler = b"x" * size
    for page in (
        b"<img alt='%b' src=//tracker.example/1>" % filler,
        b"<img src=//tracker.example/1 alt='%b' srcset='//ads.example/2'>" % filler,
        b"<script data-x='%b' src=//tracker.example/t.js></script>" % filler,
    ):
        gated = gate(page, *range(4096, len(page), 4096))
        assert count_effective(page) > 0
        assert count_effective(gated) == 0
    page = b"<img src='data:image/png;base64,%b' srcset=/own.png><p>" % filler
    assert gate(page, *range(4096, len(page), 4096)) == page


def test_a_script_too_long_to_hold_is_judged_by_its_beginning(gate: Gate) -> None:
    long = b"x;" * 200_000
    assert gate(b"<script>track(1);%b</script>" % long).startswith(b"<script type=text/plain")
    page = b"<script>%btrack(1)</script>" % long
    assert gate(page, *range(4096, len(page), 4096)) == page
