"""``consent init`` at the keyboard: what it writes where, what it leaves alone, what it says and how it ends."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path

import pytest

from consent_middleware.cli import main
from consent_middleware.policy import Policy

REPORT = {"version": 1, "cookies": [{"name": "theme"}, {"name": "_hjid", "set": 0}], "hosts": []}
DATABASE = """ID,Platform,Category,Cookie / Data Key name,Description,Retention period,Wildcard match
1,Acme Themes,Functional,theme,"Remembers the theme,
in two lines",1 year,0
2,Acme Ads,Marketing,track_,Follows,1 year,1
3,Acme Ads,Marketing,a,Short prefixes match too much,1 year,1
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a report in it, where the command runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.json").write_text(json.dumps(REPORT), encoding="utf-8")
    return tmp_path


def init(*arguments: str) -> int:
    return main(["init", "--from-report", "report.json", *arguments])


def answered(text: str) -> str:
    return text.replace('controller = "?"', 'controller = "A"').replace('contact = "?"', 'contact = "b@c.example"')


def test_it_writes_consent_toml_and_says_what_to_do_next(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init() == 1
    said = capsys.readouterr().out
    assert said.startswith("consent.toml: 2 cookies and no third parties seen, 3 open questions\n")
    assert said.endswith(
        "Next: answer them (grep QUESTION consent.toml), until this finds nothing: consent check consent.toml\n"
    )
    assert tomllib.loads((folder / "consent.toml").read_text(encoding="utf-8"))["policy"]["mode"] == "report"
    assert [file.name for file in folder.iterdir() if file.suffix not in (".toml", ".json")] == []


def test_the_check_complains_of_each_question_until_it_has_an_answer(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init()
    capsys.readouterr()
    file = folder / "consent.toml"
    text = file.read_text(encoding="utf-8")
    assert main(["check", "consent.toml"]) == 1
    complaints = capsys.readouterr().out
    assert complaints.startswith("consent.toml: 3 open questions\n")
    assert complaints.count("[consent.P060]") == text.count("QUESTION: ") == 3
    assert 'about "theme"' in complaints
    file.write_text(answered(text).replace('category = "?"', 'category = "functional"'), encoding="utf-8")
    assert main(["check", "consent.toml"]) == 0


def test_without_a_question_it_exits_0_and_tells_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    Path("report.json").write_text('{"version": 1}', encoding="utf-8")
    assert init("--controller", 'The "Shop"', "--contact", "dpo@example.org") == 0
    assert "CONSENT_MODE=report" in capsys.readouterr().out
    assert Policy.load("consent.toml").controller == 'The "Shop"'


class TestAFileThatIsThere:
    def test_stays_as_it_is(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "consent.toml").write_text("mine", encoding="utf-8")
        assert init() == 2
        assert "consent.toml exists and stays as it is; replace it with --force" in capsys.readouterr().err
        assert (folder / "consent.toml").read_text(encoding="utf-8") == "mine"

    def test_is_replaced_when_that_is_wanted_and_keeps_its_permissions(self, folder: Path) -> None:
        file = folder / "consent.toml"
        file.write_text("mine", encoding="utf-8")
        file.chmod(0o640)
        assert init("--force") == 1
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
        assert "[policy]" in file.read_text(encoding="utf-8")

    def test_is_replaced_behind_a_link(self, folder: Path) -> None:
        (folder / "real.toml").write_text("mine", encoding="utf-8")
        (folder / "consent.toml").symlink_to("real.toml")
        assert init("--force") == 1
        assert (folder / "consent.toml").is_symlink()
        assert "[policy]" in (folder / "real.toml").read_text(encoding="utf-8")

    def test_is_never_replaced_if_it_is_a_pipe_or_a_device(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        os.mkfifo(folder / "consent.toml")
        assert init("--force") == 2
        assert 'consent.toml exists and is no file; name another with --output, or "-"' in capsys.readouterr().err
        assert (folder / "consent.toml").is_fifo()

    def test_stays_even_if_it_came_to_be_in_the_meantime(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "consent.toml").write_text("mine", encoding="utf-8")
        monkeypatch.setattr(Path, "exists", lambda path: False)
        assert init() == 2
        assert (folder / "consent.toml").read_text(encoding="utf-8") == "mine"
        assert sorted(os.listdir(folder)) == ["consent.toml", "report.json"]

    def test_is_not_lost_where_there_are_no_links(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*given: object, **options: object) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(os, "link", refuse)
        assert init() == 1
        (folder / "consent.toml").write_text("mine", encoding="utf-8")
        assert init() == 2
        assert (folder / "consent.toml").read_text(encoding="utf-8") == "mine"


def test_to_standard_output_goes_the_file_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init("--output", "-") == 1
    out, err = capsys.readouterr()
    assert tomllib.loads(out)["cookies"] == [{"name": "theme", "category": "?"}]
    assert "Next: " in err
    assert not (folder / "consent.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to look at; give --url"),
        (["--from-report", "no.json"], "cannot read no.json: No such file or directory"),
        (["--from-report", "report.json", "--output", "no/folder.toml"], "cannot write no/folder.toml"),
        (["--from-report", "report.json", "--output", "."], ". exists and is no file"),
        (["--from-report", "report.json", "--output", ".", "--force"], ". exists and is no file"),
        (["--url", "example.org"], "is no address of a site"),
        (["--url", "http://127.0.0.1:1/", "--ca", "no.pem"], "cannot use no.pem as certificates"),
        (["--app", "no_such_module:app"], "No module named 'no_such_module'"),
        (["--settings", "no_such_settings"], "No module named 'no_such_settings'"),
        (["--from-report", "report.json", "--open-cookie-database", "no.csv"], "cannot read no.csv"),
        (["--from-report", "report.json", "--open-cookie-database", "report.json"], "it has no column"),
    ],
)
def test_what_cannot_work_is_told_in_a_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *arguments]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("consent init: ") and said in err and err.count("\n") == 1
    assert out == ""
    assert not Path("consent.toml").exists()


def test_the_open_cookie_database_gives_hints_and_decides_nothing(folder: Path) -> None:
    cookies = [{"name": name} for name in ("theme", "track_17", "abc", "sessionid")]
    (folder / "report.json").write_text(json.dumps({**REPORT, "cookies": cookies}), encoding="utf-8")
    (folder / "ocd.csv").write_text(DATABASE, encoding="utf-8-sig")
    assert init("--open-cookie-database", "ocd.csv") == 1
    text = (folder / "consent.toml").read_text(encoding="utf-8")
    plain = text.replace("\n# ", " ")
    assert "says: Functional, of Acme Themes. Remembers the theme, in two lines" in plain
    assert "says: Marketing, of Acme Ads. Follows" in plain
    assert "Short prefixes" not in text
    categories = {cookie["name"]: cookie["category"] for cookie in tomllib.loads(text)["cookies"]}
    assert categories == {"theme": "?", "track_17": "?", "abc": "?", "sessionid": "necessary"}


def test_another_consent_tool_that_was_there_is_read_on(folder: Path) -> None:
    (folder / "report.json").write_text(json.dumps({**REPORT, "cookies": [{"name": "klaro"}]}), encoding="utf-8")
    init()
    tables = tomllib.loads((folder / "consent.toml").read_text(encoding="utf-8"))
    assert tables["policy"]["reads"] == ["klaro"]
    assert tables["cookies"] == [{"name": "klaro", "category": "necessary"}]
