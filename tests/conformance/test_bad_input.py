"""Nothing from outside raises, is echoed, or counts as consent."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from itsdangerous import Signer

from consent_middleware import Policy
from consent_middleware.seal import Choice, Receipt, Seal
from support.doors import ENDLESS, KEY, Answer
from support.site import FORM, JSON, NOON, POLICY, SAME_ORIGIN, Site

OpenSite = Callable[..., Site]

WHO = "A" * 22
CHOOSABLE = ("analytics", "audience", "chat", "functional", "marketing")
MARK = "bad-input-mark"


def token(granted: bool = True, *, at: int = NOON, key: str = KEY, policy: Any = POLICY) -> str:
    """A consent cookie that answers everything alike."""
    choices: dict[str, Choice] = {name: Choice(granted, at) for name in CHOOSABLE}
    return Seal(Policy.from_dict(policy), key).dumps(Receipt(WHO, "visitor", choices))


YES = token()


def resalted() -> str:
    payload = YES.rpartition(".")[0]
    return Signer(KEY, salt="another use", key_derivation="hmac").sign(payload).decode()


FORGED: dict[str, str] = {
    "empty": "",
    "truncated in the signature": YES[:-1],
    "truncated to the payload": YES.rpartition(".")[0],
    "truncated in the payload": YES[:30],
    "signed with a foreign key": token(key="somebody else's key"),
    "signed for another use": resalted(),
    "from the future": token(at=NOON + 3600),
    "with a piece more": YES + "A",
    "with junk that base64 skips": YES + "!!!!",
    "with padding": YES + "=",
    "quoted": f'"{YES}"',
    "with another visitor": YES.replace(WHO, "B" * 22),
    "with another source": "1a" + YES[2:],
    "of another version": "2" + YES[1:],
    "16 kB of letters": "A" * 16_384,
    "16 kB of dots": "." * 16_384,
    "16 kB after a valid one": YES + "A" * 16_384,
    "not ASCII": "é" * 50,
    "not ASCII within": YES[:-3] + "\xff" + YES[-2:],
    "NUL within": YES[:10] + "\x00" + YES[11:],
    "NUL at the end": YES + "\x00",
    "only NUL": "\x00",
    "control characters": "\x01\x02\x1f\x7f",
    "percent-encoded": YES.replace(".", "%2E"),
    "JSON": '{"analytics":true}',
    "markup": f"<script>{MARK}</script>",
}


@pytest.mark.parametrize("value", FORGED.values(), ids=FORGED)
def test_a_forged_yes_is_no_choice_and_the_page_still_works(
    site: Site, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Acceptance row 28."""
    caplog.set_level(logging.DEBUG)
    answer = site.visit(
        sets=["_ga=1", "session=s"],
        carrying=[f"__Host-consent={value}", "session=s"],
        act=lambda decision: (decision.allows("analytics"), decision.source, decision.needs_asking),
    )
    assert (answer.status, answer.set_cookies) == (200, ["session=s"])
    assert site.script.outcome == (False, "default", True)
    assert "consent.fault" not in caplog.text
    if value.strip("\x00"):
        assert value not in caplog.text


def test_a_forged_no_is_no_choice_either(site: Site) -> None:
    site.visit(carrying=[f"__Host-consent={token(False, key='foreign')}"], act=lambda decision: decision.needs_asking)
    assert site.script.outcome is True


@pytest.mark.parametrize("value", [FORGED["truncated in the payload"], FORGED["16 kB of letters"], FORGED["markup"]])
def test_our_own_pages_work_with_a_forged_cookie(site: Site, value: str) -> None:
    site.jar["__Host-consent"] = value
    assert site.state()["source"] == "default"
    page = site.visit("/_consent/settings")
    assert page.status == 200
    assert MARK.encode() not in page.body
    site.choose("accept-all")
    assert site.state()["source"] == "visitor"


# Several cookies of our name

