"""``consent ledger``, from what is typed to what is printed and the exit status."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consent_middleware.cli import main
from consent_middleware.ledger import SQLLedger, reading
from consent_middleware.record import Record, Shown
from support.records import KEY, record, refusal
from support.site import NOON

PAGE = Shown.of("<!doctype html><title>Réglages</title>".encode())


@pytest.fixture
def records(ledger: SQLLedger) -> list[Record]:
    """A visitor who accepts and then refuses the next day, and another."""
    first = record(ui_hash=PAGE.hash)
    second = refusal(subject=first.subject, previous=first.record_id, decided_at=NOON + 86400, ui_hash=PAGE.hash)
    other = record(choices={"analytics": True, "marketing": False}, state="partial", decided_at=NOON + 5, gpc=True)
    ledger.keep([PAGE])
    for each in (first, other, second):
        ledger.append([each])
    return [first, other, second]


@pytest.fixture
def consent(
    url: str, records: list[Record], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Types ``consent ledger …`` and returns the exit status, and what was printed and complained."""
    monkeypatch.setenv("CONSENT_LEDGER", url)
    monkeypatch.setenv("CONSENT_SECRET_KEYS", f"retired,{KEY}")

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["ledger", *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run


Consent = Callable[..., tuple[int, str, str]]


def as_json(answer: tuple[int, str, str]) -> Any:
    return json.loads(answer[1])


def test_stats_count_by_category_day_and_mechanism(consent: Consent) -> None:
    status, out, _ = consent("stats")
    assert status == 0
    assert out.startswith("3 records of 2 visitors\n")
    for line in ("decided: given 1, partial 1, refused 1", "how: accept-all 2, reject-all 1"):
        assert line in out
    found = as_json(consent("stats", "--format", "json"))
    assert found["categories"] == {
        "analytics": {"granted": 2, "denied": 1},
        "marketing": {"granted": 1, "denied": 2},
    }
    assert found["days"] == {"2026-11-21": {"given": 1, "partial": 1}, "2026-11-22": {"refused": 1}}
    assert as_json(consent("stats", "--format", "json", "--since", "2026-11-22"))["states"] == {"refused": 1}


def test_the_report_is_one_page_with_a_plot_and_asks_nobody(consent: Consent, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("first.html", "second.html")]
    for file in files:
        assert consent("stats", "--html", str(file))[0] == 0
    page = files[0].read_text(encoding="utf-8")
    assert "<svg" in page
    assert "3 records of 2 visitors" in page
    assert "<script" not in page
    assert "src=" not in page
    assert page == files[1].read_text(encoding="utf-8")


def test_an_empty_ledger_has_statistics_too(
    opened: Callable[..., SQLLedger], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/empty.db"
    opened(url).records_of("nobody")
    for arguments in (["stats"], ["stats", "--html", str(tmp_path / "report.html")], ["export"]):
        assert main(["ledger", *arguments, "--ledger", url]) == 0


def test_show_tells_everything_about_a_record(consent: Consent, records: list[Record]) -> None:
    status, out, _ = consent("show", records[2].record_id)
    assert status == 0
    assert f"replaces  {records[0].record_id}" in out
    assert "decided   refused: analytics no, marketing no" in out
    assert "at        2026-11-22T12:00:00Z, until 2027-05-22T12:00:00Z" in out


def test_show_finds_a_visitor_and_beginnings(consent: Consent, records: list[Record]) -> None:
    assert len(as_json(consent("show", records[0].subject, "--format", "json"))) == 2
    assert consent("show", records[1].record_id[:12])[0] == 0
    assert consent("show", "no%such_")[0] == 1


def test_a_pseudonym_that_looks_like_an_option_is_none(consent: Consent, ledger: SQLLedger) -> None:
    for subject in ("-hCdEfGhIjKlMnOpQrStUv", "--CdEfGhIjKlMnOpQrStUv"):
        ledger.append([record(subject=subject)])
        assert consent("show", subject)[0] == 0
        assert len(consent("export", "--subject", subject)[1].splitlines()) == 1
        [row] = csv.DictReader(io.StringIO(consent("export", "--format", "csv", "--subject", subject)[1]))
        assert consent("erase", row["pii_principal_id"]) == (
            0,
            "1 records erased\n",
            "",
        )  # with an apostrophe before it
        assert consent("erase", subject)[0] == 1


def test_show_renders_the_page_of_its_day(consent: Consent, records: list[Record]) -> None:
    assert consent("show", records[0].record_id, "--html") == (0, PAGE.document.decode(), "")
    status, out, err = consent("show", records[1].record_id, "--html")
    assert (status, out) == (2, "")
    assert "is not kept" in err


def test_verify_is_content_with_what_was_written(consent: Consent, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor"
    status, out, _ = consent("verify", "--write-anchor", str(anchor))
    assert (status, out) == (0, "3 records in 1 chains, 0 erased: everything is as it was written\n")
    assert consent("verify", "--anchor", str(anchor))[0] == 0


def test_verify_names_what_was_not(consent: Consent, ledger: SQLLedger, records: list[Record], tmp_path: Path) -> None:
    anchor = tmp_path / "anchor"
    consent("verify", "--write-anchor", str(anchor))
    with ledger.database.writing() as connection:
        connection.exec_driver_sql("UPDATE consent_record SET state = 'given' WHERE position = 3")
    status, out, _ = consent("verify")
    assert status == 1
    assert out.splitlines()[0].startswith(f"changed: chain 1, row 3 (record {records[2].record_id}): ")
    [finding] = as_json(consent("verify", "--format", "json"))["findings"]
    assert (finding["kind"], finding["position"]) == ("changed", 3)
    with ledger.database.writing() as connection:
        for table in ("consent_record", "consent_chain"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    assert consent("verify")[0] == 0
    assert consent("verify", "--anchor", str(anchor))[0] == 1


def test_an_export_has_the_names_of_the_standard(consent: Consent, records: list[Record], tmp_path: Path) -> None:
    lines = [json.loads(line) for line in consent("export")[1].splitlines()]
    assert lines == as_json(consent("export", "--format", "json"))
    first = lines[0]
    assert (first["record_id"], first["pii_principal_id"]) == (records[0].record_id, records[0].subject)
    assert first["events"][0]["event_time"] == "2026-11-21T12:00:00Z"
    assert [purpose["event_state"] for purpose in lines[1]["pii_processing"]["purposes"]] == [
        "ConsentGiven",
        "ConsentRefused",
    ]
    rows = [*csv.DictReader(io.StringIO(consent("export", "--format", "csv")[1]))]
    assert [row["event_state"] for row in rows] == ["ConsentGiven", "ConsentGiven", "ConsentRefused"]
    assert rows[1]["purposes"] == "analytics:yes marketing:no"
    file = tmp_path / "export.jsonl"
    assert consent("export", "--output", str(file), "--subject", records[0].subject) == (0, "", "")
    assert len(file.read_text(encoding="utf-8").splitlines()) == 2


def test_no_spreadsheet_runs_what_a_visitor_wrote(consent: Consent, ledger: SQLLedger) -> None:
    ledger.append([record(host="=1+1", policy_version="@x")])
    row = [*csv.DictReader(io.StringIO(consent("export", "--format", "csv")[1]))][-1]
    assert (row["host"], row["privacy_notice"]) in {("'=1+1", "'@x"), ("shop.example.org", "2026-11-21")}
    assert "\n'=" not in row["host"]
    assert ",=1+1," not in consent("export", "--format", "csv")[1]


def test_an_export_names_the_controller_of_the_policy(consent: Consent, tmp_path: Path, records: list[Record]) -> None:
    policy = tmp_path / "consent.toml"
    policy.write_text('[policy]\ncontroller = "Example SARL"\ncontact = "dpo@example.org"\n', encoding="utf-8")
    document = json.loads(consent("export", "--policy", str(policy))[1].splitlines()[0])
    assert "party_identification" not in document  # the records were made under another one
    assert consent("export", "--policy", str(tmp_path / "none.toml"))[0] == 2


def test_what_was_exported_can_be_taken_in(
    consent: Consent, records: list[Record], opened: Callable[..., SQLLedger], tmp_path: Path
) -> None:
    file, other = tmp_path / "export.jsonl", f"sqlite:///{tmp_path}/other.db"
    consent("export", "--output", str(file))
    for expected in (
        "3 of 3 records imported, the others were there\n",
        "0 of 3 records imported, the others were there\n",
    ):
        assert consent("import", "--ledger", other, str(file)) == (0, expected, "")
    assert sorted(map(repr, reading.records(opened(other).database))) == sorted(map(repr, records))
    assert consent("verify", "--ledger", other)[0] == 0


@pytest.mark.parametrize("line", ["nonsense", "[]", "{}", '{"record": {}}', '{"record": {"record_id": 5}}'])
def test_what_was_not_exported_is_named(consent: Consent, tmp_path: Path, line: str) -> None:
    file = tmp_path / "import.jsonl"
    file.write_text(f"{line}\n", encoding="utf-8")
    status, _, err = consent("import", str(file))
    assert status == 2
    assert "line 1 is no exported record: " in err


def test_a_copy_has_what_was_shown_too(
    consent: Consent, records: list[Record], opened: Callable[..., SQLLedger], tmp_path: Path
) -> None:
    other = f"sqlite:///{tmp_path}/copy.db"
    assert consent("copy", other) == (0, "3 of 3 records copied, the others were there\n", "")
    assert consent("copy", other) == (0, "0 of 3 records copied, the others were there\n", "")
    assert consent("show", "--ledger", other, records[0].record_id, "--html")[1] == PAGE.document.decode()


def test_erase_and_purge_leave_a_ledger_that_verifies(consent: Consent, records: list[Record]) -> None:
    assert consent("erase", records[0].subject) == (0, "2 records erased\n", "")
    assert consent("erase", records[0].subject)[0] == 1
    assert consent("verify")[:2] == (0, "1 records in 1 chains, 2 erased: everything is as it was written\n")
    assert consent("purge")[1].startswith("1 removed: ")  # the first, which is empty
    assert consent("verify")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["stats", "--ledger", "sqlite:////nowhere/at/all.db"], "there is no file /nowhere/at/all.db"),
        (["stats", "--ledger", "sqlite://"], "proves nothing after a restart"),
        (["stats", "--ledger", "nonsense"], "is no URL of a database"),
        (["stats", "--ledger", "mongodb://x/y"], "needs a driver"),
        (["stats", "--ledger", ""], "which ledger?"),
        (["import", "/nowhere/at/all.jsonl"], "cannot read"),
        (["stats", "--html", "/nowhere/at/all.html"], "cannot write"),
        (["export", "--output", "/nowhere/at/all"], "cannot write"),
        (["verify", "--anchor", "/nowhere/at/all"], "cannot read"),
        (["stats", "--ledger", "postgresql+psycopg://nobody@127.0.0.1:1/none"], "refused"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(consent: Consent, arguments: list[str], complaint: str) -> None:
    status, out, err = consent(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("consent ledger: ")
    assert complaint in err


def test_without_keys_nothing_is_verified(consent: Consent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONSENT_SECRET_KEYS")
    assert consent("stats")[0] == 0
    status, _, err = consent("verify")
    assert status == 2
    assert "CONSENT_SECRET_KEYS is not set" in err


@pytest.mark.parametrize("missing", ["sqlalchemy", "matplotlib"])
def test_a_missing_extra_is_named(
    consent: Consent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in [name for name in sys.modules if name.startswith("consent_middleware.ledger")]:
        monkeypatch.delitem(sys.modules, name)
    status, _, err = consent("stats", "--html", str(tmp_path / "report.html"))
    assert status == 2
    assert f'install the extra "{ {"sqlalchemy": "ledger", "matplotlib": "report"}[missing] }"' in err


def test_nothing_is_purged_before_its_time(consent: Consent) -> None:
    assert consent("purge", "--keep", "99 years")[1].startswith("0 removed: ")
    with pytest.raises(SystemExit):
        consent("purge", "--keep", "session")
