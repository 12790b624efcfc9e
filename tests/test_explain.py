"""``consent explain`` says what the engine does, and by which rules."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from consent_middleware.cli import main
from support.readme import blocks

POLICY = """
[policy]
controller = "Example SARL"
contact = "dpo@example.org"
[categories.necessary]
required = true
[categories.analytics]
services = ["google-analytics"]
[categories.chat]
services = ["tawk-to"]
on_request = true
[categories.audience]
exempt = true
services = ["matomo"]
[[cookies]]
name = "session"
category = "necessary"
lifetime = "session"
[[cookies]]
name = "visitor"
category = "analytics"
lifetime = "30 days"
[html]
third_party_hosts = "withhold"
own_hosts = ["cdn.example.org"]
"""
GTAG = "https://www.googletagmanager.com/gtag/js?id=G-1"


@pytest.fixture
def policy(tmp_path: Path) -> str:
    file = tmp_path / "consent.toml"
    file.write_text(POLICY, encoding="utf-8")
    return str(file)


CASES = [
    (["--set-cookie", "visitor=1"], ["withheld", "'visitor' puts it into 'analytics'", "waits for a choice"]),
    (["--set-cookie", "Set-Cookie: visitor=1", "--state", "all"], ["passes as it is", "was accepted", "the session"]),
    (["--set-cookie", "visitor=1", "--state", "chat"], ["withheld", "'analytics' was refused"]),
    (
        ["--set-cookie", "visitor=1; Max-Age=63072000", "--state", "all"],
        ["passes with another lifetime", "visitor=1; Max-Age=2592000", "its declaration allows 30 days"],
    ),
    (["--set-cookie", "_ga=1; Max-Age=63072000", "--state", "all"], ["cookie_lifetime allows 13 months", "shortened"]),
    (["--set-cookie", "session=1; Max-Age=60"], ["session=1\n", "ends with the session", "is required"]),
    (["--set-cookie", "visitor=; Max-Age=0"], ["passes as it is", "always passes"]),
    (["--set-cookie", "nobody=1"], ["withheld", "no rule of the policy declares 'nobody'", '"withhold"']),
    (["--set-cookie", "nobody=1", "--necessary", "nobody"], ["passes as it is", "is required"]),
    (["--set-cookie", "session=\x01"], ["withheld", "browsers ignore this line"]),
    (["--set-cookie", "session=1; Expires=Thu, 31th Dec 2099 1:2:3"], ["read differently", "2099-12-31"]),
    (["--set-cookie", "_pk_id.1.a=1"], ["passes", "exempt from consent"]),
    (["--set-cookie", "TawkConnectionTime=1", "--state", "all"], ["withheld", "comes on request only"]),
    (["--cookie", "session=1; _ga=2; nobody=3"], ["shown to the application", "hidden from", "no rule of the policy"]),
    (["--url", GTAG], ["withheld", "gtag/js", "google-analytics", "waits for a choice"]),
    (["--url", GTAG, "--state", "analytics"], ["loads", "was accepted"]),
    (["--url", "https://cdn.example.org/x"], ["loads", "the site's own"]),
    (["--url", "https://cdn.example.net/x"], ["nobody can accept it", 'third_party_hosts = "withhold"']),
    (["--url", "/style.css"], ["loads", "no other host"]),
    (["--html", f'<script src="{GTAG}"></script>'], ["leaves changed", "data-consent-src", "google-analytics"]),
    (["--html", "<p>hello"], ["passes as it is", "nothing in it belongs"]),
    (["--html", "<img data-consent=analytics src=/x>"], ["leaves changed", "marked data-consent"]),
    (["--html", "<img data-consent=anlytics src=/x>"], ["leaves changed", "no category of the policy"]),
    (["--html", "<img src=https://elsewhere.example/>"], ["leaves changed", "nobody declared it"]),
]


@pytest.mark.parametrize(("asked", "told"), CASES, ids=[" ".join(asked)[:60] for asked, _ in CASES])
def test_what_happens_and_why(
    policy: str, asked: list[str], told: list[str], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["explain", "--policy", policy, *asked]) == 0
    out, err = capsys.readouterr()
    for text in told:
        assert text in out
    assert err == ""
    assert caplog.messages == []


FLOOR = """
[floor]
same_site = "lax"
secure = "https"
[[cookies]]
name = "pay"
category = "necessary"
same_site = "none"
"""
RAISED = [
    (
        "session=1",
        ["passes with stronger attributes", "session=1; Secure; SameSite=Lax", "it lacks Secure, SameSite=Lax"],
    ),
    (
        "_ga=1; Max-Age=63072000",
        ["passes with another lifetime and stronger attributes", "cookie_lifetime allows", "it lacks Secure"],
    ),
    ("session=1; Secure; SameSite=Strict", ["passes as it is"]),
    (
        "pay=1; SameSite=None",
        ["pay=1; SameSite=None; Secure", "the rule 'pay' has a floor of its own", "lacks Secure,"],
    ),
    ("pay=; Max-Age=0", ["passes as it is"]),
]


@pytest.mark.parametrize(("line", "told"), RAISED)
def test_the_floor_explains_what_it_adds(
    policy: str, line: str, told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(policy).write_text(POLICY + FLOOR, encoding="utf-8")
    assert main(["explain", "--policy", policy, "--set-cookie", line, "--state", "all"]) == 0
    out = capsys.readouterr().out
    for text in told:
        assert text in out
    assert ("lacks" in out) == ("stronger" in out)


def test_json_holds_the_same(policy: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--policy", policy, "--cookie", "session=1; _ga=2", "--format", "json"]) == 0
    session, ga = json.loads(capsys.readouterr().out)
    assert (session["subject"], session["result"]) == ("session", "session=1")
    assert (ga["outcome"], ga["result"]) == ("hidden from the application", None)
    assert len(ga["reasons"]) == 3


REPORTED = [
    (["--set-cookie", "_ga=1"], "passes as it is"),
    (["--set-cookie", "_ga=; Max-Age=0"], "passes as it is"),
    (["--set-cookie", "nobody=1"], "passes as it is"),
    (["--set-cookie", "control\x01=1"], "passes as it is"),
    (["--cookie", "_ga=1"], "shown to the application"),
    (["--url", GTAG], "loads"),
    (["--url", "https://nobody.example.net/"], "loads"),
    (["--url", "/"], "loads"),
    (["--html", f"<script src={GTAG}></script>"], "passes as it is"),
]


@pytest.mark.parametrize(("asked", "outcome"), REPORTED)
def test_report_mode_says_that_nothing_changes(
    policy: str, asked: list[str], outcome: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(policy).write_text(POLICY.replace("[policy]\n", '[policy]\nmode = "report"\n'), encoding="utf-8")
    assert main(["explain", "--policy", policy, *asked]) == 0
    out = capsys.readouterr().out
    assert f"  => {outcome}\n" in out
    assert out.rstrip().endswith('. mode = "report": nothing changes on the wire, everything is logged')


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (["--url", "/", "--state", "anlytics"], "'anlytics' is no category of the policy"),
        (["--cookie", ""], "there is no cookie in it"),
    ],
)
def test_what_cannot_be_explained_is_said(
    policy: str, asked: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "--policy", policy, *asked]) == 2
    assert complaint in capsys.readouterr().err


def test_a_policy_that_is_none_is_an_input_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.toml").write_text("[policy]\nmode = 1\n")
    for name in ("bad.toml", "nowhere.toml"):
        assert main(["explain", "--policy", str(tmp_path / name), "--url", "/"]) == 2
        assert name in capsys.readouterr().err


def test_the_example_of_the_readme_is_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "consent.toml").write_text(blocks("toml")[0], encoding="utf-8")
    (block,) = [text for text in blocks("console") if "consent explain" in text]
    command, _, shown = block.partition("\n")
    asked = shlex.split(command.removeprefix("$ consent ").replace("consent.toml", str(tmp_path / "consent.toml")))
    assert main(asked) == 0
    expected = re.escape(shown).replace("…", ".*")
    assert re.fullmatch(expected, capsys.readouterr().out)