OLD_YES, NEW_YES = token(at=NOON - 7200), token(at=NOON - 60)
OURS = f"__Host-consent={OLD_YES}"
OLD_NO, NEW_NO = token(False, at=NOON - 7200), token(False, at=NOON - 60)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("junk", [False, True])
@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ([OLD_YES, NEW_NO], False),
        ([OLD_NO, NEW_YES], True),
        ([NEW_YES, NEW_NO], False),  # equally new: the one that grants less
        ([NEW_YES, NEW_YES], True),
        ([OLD_YES, FORGED["from the future"]], True),
        ([OLD_NO, FORGED["signed with a foreign key"]], False),
    ],
)
def test_of_several_the_newest_valid_one_wins_wherever_it_stands(
    site: Site, values: list[str], allowed: bool, junk: bool, turned: bool
) -> None:
    everything = [*values, *(["", "x", "1v.garbage"] if junk else [])]
    cookies = [f"__Host-consent={value}" for value in (reversed(everything) if turned else everything)]
    site.visit(carrying=["session=s", *cookies], act=lambda decision: decision.allows("analytics"))
    assert site.script.outcome is allowed


@pytest.mark.parametrize(
    "name", ["consent", "__Secure-consent", "__host-consent", "__Host-consent2", "x__Host-consent"]
)
def test_a_cookie_of_a_similar_name_is_not_ours(site: Site, name: str) -> None:
    site.visit(carrying=[f"{name}={YES}"], act=lambda decision: decision.allows("analytics"))
    assert site.script.outcome is False


def test_our_cookie_inside_another_cookies_value_is_not_ours(site: Site) -> None:
    site.visit(carrying=[f"session=__Host-consent={YES}"], act=lambda decision: decision.allows("analytics"))
    assert site.script.outcome is False


# Cookie headers

COOKIE_HEADERS: dict[str, str] = {
    "64 kB in one value": "session=s; x=" + "v" * 65_536,
    "64 kB of one name": "session=s; " + "n" * 65_536 + "=1",
    "64 kB of semicolons": "session=s" + ";" * 65_536,
    "64 kB of equals signs": "session=s; " + "=" * 65_536,
    "64 kB of spaces": "session=s;" + " " * 65_536,
    "10,000 pairs": "session=s; " + "; ".join(f"n{number}=1" for number in range(10_000)),
    "10,000 optional pairs": "session=s; " + "; ".join(f"_ga_{number}=1" for number in range(10_000)),
    "10,000 of one name": "session=s; " + "; ".join(["_ga=1"] * 10_000),
    "600 consent cookies": "session=s; " + "; ".join([f"__Host-consent={FORGED['signed with a foreign key']}"] * 600),
    "bytes beyond ASCII": "session=s; \xff\xfe=\x80; é=è",
    "a quoted string that never ends": 'session=s; x="; _ga=1',
}


