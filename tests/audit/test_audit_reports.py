"""One audit in five forms, and the command around it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from consent_middleware.audit import KINDS, SEVERITIES, Baseline, BaselineError, Finding, Report
from consent_middleware.audit.as_html import as_html
from consent_middleware.audit.formats import as_json, as_junit, as_sarif
from consent_middleware.cli import main
from support.npm import npm_file
from support.saboteur import POLICY, serve_sabotaged

ROOT = Path(__file__).parents[2]
FAULTS = {"A001", "A004", "A007", "A106", "A302"}
NASTY = Finding(
    kind=KINDS["consent.A003"],
    subject='<img src=x onerror="alert(1)">',
    seen="]]> & \x00\x1b[31m \ud800 “”",
    evidence="Set-Cookie: <script>=…",
)

# A package of npm holds the schema of OASIS; this hash is its hash.


def toml(tables: dict[str, Any]) -> str:
    """The policy as a file: every JSON value in it is TOML as well."""
    lines = ["[policy]", *(f"{key} = {json.dumps(value)}" for key, value in tables["policy"].items())]
    for name, fields in tables["categories"].items():
        lines += [f"[categories.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in fields.items())]
    for cookie in tables["cookies"]:
        lines += ["[[cookies]]", *(f"{key} = {json.dumps(value)}" for key, value in cookie.items())]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serve_sabotaged(FAULTS) as (url, _):
        yield url


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("policy") / "consent.toml"
    file.write_text(toml(POLICY), encoding="utf-8")
    return str(file)


@pytest.fixture
def command(address: str, policy: str) -> list[str]:
    return ["audit", address, "--policy", policy, "--insecure", "--rate", "10000", "--pages", "4"]


def of(*findings: Finding, accepted: tuple[Finding, ...] = ()) -> Report:
    checked = tuple(KINDS.values())
    return Report(
        url="https://x.example/",
        at=0,
        policy="",
        states=(),
        addresses=("https://x.example/",),
        requests=1,
        findings=findings,
        accepted=accepted,
        checked=checked,
    )


class TestCommand:
    def test_text_says_what_where_why_and_how(self, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(command) == 1
        out = capsys.readouterr().out
        for text in [
            "consent.A001 high A cookie that needs consent is set before any choice",
            "Set-Cookie: _gid=‹1 byte›; Max-Age=60",
            "Give it a shorter Max-Age.",
            "it lives for 730 days",
            "Services and third parties",
        ]:
            assert text in out
        assert re.search(r"^5 findings \(3 high, 1 medium, 1 low\)\.$", out, re.MULTILINE)

    @pytest.mark.parametrize("form", ["json", "junit", "sarif", "html", "text"])
    def test_every_form_can_go_into_a_file(
        self, command: list[str], form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "report"
        assert main([*command, "--format", form, "--output", str(file)]) == 1
        assert capsys.readouterr().out == f"{file}: 5 findings (3 high, 1 medium, 1 low).\n"
        assert "consent.A106" in file.read_text(encoding="utf-8")

    def test_a_baseline_accepts_what_is_known_and_nothing_new(
        self, command: list[str], policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "baseline.json"
        assert main([*command, "--write-baseline", str(file)]) == 0
        assert main([*command, "--baseline", str(file)]) == 0
        assert "No findings beyond 5 accepted ones." in capsys.readouterr().out
        document = json.loads(file.read_text(encoding="utf-8"))
        document["accepted"] = [row for row in document["accepted"] if row["id"] != "consent.A004"]
        file.write_text(json.dumps(document), encoding="utf-8")
        assert main([*command, "--baseline", str(file), "--format", "json"]) == 1
        report = json.loads(capsys.readouterr().out)
        assert [finding["id"] for finding in report["findings"]] == ["consent.A004"]
        assert len(report["accepted"]) == 4

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--policy", "nowhere.toml"],
            ["--baseline", "nowhere.json"],
            ["--output", "/nowhere/at/all"],
            ["--ca", "nowhere.pem"],
            ["--browser", "--accept-script", "nowhere.js"],
        ],
    )
    def test_what_it_cannot_work_with_exits_2(
        self, address: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        trust = [] if "--ca" in arguments else ["--insecure"]
        assert main(["audit", address, *trust, "--rate", "10000", "--pages", "1", *arguments]) == 2
        assert "now" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "arguments",
        [["--rate", "0"], ["--pages", "0"], ["--pages", "x"], ["--accept-cookie", "x"], ["--format", "pdf"]],
    )
    def test_what_cannot_be_understood_is_a_usage_error(self, arguments: list[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            main(["audit", "https://x.example/", *arguments])
        assert caught.value.code == 2

    def test_without_the_extra_it_says_which_one_to_install(self, tmp_path: Path) -> None:
        (tmp_path / "httpx.py").write_text("raise ModuleNotFoundError('No module named httpx')")
        code = (
            "import sys; sys.path.insert(0, sys.argv.pop()); from consent_middleware.cli import main; sys.exit(main())"
        )
        told = subprocess.run(
            [sys.executable, "-c", code, "audit", "http://127.0.0.1/", str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 2
        assert 'needs the extra "audit": python -m pip install "consent-middleware[audit]"' in told.stderr

    def test_a_choice_of_another_tool_is_given_as_a_cookie(
        self, command: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        given = ["--prefix", "/elsewhere", "--accept-cookie", "theirs=yes", "--refuse-cookie", "theirs=no"]
        assert main([*command, *given, "--format", "json"]) == 1
        report = json.loads(capsys.readouterr().out)
        assert report["states"] == ["no choice", "refuse all", "accept all"]
        assert "consent.A201" not in report["checked"]
        assert any("The choice itself was not examined" in remark for remark in report["remarks"])


class TestForms:
    def test_json_can_be_read_by_programs(self) -> None:
        document = json.loads(as_json(of(NASTY)).encode("utf-8", "replace"))
        (finding,) = document["findings"]
        assert finding["id"] == "consent.A003"
        assert finding["promised"] == KINDS["consent.A003"].promise
        assert document["at"] == "1970-01-01T00:00:00Z"

    def test_junit_counts_kinds_and_survives_what_xml_cannot_hold(self) -> None:
        accepted = Finding(kind=KINDS["consent.A107"], subject="cdn.example", seen="")
        suite = ElementTree.fromstring(as_junit(of(NASTY, accepted=(accepted,)))).find("testsuite")
        assert suite is not None
        assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == (str(len(KINDS)), "1", "1")
        (failure,) = suite.iter("failure")
        assert 'onerror="alert(1)"' in (failure.text or "")

    def test_sarif_has_a_rule_for_each_result_and_suppresses_what_is_accepted(self) -> None:
        (run,) = json.loads(as_sarif(of(NASTY, accepted=(NASTY,))))["runs"]
        rules = run["tool"]["driver"]["rules"]
        assert [rule["id"] for rule in rules] == list(KINDS)
        first, second = run["results"]
        assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "consent.A003"
        assert "suppressions" not in first
        assert second["suppressions"][0]["kind"] == "external"

    def test_sarif_is_valid(self, sarif_schema: Any, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        jsonschema = pytest.importorskip("jsonschema")
        main([*command, "--format", "sarif"])
        jsonschema.validate(json.loads(capsys.readouterr().out), sarif_schema)
        jsonschema.validate(json.loads(as_sarif(of(NASTY, accepted=(NASTY,)))), sarif_schema)

    def test_html_is_one_file_that_runs_nothing_and_asks_nobody(self) -> None:
        page = as_html(of(NASTY))
        seen: list[tuple[str, dict[str, str | None]]] = []

        class Reader(HTMLParser):
            def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
                seen.append((tag, dict(attrs)))

        Reader().feed(page)
        tags = {tag for tag, _ in seen}
        assert not tags & {"script", "img", "link", "iframe"}
        assert all(not str(attributes.get("href", "#")).partition("#")[0] for _, attributes in seen)
        assert all(not name.startswith("on") for _, attributes in seen for name in attributes)
        assert "&lt;img src=x" in page

    def test_html_of_nothing_found_says_so(self) -> None:
        assert "Every promise that was checked is kept." in as_html(of())


class TestBaseline:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            "{}",
            '{"format": 2, "accepted": []}',
            '{"format": 1, "accepted": {}}',
            '{"format": 1, "accepted": [1]}',
            '{"format": 1, "accepted": [{"id": "consent.A001"}]}',
            '{"format": 1, "accepted": [{"id": "consent.A999", "subject": "x"}]}',
            "[" * 100_000,
        ],
    )
    def test_what_is_none_is_refused_with_a_reason(self, text: str, tmp_path: Path) -> None:
        file = tmp_path / "baseline.json"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(BaselineError):
            Baseline.read(file)

    def test_what_is_written_is_read_again(self, tmp_path: Path) -> None:
        file = tmp_path / "baseline.json"
        file.write_text(Baseline.text_of([NASTY]), encoding="utf-8")
        assert Baseline.read(file).keys == {NASTY.key}
        assert of(NASTY).against(Baseline.read(file)).findings == ()


class TestTable:
    def test_ids_are_unique_in_order_and_complete(self) -> None:
        assert list(KINDS) == sorted(KINDS)
        assert all(re.fullmatch(r"consent\.A[0-9]{3}", id) for id in KINDS)
        for kind in KINDS.values():
            assert kind.severity in SEVERITIES
            assert kind.promise.endswith(".")
            assert kind.fix.endswith(".")
            assert not kind.title.endswith(".")

    def test_the_page_about_the_audit_shows_every_kind(self) -> None:
        page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| `(consent\.A\d{3})` \| (\w+) \| (.+?) \|$", page, re.MULTILINE)
        assert rows == [(kind.id, kind.severity, kind.title) for kind in KINDS.values()]

    def test_every_kind_is_used(self) -> None:
        source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "consent_middleware/audit").glob("*.py"))
        names = re.findall(r"^([A-Z_0-9]+) = _kind\(", source, re.MULTILINE)
        assert len(names) == len(KINDS)
        assert [name for name in names if f"kinds.{name}" not in source] == []


@pytest.fixture(scope="module")
def sarif_schema() -> Any:
    """The schema of SARIF 2.1.0, from npm: it is not ours to pass on."""
    return json.loads(npm_file("@microsoft/jest-sarif@1.0.0-beta.0", "lib/schemas/sarif-2.1.0-rtm.5.json"))
