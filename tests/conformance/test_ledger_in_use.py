"""A ledger named by its URL, behind every front door: proof before the answer, and rights of whoever chose."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from consent_middleware import Record
from consent_middleware.ledger import SQLLedger, open_ledger, reading
from consent_middleware.ledger.verification import Tally, verify
from support.doors import KEY
from support.site import FORM, JSON, NOON, SAME_ORIGIN, Site

OpenSite = Callable[..., Site]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "consent.db"


@pytest.fixture
def ledger(file: Path) -> Iterator[SQLLedger]:
    """The ledger as its keeper sees it, from another process so to speak."""
    opened = open_ledger(f"sqlite:///{file}", KEY)
    yield opened
    opened.close()


@pytest.fixture
def site(open_site: OpenSite, file: Path) -> Iterator[Site]:
    opened = open_ledger(f"sqlite:///{file}", KEY)
    yield open_site(ledger=opened)
    opened.close()


def records(ledger: SQLLedger) -> list[Record]:
    return [*reading.records(ledger.database)]


def ask(site: Site, path: str = "/_consent/record") -> tuple[int, object]:
    answer = site.visit(path)
    assert answer.get("cache-control") == "no-store"
    return answer.status, json.loads(answer.body) if answer.status == 200 else None


def erase(site: Site, headers: list[tuple[str, str]] = SAME_ORIGIN, kind: tuple[str, str] = FORM) -> int:
    body = b"{}" if kind == JSON else b""
    return site.visit("/_consent/erase", method="POST", headers=[kind, *headers], body=body, carrying=["_ga=1"]).status


def once_in(site: Site) -> str:
    return mark_in(site.visit("/_consent/settings").body)


def mark_in(page: bytes) -> str:
    mark = re.search(rb'name="once" value="([^"]+)"', page)
    assert mark is not None
    return mark[1].decode()


def test_a_url_is_enough_and_nothing_is_made_before_a_choice(open_site: OpenSite, file: Path) -> None:
    site = open_site(ledger=f"sqlite:///{file}")
    site.visit(sets=["_ga=1"])
    site.state()
    assert not file.exists()
    site.visit(act=lambda decision: decision.allows("analytics"))
    assert not file.exists()


def test_rows_20_and_21_a_choice_is_recorded_with_all_there_is_to_prove(site: Site, ledger: SQLLedger) -> None:
    site.choose("save", "analytics", headers=[*SAME_ORIGIN, ("Accept-Language", "fr"), ("Sec-GPC", "1")])
    [record] = records(ledger)
    assert (record.state, record.mechanism, record.source, record.language) == ("partial", "save", "visitor", "fr")
    assert (record.policy_version, record.host, record.gpc) == ("2026-11-21", "shop.example.org", True)
    assert record.expires_at > record.decided_at == site.clock.now
    shown = reading.shown(ledger.database, record.ui_hash)
    assert shown is not None
    assert "Tout refuser" in shown.decode()
    tally = Tally()
    assert [*verify(ledger.database, ledger.keys, tally)] == []
    assert tally.records == 1


def test_row_21_a_second_click_is_no_second_choice(site: Site, ledger: SQLLedger) -> None:
    site.choose("accept-all")
    first = site.consent
    site.clock.now += 2
    assert site.choose("accept-all").status == 303
    assert site.consent == first
    assert len(records(ledger)) == 1
    site.clock.now += 60
    site.choose("accept-all")
    assert len(records(ledger)) == 2
    assert site.consent != first


@pytest.mark.parametrize("seconds", [0, 1, 3])
def test_two_clicks_before_any_answer_are_one_record_and_one_receipt(
    site: Site, ledger: SQLLedger, seconds: int
) -> None:
    once = once_in(site)
    receipts: list[str | None] = []
    for _ in range(2):
        site.jar.clear()
        site.send_form([("action", "accept-all"), ("once", once)])
        receipts.append(site.consent)
        site.clock.now += seconds
    assert len(records(ledger)) == 1
    assert receipts[0] == receipts[1] is not None
    assert ask(site)[0] == 200


@pytest.fixture
def film(policy: dict[str, Any]) -> dict[str, Any]:
    policy["services"] = [
        {"id": "film", "name": "F", "provider": "F", "category": "marketing", "scripts": ["film.example.net"]}
    ]
    return policy


FILM = b'<!doctype html><p><iframe src="https://film.example.net/1" title="A film"></iframe>'
HTML = [("Content-Type", "text/html")]


def test_two_clicks_on_a_placeholder_are_one_record(
    open_site: OpenSite, film: dict[str, Any], file: Path, ledger: SQLLedger
) -> None:
    used = open_ledger(f"sqlite:///{file}", KEY)
    site = open_site(film, ledger=used)
    page = site.visit(answers=HTML, page=FILM, headers=[("Sec-Fetch-Dest", "document")]).body
    assert b"cm-embed" in page
    for _ in range(2):
        site.jar.clear()
        site.send_form([("action", "grant"), ("category", "marketing"), ("once", mark_in(page))])
        site.clock.now += 1
    used.close()
    assert len(records(ledger)) == 1


def test_two_clicks_on_a_page_for_everybody_are_one_record_and_two_visitors_are_two(
    open_site: OpenSite, film: dict[str, Any], file: Path, ledger: SQLLedger
) -> None:
    """The page bears no mark, so the script in each browser makes one."""
    film["html"] = {"cache": "shared"}
    film["banner"] = {"show": True}
    used = open_ledger(f"sqlite:///{file}", KEY)
    site = open_site(film, ledger=used)
    page = site.visit(answers=HTML, page=FILM, headers=[("Sec-Fetch-Dest", "document")]).body
    assert re.findall(rb'name="once" value="([^"]*)"', page) in ([b""], [b"", b""])
    assert b'"once": ""' in page
    for mark in ("0123456789abcdef012345", "0123456789abcdef012345", "fedcba98765432100fedcb"):
        site.jar.clear()
        site.send_json({"action": "accept-all", "once": mark})
    used.close()
    first, second = records(ledger)
    assert first.subject != second.subject


def test_two_clicks_of_somebody_known_are_one_record_too(site: Site, ledger: SQLLedger) -> None:
    site.choose("reject-all")
    before = site.consent
    assert before
    site.clock.now += 3600
    receipts: list[str | None] = []
    for _ in range(2):
        site.consent = before
        site.choose("accept-all")
        receipts.append(site.consent)
        site.clock.now += 2
    assert len(records(ledger)) == 2
    assert receipts[0] == receipts[1]


def test_nobody_can_choose_whose_visitor_they_are(site: Site, ledger: SQLLedger) -> None:
    once = once_in(site)
    site.send_form([("action", "accept-all"), ("once", once)])
    site.jar.clear()
    site.clock.now += 60
    for mark in ("", "x", once[:-1], once + "x", records(ledger)[0].subject):
        site.send_form([("action", "accept-all"), ("once", mark)])
        site.jar.clear()
    subjects = {record.subject for record in records(ledger)}
    assert len(subjects) == len(records(ledger))
    assert once not in subjects


def test_visitors_are_shown_their_own_records_and_nobody_elses(site: Site, ledger: SQLLedger) -> None:
    site.choose("accept-all")
    site.clock.now += 60
    site.choose("withdraw")
    mine = site.consent
    site.jar.clear()
    site.choose("reject-all")
    status, found = ask(site)
    assert (status, len(json.loads(json.dumps(found)))) == (200, 1)
    site.consent = mine or ""
    _, found = ask(site)
    assert isinstance(found, list)
    assert [each["events"][0]["event_state"] for each in found] == ["ConsentGiven", "ConsentWithdrawn"]
    assert found[0]["pii_processing"]["pii_controllers"] == ["controller"]
    assert found[0]["party_identification"][0]["party_name"] == "Example SARL"


def test_whoever_cannot_prove_it_finds_nothing_and_cannot_tell_why(site: Site, file: Path) -> None:
    site.choose("accept-all")
    token = site.consent or ""
    missing = site.visit("/_consent/nothing-of-the-kind")
    site.jar.clear()
    for forged in ("", "x", token[:-1], token.replace("1v.", "1a.", 1)):
        site.consent = forged
        for answer in (
            site.visit("/_consent/record"),
            site.visit("/_consent/erase", method="POST", headers=[FORM, *SAME_ORIGIN], body=b""),
        ):
            assert (answer.status, answer.body) == (404, missing.body)


def test_without_a_ledger_there_is_nothing_to_be_had(open_site: OpenSite) -> None:
    site = open_site()
    site.choose("accept-all")
    assert (ask(site)[0], erase(site)) == (404, 404)


@pytest.mark.parametrize("kind", [FORM, JSON])
def test_who_is_erased_is_forgotten(site: Site, ledger: SQLLedger, kind: tuple[str, str]) -> None:
    site.choose("accept-all")
    site.clock.now += 60
    site.choose("save", "analytics")
    assert erase(site, kind=kind) == 200
    assert site.consent is None
    assert site.state()["needs_asking"]
    assert records(ledger) == []
    assert ask(site)[0] == 404
    assert [*verify(ledger.database, ledger.keys, Tally())] == []


def test_what_was_allowed_is_swept_with_the_records(site: Site) -> None:
    site.choose("accept-all")
    answer = site.visit(
        "/_consent/erase", method="POST", headers=[FORM, *SAME_ORIGIN], body=b"", carrying=["_ga=1", "session=s"]
    )
    assert {*answer.cookie_names} == {"__Host-consent", "_ga"}
    assert all("max-age=0" in line.lower() for line in answer.set_cookies)


@pytest.mark.parametrize(
    "headers",
    [[("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")], [("Origin", "https://x.test")], []],
)
def test_only_the_site_itself_can_ask_to_erase(site: Site, ledger: SQLLedger, headers: list[tuple[str, str]]) -> None:
    site.choose("accept-all")
    assert erase(site, headers) == 403
    assert len(records(ledger)) == 1
    assert site.visit("/_consent/erase").status == 405


def test_asking_all_the_time_is_refused_for_a_minute(site: Site) -> None:
    site.choose("accept-all")
    statuses = [ask(site)[0] for _ in range(12)]
    assert statuses == [200] * 10 + [429] * 2
    site.clock.now += 61
    assert ask(site)[0] == 200


# When the store fails


def break_file(file: Path) -> None:
    """What a bad disk makes of a database."""
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()
    file.write_bytes(b"this was a database once" * 1000)


def test_a_damaged_file_grants_nothing_and_the_site_is_served(
    open_site: OpenSite, file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    break_file(file)
    ledger = open_ledger(f"sqlite:///{file}", KEY, spool=tmp_path / "spool")
    site = open_site(ledger=ledger)
    answer = site.choose("accept-all")
    assert (answer.status, answer.set_cookies) == (503, [])
    assert b"could not be recorded" in answer.body
    assert "the file is damaged" in caplog.text
    assert site.state()["needs_asking"]
    assert site.visit(sets=["_ga=1", "session=s"]).set_cookies == ["session=s"]
    assert site.choose("reject-all").status == 303
    assert site.state()["categories"]["analytics"] == "denied"
    assert ask(site)[0] == 503
    ledger.close()


def test_refusals_wait_beside_a_store_that_is_down_and_arrive_in_order(
    open_site: OpenSite, file: Path, tmp_path: Path, ledger: SQLLedger
) -> None:
    used = open_ledger(f"sqlite:///{file}", KEY, spool=tmp_path / "spool")
    site = open_site(ledger=used)
    site.choose("accept-all")
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE consent_record RENAME TO consent_away")
    site.clock.now += 60
    assert site.choose("save", "analytics").status == 503  # the refusals in it stand
    site.clock.now += 60
    assert site.choose("withdraw").status == 303
    site.clock.now += 60
    assert site.choose("accept-all").status == 503
    assert len(used.spool) == 2
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE consent_away RENAME TO consent_record")
    site.clock.now += 60
    assert site.choose("accept-all").status == 303
    found = records(ledger)
    # The last leaves out what comes only on request, and that was refused meanwhile.
    assert [record.state for record in found] == ["given", "partial", "withdrawn", "partial"]
    assert [record.previous for record in found] == [None, *(record.record_id for record in found[:-1])]
    assert len(used.spool) == 0
    assert [*verify(ledger.database, ledger.keys, Tally())] == []
    connection.close()
    used.close()


def test_an_erasure_that_cannot_be_done_changes_nothing(site: Site, file: Path) -> None:
    site.choose("accept-all")
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE consent_record RENAME TO consent_away")
    connection.close()
    assert erase(site) == 503
    assert site.state()["categories"]["analytics"] == "granted"


# How many were asked

PAGE: dict[str, Any] = {
    "answers": [("Content-Type", "text/html")],
    "page": b"<!doctype html><title>t</title><body>hello</body>",
}
DOCUMENT = ("Sec-Fetch-Dest", "document")


def test_views_of_the_banner_are_counted_by_day_and_only_if_wanted(
    open_site: OpenSite, file: Path, policy: dict[str, Any], ledger: SQLLedger
) -> None:
    for wanted in (False, True):
        policy["banner"] = {"count": wanted}
        used = open_ledger(f"sqlite:///{file}", KEY)
        site = open_site(policy, ledger=used)
        for _ in range(3):
            site.visit(headers=[DOCUMENT], **PAGE)
        site.clock.now += 86400
        site.visit(headers=[DOCUMENT], **PAGE)
        not_seen: list[list[tuple[str, str]]] = [
            [],
            [("Sec-Fetch-Dest", "iframe")],
            [("Sec-Fetch-Dest", "empty")],
            [DOCUMENT, ("Sec-Purpose", "prefetch;prerender")],
        ]
        for headers in not_seen:
            site.visit(headers=headers, **PAGE)
        site.visit(headers=[DOCUMENT])  # no page
        site.choose("accept-all")
        site.visit(headers=[DOCUMENT], **PAGE)
        used.close()
        first = NOON // 86400
        assert reading.statistics(ledger.database).views == ({first: 3, first + 1: 1} if wanted else {})


# What the settings offer


def offers(site: Site, **request: Any) -> tuple[bool, bool]:
    page = site.visit("/_consent/settings", **request).body
    return b'<a href="/_consent/record" download' in page, b'action="/_consent/erase' in page


def test_the_settings_offer_the_records_and_their_erasure_once_there_are_some(site: Site) -> None:
    assert offers(site) == (False, False)
    site.choose("reject-all")
    assert offers(site) == (True, True)
    erase(site)
    assert offers(site) == (False, False)


def test_the_settings_offer_nothing_that_no_ledger_can_give(open_site: OpenSite) -> None:
    class Drawer:
        """Takes records, and gives none back."""

        def append(self, records: object) -> None:
            """Take them."""

    for ledger in (None, Drawer()):
        site = open_site(ledger=ledger)
        site.choose("accept-all")
        assert offers(site) == (False, False)


def test_the_button_that_erases_says_what_it_does_in_the_language_of_the_page(site: Site) -> None:
    site.choose("accept-all")
    page = site.visit("/_consent/settings?language=fr").body.decode()
    form = re.search(r'<form method="post" action="([^"]+)"><p[^>]*id="about-erase">([^<]+)</p>(.*?)</form>', page)
    assert form is not None
    assert "efface" in form[2] and ">Effacer mes enregistrements</button>" in form[3]
    answer = site.visit(form[1], method="POST", headers=[FORM, *SAME_ORIGIN], body=b"")
    assert answer.status == 200
    assert "Les enregistrements de vos choix ont été effacés" in answer.body.decode()


def test_a_record_names_the_language_of_the_page_on_which_it_was_made(
    open_site: OpenSite, policy: dict[str, Any], file: Path, ledger: SQLLedger
) -> None:
    used = open_ledger(f"sqlite:///{file}", KEY)
    site = open_site({**policy, "banner": {"show": True}}, ledger=used)
    page = site.visit(
        answers=[("Content-Type", "text/html")],
        page=b"<!doctype html><html lang=fr><p>x",
        headers=[("Sec-Fetch-Dest", "document"), ("Accept-Language", "en")],
    )
    form = re.search(rb'<form method="post" action="([^"]+)">', page.body)
    assert form is not None
    headers = [FORM, *SAME_ORIGIN, ("Accept-Language", "en")]
    site.visit(form[1].decode(), method="POST", headers=headers, body=b"action=accept-all")
    used.close()
    assert [record.language for record in records(ledger)] == ["fr"]


def test_an_address_of_the_application_names_no_language_of_ours(site: Site, ledger: SQLLedger) -> None:
    site.visit("/?language=fr", act=lambda decision: decision.grant("analytics"), headers=[("Accept-Language", "de")])
    assert [record.language for record in records(ledger)] == ["de"]
