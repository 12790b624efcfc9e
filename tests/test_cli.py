"""The command line, from what is typed to what is printed and the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from consent_middleware import catalogue
from consent_middleware.cli import COMMANDS, main
from consent_middleware.policy import Policy

GOOD = """
[policy]
version = "2026-11-21"
controller = "Example SARL"
contact = "dpo@example.org"
[categories.functional]
[categories.analytics]
services = ["google-analytics", "plausible"]
[categories.marketing]
services = ["linkedin-insight"]
gpc = true
[categories.audience]
exempt = true
services = ["matomo"]
[categories.chat]
on_request = true
services = ["tawk-to"]
[[cookies]]
name = "theme"
category = "functional"
lifetime = "30 days"
[[cookies]]
name = "basket"
category = "necessary"
"""

BAD = """
[policy]
controller = "Example SARL"
mode = "reprt"
"""


@pytest.fixture
def good(tmp_path: Path) -> str:
    file = tmp_path / "good.toml"
    file.write_text(GOOD, encoding="utf-8")
    return str(file)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    file = tmp_path / "bad.toml"
    file.write_text(BAD, encoding="utf-8")
    return str(file)


def printed_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


class TestCheck:
    def test_a_good_file_is_summed_up(self, good: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["check", good]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        for line in [
            f"fingerprint {Policy.load(good).fingerprint}",
            "controller    Example SARL, dpo@example.org",
            "a choice      is kept 6 months",
            "a cookie      is kept 13 months at most; undeclared: withhold",
            "necessary: strictly necessary, never asked",
            "basket: up to the limit",
            "theme: 30 days",
            "analytics: only with consent",
            "google-analytics, Google Analytics (Google Ireland Limited)",
            "_ga: 13 months",
            "marketing: only with consent; Sec-GPC refuses it",
            "li_sugr on linkedin.com: 90 days, in the vendor's own jar",
            "audience: exempt from consent, on until the visitor objects",
            "chat: only when the visitor asks for it",
        ]:
            assert line in out

    def test_what_is_set_for_pages_is_summed_up(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "pages.toml"
        file.write_text(
            GOOD + '[html]\nthird_party_hosts = "report"\ncss = true\ngate = false\nown_hosts = ["a.org"]\n'
        )
        assert main(["check", str(file)]) == 0
        out = capsys.readouterr().out
        assert 'pages         third_party_hosts = "report", own_hosts = ["a.org"], css = true\n' in out
        assert "lets hosts load that nobody declared" in out
        file.write_text(GOOD)
        main(["check", str(file)])
        assert "  pages  " not in capsys.readouterr().out

    def test_every_mistake_of_a_bad_file_is_printed_where_it_can_be_searched(
        self, bad: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["check", bad]) == 1
        out, err = capsys.readouterr()
        assert err == ""
        assert out.splitlines()[0] == f"{bad}: 2 mistakes"
        assert 'policy.mode: "reprt" is none of "enforce", "report"; did you mean "report"? [consent.P008]' in out
        assert "policy.contact: is missing" in out

    def test_json_holds_the_mistakes(self, bad: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["check", bad, "--format", "json"]) == 1
        document = printed_json(capsys)
        assert document["file"] == bad
        assert [(mistake["id"], mistake["place"]) for mistake in document["mistakes"]] == [
            ("consent.P008", "policy.mode"),
            ("consent.P006", "policy.contact"),
        ]
        assert all(set(mistake) == {"id", "place", "reason", "suggestion"} for mistake in document["mistakes"])

    def test_json_holds_the_summary(self, good: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["check", good, "--format", "json"]) == 0
        document = printed_json(capsys)
        assert document["mistakes"] == []
        assert document["fingerprint"] == Policy.load(good).fingerprint
        categories = {category["name"]: category for category in document["categories"]}
        assert [cookie["name"] for cookie in categories["functional"]["cookies"]] == ["theme"]
        assert [service["id"] for service in categories["analytics"]["services"]] == ["google-analytics", "plausible"]
        assert categories["analytics"]["services"][0]["cookies"][0] == {
            "name": "_ga",
            "domain": None,
            "path": "/",
            "lifetime": "13 months",
            "third_party": False,
        }

    def test_the_floor_is_summed_up(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "consent.toml"
        floor = '[floor]\nsame_site = "lax"\nhttp_only = ["sid"]\n'
        file.write_text(GOOD.replace('"30 days"', '"30 days"\nsame_site = "none"') + floor, encoding="utf-8")
        assert main(["check", str(file)]) == 0
        out = capsys.readouterr().out
        assert 'floor         same_site = "lax", http_only = ["sid"]' in out
        assert 'theme: 30 days, same_site = "none"' in out

        assert main(["check", str(file), "--format", "json"]) == 0
        document = printed_json(capsys)
        assert document["floor"] == {"same_site": "lax", "secure": "leave", "http_only": ["sid"]}
        (functional,) = [category for category in document["categories"] if category["name"] == "functional"]
        assert functional["cookies"][0]["same_site"] == "none"

    @pytest.mark.parametrize(
        ("change", "note"),
        [
            (("version", "mode = 'report'\nversion"), "changes nothing"),
            (("version", "undeclared_cookies = 'allow'\nversion"), "nobody declared"),
            (("version", "cookie_domain = 'example.org'\nversion"), "every sub-domain can overwrite it"),
            (("version", "consent_lifetime = '7 months'\nversion"), "a choice is kept 7 months; the CNIL"),
            (("version", "cookie_lifetime = '400 days'\nversion"), "cookies are kept up to 400 days; the CNIL"),
            (('"2026-11-21"', '"second"'), "has no date"),
            (("version", "languages = ['fr', 'en']\nversion"), "purpose of the cookie theme: no text in fr, en"),
            (('"30 days"', '"30 days"\npurpose.fr = "x"'), "purpose of the cookie basket: no text in fr"),
            (("[categories.chat]", "[categories.maps]\nlabel.fr-CA = 'x'\n[categories.chat]"), "maps: no text in fr"),
            (
                ("[[cookies]]", "[[services]]\nid = 'own'\nname = 'O'\nprovider = 'P'\ncategory = 'chat'\n[[cookies]]"),
                "own names neither scripts nor inline markers",
            ),
            (("version", "policy_url = {en = '/cookies'}\nversion"), "cookie theme: no text in en"),
            (("[[cookies]]", "[floor]\nsame_site = 'strict'\n[[cookies]]"), "arrives without any cookie"),
            (("[[cookies]]", "[floor]\nsecure = 'always'\n[[cookies]]"), "over plain http"),
            (("[[cookies]]", "[floor]\nhttp_only = ['__Host-csrftoken']\n[[cookies]]"), "scripts usually read"),
            (
                ('"30 days"', "'30 days'\npartitioned = true\nsame_site = 'lax'"),
                "theme lives in frames on other sites, and is not sent there",
            ),
            (("", ""), "plausible has no cookies"),
            (("", ""), "linkedin-insight keeps cookies in its own jar"),
            (("[categories.chat]", "[categories.empty]\n[categories.chat]"), "empty is empty"),
            (("gpc = true", "required = true"), "linkedin-insight is usually marketing"),
            (("[[cookies]]", "[[services]]\nid = 'matomo'\nname = 'M'\nprovider = 'P'\n[[cookies]]"), "replaces"),
        ],
    )
    def test_what_is_permitted_but_doubtful_is_noted(
        self, change: tuple[str, str], note: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "consent.toml"
        file.write_text(GOOD.replace(*change, 1), encoding="utf-8")
        assert main(["check", str(file)]) == 0
        assert note in capsys.readouterr().out.partition("To consider:")[2]

    def test_google_analytics_is_not_exempt(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "consent.toml"
        file.write_text(
            GOOD.replace('"google-analytics", ', "").replace('"matomo"', '"google-analytics"'), encoding="utf-8"
        )
        assert main(["check", str(file)]) == 0
        assert "google-analytics is not among the tools that the CNIL exempts" in capsys.readouterr().out

    def test_a_policy_without_doubts_has_no_notes(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "consent.toml"
        policy = '[policy]\nversion = "2026-11-21"\n'
        policy += 'controller = "x"\ncontact = "y"\n[categories.analytics]\nservices = ["matomo"]\n'
        file.write_text(policy, encoding="utf-8")
        assert main(["check", str(file)]) == 0
        assert "To consider" not in capsys.readouterr().out

    @pytest.mark.parametrize("name", ["nowhere.toml", "."])
    def test_a_file_that_cannot_be_read_is_no_finding(
        self, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["check", str(tmp_path / name)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("consent check: cannot read ")


class TestCatalogue:
    def test_all_services_are_listed_one_on_a_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["catalogue"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == list(catalogue.entries())

    def test_a_search_narrows_the_list(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["catalogue", "plausible"]) == 0
        assert capsys.readouterr().out == ("plausible  analytics   Plausible (Plausible Insights OÜ): no cookies\n")

    def test_nothing_found_is_a_finding(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["catalogue", "no such service"]) == 1
        assert "no such service" in capsys.readouterr().out

    def test_json_holds_every_fact_and_its_source(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["catalogue", "meta-pixel", "--format", "json"]) == 0
        (service,) = printed_json(capsys)
        assert service["cookies"][0]["name"] == "_fbp"
        assert service["cookies"][0]["lifetime"] == "90 days"
        assert service["source"]["lifetimes"].startswith("vendor")

    def test_json_of_nothing_is_an_empty_list(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["catalogue", "no such service", "--format", "json"]) == 1
        assert printed_json(capsys) == []


class TestCommandLine:
    @pytest.mark.parametrize("arguments", [[], ["chek"], ["check"], ["check", "a", "--format", "xml"], ["--nonsense"]])
    def test_what_cannot_be_understood_exits_2(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        assert "usage: consent" in capsys.readouterr().err

    def test_help_names_every_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            main(["--help"])
        assert caught.value.code == 0
        out = " ".join(capsys.readouterr().out.split())
        assert all(command.name in out and command.summary in out for command in COMMANDS)

    def test_version_names_the_distribution(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            main(["--version"])
        assert caught.value.code == 0
        assert capsys.readouterr().out.startswith("consent-middleware ")

    def test_the_package_is_the_command(self, bad: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "consent_middleware", "check", bad], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.startswith(f"{bad}: 2 mistakes\n")

    def test_a_reader_that_has_seen_enough_hears_no_complaint(self) -> None:
        command = [sys.executable, "-m", "consent_middleware", "catalogue", "--format", "json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""

    def test_a_terminal_without_accents_is_no_obstacle(self) -> None:
        command = [sys.executable, "-X", "utf8=0", "-m", "consent_middleware", "catalogue", "plausible"]
        environment = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": ":".join(sys.path)}
        done = subprocess.run(command, capture_output=True, env=environment, check=True)
        assert b"Plausible Insights O\\xdc" in done.stdout


class TestPage:
    def page(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
        assert main(["page", *arguments]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    def test_a_page_stands_alone(self, good: str, capsys: pytest.CaptureFixture[str]) -> None:
        page = self.page(capsys, "--policy", good, "--language", "fr")
        assert page.startswith('<!doctype html>\n<html lang="fr" dir="ltr">')
        assert "<h1>Politique de cookies</h1>" in page
        assert 'href="/_consent/settings"' in page
        assert "__Host-consent" in page
        assert "src=" not in page and "<link" not in page

    def test_a_fragment_has_neither_title_nor_style(self, good: str, capsys: pytest.CaptureFixture[str]) -> None:
        fragment = self.page(capsys, "--policy", good, "--format", "fragment", "--prefix", "/choices/")
        assert fragment.startswith('<div class="cm-policy" lang="en" dir="ltr">')
        assert fragment.endswith("</div>\n")
        assert "<h1" not in fragment and "<style" not in fragment
        assert 'href="/choices/settings"' in fragment

    def test_markdown_has_the_cookies_of_the_framework_if_told(
        self, good: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arguments = ("--policy", good, "--format", "markdown", "--necessary", "sessionid", "--necessary", "csrftoken")
        page = self.page(capsys, *arguments)
        assert page.startswith("# Cookie policy\n")
        assert "| `sessionid` | Example SARL | Necessary | at most 13 months |\n| `csrftoken` |" in page

    def test_a_bad_policy_is_no_page(self, bad: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["page", "--policy", bad]) == 2
        out, err = capsys.readouterr()
        assert out == "" and "policy.contact: is missing" in err
        assert main(["page", "--policy", "nowhere.toml"]) == 2