@pytest.mark.parametrize("header", COOKIE_HEADERS.values(), ids=COOKIE_HEADERS)
def test_monstrous_cookie_headers_are_filtered_like_any_other(
    site: Site, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = site.visit(sets=["_ga=1"], carrying=[header])
    assert answer.status == 200
    assert "_ga=1" not in answer.set_cookies
    assert site.script.seen_names <= {"session", "__Host-consent"}
    assert (site.script.seen or "").startswith("session=s")
    assert "consent.fault" not in caplog.text
    assert len(caplog.text) < 300_000
    assert sum(map(len, answer.set_cookies)) <= 4096


@pytest.mark.parametrize("header", ["bare", "=value", " = ; ;;", "session", "session;_ga", ";", "\x00", "\x00=\x00"])
def test_malformed_pairs_are_hidden_with_the_undeclared(site: Site, header: str) -> None:
    assert site.visit(carrying=[header]).status == 200
    assert site.script.seen_names == set()


# Set-Cookie lines of the application

LINES: dict[str, tuple[str, list[str]]] = {
    "DEL in the value": ("session=s\x7f", []),
    "100,000 semicolons": ("_ga=1" + ";" * 100_000, []),
    "100,000 spaces": ("_ga=1;" + " " * 100_000 + "Max-Age=0x", []),
    "100,000 attributes": ("_ga=1" + "; Max-Age=1" * 100_000, []),
    "5,000 digits of Max-Age": ("_ga=1; Max-Age=" + "9" * 5_000, []),
    "5,000 negative digits": ("nobody=1; Max-Age=" + "9" * 5_000, []),
    "a fold of two cookies": ("_ga=1; Path=/, session=s", []),
    "a fold that begins with a necessary one": ("session=s, _ga=1", ["session=s, _ga=1"]),
    "an empty line": ("", []),
    "only an equals sign": ("=", []),
    "only a semicolon": (";", []),
    "a nameless cookie": ("value", []),
    "a name of 5,000 letters": ("n" * 5_000 + "=1", []),
    "a value of 5,000 letters": ("session=" + "v" * 5_000, []),
    "beyond ASCII": ("é=è", []),
    "dates of 5,000 letters": ("_ga=1; Expires=" + "Thu, " * 1_000, []),
}


@pytest.mark.parametrize(("line", "expected"), LINES.values(), ids=LINES)
def test_monstrous_set_cookie_lines_are_decided_like_any_other(
    site: Site, line: str, expected: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    answer = site.visit(sets=[line, "basket=b"])
    assert (answer.status, answer.set_cookies) == (200, [*expected, "basket=b"])
    assert "consent.fault" not in caplog.text
    assert len(caplog.text) < 2_000


def test_a_lifetime_of_a_thousand_digits_is_capped(site: Site) -> None:
    [line] = site.visit(sets=["basket=b; Max-Age=" + "9" * 1_000]).set_cookies
    assert line == f"basket=b; Max-Age={30 * 86400}"


def test_a_lifetime_too_long_for_browsers_to_read_is_taken_out(site: Site) -> None:
    assert site.visit(sets=["basket=b; Max-Age=" + "9" * 5_000]).set_cookies == ["basket=b"]


@pytest.mark.parametrize("control", ["\x00", "\x01", "\x0b", "\x1f", "\r\n", "\r\nSet-Cookie: _ga=1", "\n"])
@pytest.mark.parametrize("place", ["session={}s", "se{}ssion=s", "session=s; Path=/{}"])
def test_a_line_with_control_characters_does_not_leave(site: Site, place: str, control: str) -> None:
    if not site.door.can_say(place.format(control)):
        pytest.skip("the framework itself refuses the line")
    assert site.visit(sets=[place.format(control), "basket=b"]).set_cookies == ["basket=b"]


# Bodies of choices


def post(site: Site, body: bytes, content_type: tuple[str, str] = FORM) -> Answer:
    return site.visit("/_consent/choice", method="POST", headers=[*SAME_ORIGIN, content_type], body=body)


BODIES: dict[str, tuple[tuple[str, str], bytes, int]] = {
    "empty form": (FORM, b"", 400),
    "form without action": (FORM, b"category=analytics", 400),
    "unknown action": (FORM, f"action={MARK}".encode(), 400),
    "empty action": (FORM, b"action=", 400),
    "unknown category": (FORM, f"action=save&category={MARK}".encode(), 400),
    "unknown among known": (FORM, b"action=accept-all&category=analytics&category=x", 400),
    "grant of nothing": (FORM, b"action=grant", 400),
    "another fingerprint": (FORM, b"action=accept-all&fingerprint=AAAAAAAAAAAA", 409),
    "empty fingerprint": (FORM, b"action=accept-all&fingerprint=", 409),
    "not UTF-8": (FORM, b"action=accept-all\xff", 400),
    "not UTF-8 when decoded": (FORM, b"action=accept-all&category=%ff", 400),
    "too many fields": (FORM, b"a=&" * 1_001 + b"action=accept-all", 400),
    "one byte too much": (FORM, b"action=accept-all&x=" + b"x" * (16_385 - 20), 413),
    "a huge form": (FORM, b"action=accept-all&x=" + b"x" * 1_000_000, 413),
    "JSON called a form": (FORM, b'{"action": "accept-all"}', 400),
    "empty JSON": (JSON, b"", 400),
    "not JSON": (JSON, b"{action: accept-all}", 400),
    "a form called JSON": (JSON, b"action=accept-all", 400),
    "JSON not UTF-8": (JSON, b'{"action": "accept-all", "x": "\xff"}', 400),
    "JSON array": (JSON, b'["accept-all"]', 400),
    "JSON string": (JSON, b'"accept-all"', 400),
    "JSON null": (JSON, b"null", 400),
    "JSON number of 5,000 digits": (JSON, b'{"action": "accept-all", "x": ' + b"9" * 5_000 + b"}", 400),
    "no action": (JSON, b'{"categories": ["analytics"]}', 400),
    "action of another type": (JSON, b'{"action": ["accept-all"]}', 400),
    "action true": (JSON, b'{"action": true}', 400),
    "categories of another type": (JSON, b'{"action": "save", "categories": "analytics"}', 400),
    "categories null": (JSON, b'{"action": "save", "categories": null}', 400),
    "categories as an object": (JSON, b'{"action": "save", "categories": {"analytics": true}}', 400),
    "a category of another type": (JSON, b'{"action": "save", "categories": [["analytics"]]}', 400),
    "a lone surrogate": (JSON, b'{"action": "save", "categories": ["\\ud800"]}', 400),
    "next of another type": (JSON, b'{"action": "accept-all", "next": ["/a"]}', 400),
    "fingerprint of another type": (JSON, b'{"action": "accept-all", "fingerprint": 1}', 400),
    "another JSON fingerprint": (JSON, b'{"action": "accept-all", "fingerprint": "\\ud800"}', 409),
    "deep arrays": (JSON, b"[" * 16_000, 400),
    "deep objects": (JSON, b'{"a":' * 3_000, 400),
    "a huge JSON": (JSON, b" " * 1_000_000 + b'{"action": "accept-all"}', 413),
    "multipart": (("Content-Type", "multipart/form-data; boundary=x"), b"--x--", 415),
    "text": (("Content-Type", "text/plain"), b"action=accept-all", 415),
    "empty type": (("Content-Type", ""), b"action=accept-all", 415),
    "garbage type": (("Content-Type", ";=\xff,"), b"action=accept-all", 415),
}


@pytest.mark.parametrize(("content_type", "body", "status"), BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_choice_changes_nothing_and_is_not_echoed(
    site: Site, content_type: tuple[str, str], body: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    answer = post(site, body, content_type)
    assert (answer.status, answer.set_cookies) == (status, [])
    assert MARK.encode() not in answer.body
    assert [record for record in caplog.records if record.name.startswith("consent")] == []


@pytest.mark.parametrize("content_type", [FORM, JSON])
def test_a_body_without_end_is_read_to_the_limit_only(site: Site, content_type: tuple[str, str]) -> None:
    if site.door.reads_bodies_itself:
        pytest.skip("Django's ASGI handler reads the whole body before any middleware")
    answer = post(site, ENDLESS, content_type)
    # A server that does not mark the end of a body without a length leaves nothing to read (PEP 3333).
    assert (answer.status, answer.set_cookies) in [(413, []), (400, [])]


NEXT: dict[str, str | None] = {
    "/basket": "/basket",
    "/basket?a=b#c": "/basket?a=b#c",
    "/%09/evil.example": "/%09/evil.example",
    "/%2Fevil.example": "/%2Fevil.example",
    "//evil.example": None,
    "///evil.example": None,
    "/\\evil.example": None,
    "\\\\evil.example": None,
    "/a\\b": None,
    "https://evil.example/": None,
    "https:/evil.example": None,
    "javascript:alert(1)": None,
    "data:text/html,x": None,
    "evil.example": None,
    "": None,
    "?next=1": None,
    "/\t/evil.example": None,
    "\t//evil.example": None,
    " //evil.example": None,
    "/ /evil": None,
    "/a\r\nSet-Cookie: _ga=1": None,
    "/a\nb": None,
    "/a\x00b": None,
    "/a\x7fb": None,
    "/é": None,
    "/\u2028": None,
    "/" + "a" * 3_000: None,
}


@pytest.mark.parametrize(("target", "leads"), NEXT.items())
def test_next_leads_nowhere_but_to_a_path_of_this_site(site: Site, target: str, leads: str | None) -> None:
    answer = site.choose("reject-all", next=target)
    assert (answer.status, answer.get("location")) == (303, leads or "/")
    assert "__Host-consent" in answer.cookie_names


@pytest.mark.parametrize("target", [None, "/basket", "//evil.example", "\ud800"])
def test_next_is_of_no_consequence_in_json(site: Site, target: str | None) -> None:
    answer = site.send_json({"action": "reject-all", "next": target})
    assert (answer.status, answer.get("location")) == (200, None)
    assert b"evil" not in answer.body


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "a b",
        "[",
        "[::1",
        "]",
        ":",
        ":x",
        "a:b:c",
        "x" * 10_000,
        "\xff\xfe",
        "%00",
        "a/b",
        "a@b",
        "<b>",
        "..",
        "a..b",
    ],
)
def test_a_garbage_host_is_neither_echoed_nor_trusted(site: Site, host: str, caplog: pytest.LogCaptureFixture) -> None:
    page = site.visit("/_consent/settings", host=host)
    assert page.status == 200
    assert b"<b>" not in page.body
    answer = site.choose("accept-all", host=host, headers=[("Origin", "https://evil.example")])
    assert (answer.status, answer.set_cookies) == (403, [])
    answer = site.choose("withdraw", host=host, carrying=["_ga=1"])
    assert answer.status == 303
    assert all("\xff" not in line and "<b>" not in line and len(line) < 500 for line in answer.set_cookies)
    assert "consent.fault" not in caplog.text


@pytest.mark.parametrize(
    "value", ["\xff", "en;q=" + "9" * 5_000, "," * 10_000, "fr;q=nan", "x" * 50_000, "<b>;q=1", ";;;="]
)
def test_a_garbage_language_is_answered_in_a_language_we_have(site: Site, value: str) -> None:
    page = site.visit("/_consent/settings", headers=[("Accept-Language", value)])
    assert page.status == 200
    assert re.search(rb'<html lang="[a-z]{2}" dir="(ltr|rtl)">', page.body)
    assert b"<b>" not in page.body


@pytest.mark.parametrize(
    "path", ["/_consent/<b>", "/_consent/%3Cb%3E", "/_consent/../state", "/_consent/\xff", "/_consent/%00"]
)
def test_an_unknown_address_is_not_echoed(site: Site, path: str) -> None:
    page = site.visit(path)
    assert page.status == 404
    assert b"<b>" not in page.body


# Growth


def seconds(work: Callable[[], object]) -> float:
    def once() -> float:
        begun = time.process_time()
        work()
        return time.process_time() - begun

    return min(once() for _ in range(3))


GROWING: dict[str, Callable[[Site, int], object]] = {
    "request cookies": lambda site, n: site.visit(carrying=["; ".join(f"_ga_{i}=1" for i in range(n))]),
    "undeclared request cookies": lambda site, n: site.visit(carrying=["; ".join(f"n{i}=1" for i in range(n))]),
    "semicolons of a request": lambda site, n: site.visit(carrying=[";" * n * 10]),
    "consent cookies": lambda site, n: site.visit(
        carrying=["; ".join([f"__Host-consent={OLD_YES}"] * (n // 10))], sets=["_ga=1"]
    ),
    "Set-Cookie lines": lambda site, n: site.visit(sets=["_ga=1"] * n),
    "semicolons of a line": lambda site, n: site.visit(sets=["session=1" + ";" * n * 10]),
    "lifetimes of a line": lambda site, n: site.visit(sets=["session=1" + "; Max-Age=1" * n]),
    "digits of a lifetime": lambda site, n: site.visit(sets=["session=1; Max-Age=" + "9" * n * 10]),
}


@pytest.mark.parametrize("work", GROWING.values(), ids=GROWING)
def test_costs_stay_linear(site: Site, work: Callable[[Site, int], object]) -> None:
    logging.getLogger("consent_middleware").setLevel(logging.CRITICAL)
    try:
        n = 4_000
        small, large = seconds(lambda: work(site, n)), seconds(lambda: work(site, 4 * n))
    finally:
        logging.getLogger("consent_middleware").setLevel(logging.NOTSET)
    # Linear is 4; quadratic would be 16. The door's own share is in both, and a few milliseconds prove nothing.
    assert large < 9 * small + 0.01


# Cookie lines that others have collected, where present

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "lines-open.json"


@pytest.mark.skipif(not VECTORS.exists(), reason="the open vectors are not here")
def test_of_all_lines_ever_collected_none_leaves_without_consent(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    cases = json.loads(VECTORS.read_text("utf-8"))["cases"]
    sayable = [case for case in cases if site.door.can_say(case["set_cookie"])]
    assert len(sayable) > 500
    for now in {case["now"] for case in sayable}:
        site.clock.now = int(now)
        outcomes = {case["set_cookie"].strip(" \t"): case["outcome"] for case in sayable if case["now"] == now}
        answer = site.visit(sets=outcomes)
        assert {outcomes[line] for line in answer.set_cookies if line in outcomes} <= {"deleted", "rejected"}
    assert "consent.fault" not in caplog.text
