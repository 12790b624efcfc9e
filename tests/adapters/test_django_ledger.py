"""The ledger in a database of Django's: written by a visitor's choice, read in the admin, verified like any other."""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import re
import unittest
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg.conninfo
import pytest
import sqlalchemy
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.core.handlers.asgi import ASGIHandler
from django.core.management import ManagementUtility, call_command
from django.db import connection, connections, transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, TestCase, override_settings
from django.urls import path
from sqlalchemy.engine import make_url

from consent_django.ledger import DjangoLedger, open_ledger
from consent_django.models import Choice
from consent_middleware import Record
from consent_middleware.ledger import LedgerError
from consent_middleware.ledger import open_ledger as open_by_url
from consent_middleware.ledger.chain import KeyRing
from consent_middleware.ledger.database import Database
from consent_middleware.ledger.reading import records
from consent_middleware.ledger.schema import METADATA, STEPS
from consent_middleware.ledger.verification import Tally, verify
from consent_middleware.record import Repeated
from support.doors import asgi_scope
from support.postgres import Postgres, postgres
from support.records import KEY, record, refusal
from support.site import NOON

POLICY: dict[str, Any] = {
    "policy": {"controller": "Example SARL", "contact": "dpo@example.org", "version": "2026-11-21"},
    "categories": {"necessary": {"required": True}, "analytics": {}, "marketing": {}},
    "cookies": [{"name": "_ga", "category": "analytics"}],
}
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
FORM = "application/x-www-form-urlencoded"
_NUMBERS = itertools.count(1)


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<!doctype html><title>Shop</title><p>hello")


def agree(request: Any) -> HttpResponse:
    request.consent.grant("analytics")
    return HttpResponse("thanks")


urlpatterns = [path("", home), path("agree", agree), path("admin/", admin.site.urls)]


def choose(client: Any, action: str) -> Any:
    return client.post("/_consent/choice", f"action={action}", content_type=FORM, headers=SAME_ORIGIN)


SETTINGS: dict[str, Any] = {
    "ROOT_URLCONF": __name__,
    "SECRET_KEY": KEY,
    "ALLOWED_HOSTS": ["*"],
    "MIDDLEWARE": [
        "consent_django.ConsentMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    "CONSENT": {"POLICY": POLICY, "LEDGER": "default"},
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    "STATIC_URL": "/static/",
    "USE_TZ": True,
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A site of Django's with its database in a file, every request a transaction."""
    file = tmp_path / "site.db"
    database = connections["default"]
    database.close()
    before = dict(database.settings_dict)
    database.settings_dict |= {"NAME": str(file), "ATOMIC_REQUESTS": True}
    with override_settings(**SETTINGS):
        call_command("migrate", verbosity=0)
        yield file
    database.close()
    database.settings_dict |= {name: before[name] for name in ("NAME", "ATOMIC_REQUESTS")}


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def alias(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A second database, in each kind."""
    if request.param == "sqlite":
        wanted: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "ledger.db")}
    else:
        server: Postgres = request.getfixturevalue("server")
        url = make_url(server.database(f"django{next(_NUMBERS)}"))
        wanted = {"ENGINE": "django.db.backends.postgresql", "NAME": url.database, "USER": url.username}
        wanted |= {"HOST": url.host, "PORT": url.port}
    whole: Any = connections.configure_settings({"default": {}, "ledger": wanted})
    connections.settings["ledger"] = whole["ledger"]
    call_command("migrate", "consent", database="ledger", verbosity=0)
    yield "ledger"
    connections["ledger"].close()
    del connections["ledger"]
    del connections.settings["ledger"]


@pytest.fixture
def ledger(alias: str, tmp_path: Path) -> Iterator[DjangoLedger]:
    opened = DjangoLedger(alias, KeyRing([KEY.encode()]), spool=tmp_path / "spool")
    yield opened
    opened.close()


def url_of(alias: str) -> str:
    settings = connections[alias].settings_dict
    if connections[alias].vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    return f"postgresql+psycopg://{settings['USER']}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"


def kept(file: Path) -> list[Record]:
    ledger = open_by_url(f"sqlite:///{file}", KEY)
    try:
        assert not list(verify(ledger.database, ledger.keys, Tally()))
        return list(records(ledger.database))
    finally:
        ledger.close()


def findings(ledger: DjangoLedger) -> list[str]:
    return [finding.kind for finding in verify(ledger.database, ledger.keys, Tally())]


# The tables


def test_the_migration_makes_the_tables_that_a_ledger_with_a_url_makes(alias: str, tmp_path: Path) -> None:
    engine = sqlalchemy.create_engine(url_of(alias))
    theirs = sqlalchemy.inspect(engine)
    for table in METADATA.tables.values():
        columns = {column["name"]: column for column in theirs.get_columns(table.name)}
        assert list(columns) == [column.name for column in table.columns]
        for column in table.columns:
            found = columns[column.name]
            assert found["nullable"] == column.nullable, (table.name, column.name)
            assert found["type"]._type_affinity is column.type._type_affinity, (table.name, column.name)
            assert getattr(found["type"], "length", None) == _length(column.type), (table.name, column.name)
        keys = theirs.get_pk_constraint(table.name)["constrained_columns"]
        assert keys == [column.name for column in table.primary_key]
        assert {index.name for index in table.indexes} <= {index["name"] for index in theirs.get_indexes(table.name)}
    engine.dispose()


def _length(kind: Any) -> int | None:
    return None if isinstance(kind, sqlalchemy.LargeBinary) else getattr(kind, "length", None)


def test_the_migrations_take_every_step_that_a_ledger_with_a_url_takes(alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT version FROM consent_schema ORDER BY version")
        assert [version for (version,) in cursor.fetchall()] == sorted(STEPS), "a step of schema.py has no migration"


def test_a_ledger_with_a_url_works_on_tables_that_django_made(alias: str, ledger: DjangoLedger) -> None:
    ledger.append([record(subject="ours")])
    other = open_by_url(url_of(alias), KEY)
    other.append([record(subject="theirs")])
    assert [len(other.records_of(subject)) for subject in ("ours", "theirs")] == [1, 1]
    other.close()
    assert [len(ledger.records_of(subject)) for subject in ("ours", "theirs")] == [1, 1]
    assert not findings(ledger)


def test_the_migration_can_be_taken_back(alias: str) -> None:
    call_command("migrate", "consent", "zero", database=alias, verbosity=0)
    assert not [name for name in connections[alias].introspection.table_names() if name.startswith("consent")]


def test_no_migration_is_missing(site: Path) -> None:
    call_command("makemigrations", "consent", check=True, dry_run=True, verbosity=0)


def test_a_database_that_was_not_migrated_says_what_to_do(alias: str, ledger: DjangoLedger) -> None:
    call_command("migrate", "consent", "zero", database=alias, verbosity=0)
    with pytest.raises(LedgerError, match=r"manage\.py migrate --database ledger"):
        ledger.append([record()])


# The store


def test_what_is_appended_is_committed_and_chained(alias: str, ledger: DjangoLedger) -> None:
    made = [record(subject="ada", decided_at=NOON + 60 * n) for n in range(3)]
    for each in made:
        ledger.append([each])
    ledger.append([refusal(subject="ada", decided_at=NOON + 180), record(subject="ada", decided_at=NOON + 240)])
    elsewhere = Database(url_of(alias))  # another connection, which sees only what is committed
    assert [found.subject for found in records(elsewhere)] == ["ada"] * 5
    elsewhere.close()
    assert not findings(ledger)
    assert ledger.erase("ada") == 5
    assert ledger.records_of("ada") == []
    assert not findings(ledger)


def test_a_second_click_is_known(ledger: DjangoLedger) -> None:
    first = record(subject="ada")
    ledger.append([first])
    ledger.append([first])
    with pytest.raises(Repeated):
        ledger.append([record(subject="ada", decided_at=NOON + 2)])
    assert ledger.records_of("ada") == [first]


def test_a_changed_row_is_found(alias: str, ledger: DjangoLedger) -> None:
    ledger.append([record(subject="ada")])
    with connections[alias].cursor() as cursor:
        cursor.execute("UPDATE consent_record SET state = 'refused'")
    assert findings(ledger) == ["changed"]


def test_a_record_is_never_part_of_a_transaction_that_can_be_rolled_back(alias: str, ledger: DjangoLedger) -> None:
    ledger.append([record()])
    for _ in range(2):
        with transaction.atomic(using=alias), pytest.raises(RuntimeError, match="durable"):
            ledger.append([record(subject="ada")])
    assert ledger.records_of("ada") == []
    ledger.append([record(subject="ada")])
    assert len(ledger.records_of("ada")) == 1


def test_threads_write_at_once_and_nothing_is_lost(alias: str, tmp_path: Path) -> None:
    """Each thread has its own ledger, as each process would, and its own connection of Django's."""

    def write(subject: str) -> None:
        ledger = DjangoLedger(alias, KeyRing([KEY.encode()]), spool=tmp_path / subject)
        try:
            for n in range(20):
                ledger.append([record(subject=subject, decided_at=NOON + 60 * n)])
        finally:
            connections[alias].close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [f"visitor {n}" for n in range(4)]))
    ledger = DjangoLedger(alias, KeyRing([KEY.encode()]), spool=tmp_path / "spool")
    tally = Tally()
    assert not list(verify(ledger.database, ledger.keys, tally))
    assert (tally.records, tally.chains) == (80, 4)


@pytest.mark.parametrize("alias", ["postgresql"], indirect=True)
def test_a_connection_that_the_server_cut_is_opened_again(alias: str, ledger: DjangoLedger) -> None:
    ledger.append([record(subject="ada")])
    with psycopg.connect(url_of(alias).replace("+psycopg", ""), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database()"
        )
    ledger.append([record(subject="ada", decided_at=NOON + 60)])
    assert len(ledger.records_of("ada")) == 2
    assert not findings(ledger)


def test_many_rows_are_read_in_pieces(ledger: DjangoLedger) -> None:
    ledger.take_in([record(decided_at=NOON + n) for n in range(2500)])
    assert sum(1 for _ in records(ledger.database)) == 2500
    assert not findings(ledger)


# The site


def test_a_choice_is_stored_before_the_visitor_is_told(site: Path) -> None:
    client = Client()
    client.get("/")
    assert choose(client, "accept-all").status_code == 303
    (stored,) = kept(site)
    assert stored.choices == {"analytics": True, "marketing": True}
    assert client.get("/_consent/record").json()[0]["record_id"] == stored.record_id
    client.post("/_consent/erase", headers=SAME_ORIGIN)
    assert kept(site) == []


def test_a_view_s_own_grant_is_stored_once_its_transaction_has_ended(site: Path) -> None:
    assert "consent" in str(Client().get("/agree").cookies)
    assert [stored.source for stored in kept(site)] == ["application"]


def test_an_asynchronous_site_stores_in_the_thread_of_the_request(site: Path) -> None:
    async def visit() -> None:
        client = AsyncClient()
        assert (await choose(client, "accept-all")).status_code == 303

    asyncio.run(visit())
    assert len(kept(site)) == 1


def test_a_real_handler_stores_too(site: Path) -> None:
    sent: list[Any] = []
    received: list[bool] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        if not received:
            received.append(True)
            return {"type": "http.request", "body": b"action=accept-all", "more_body": False}
        return await asyncio.Future()  # the visitor stays

    fields = [("Host", "shop.example.org"), ("Content-Type", "application/x-www-form-urlencoded"), *SAME_ORIGIN.items()]
    scope = asgi_scope("/_consent/choice", "POST", "https", [*fields, ("Content-Length", "17")])
    handler: Any = ASGIHandler()
    asyncio.run(handler(scope, receive, send))
    assert sent[0]["status"] == 303
    assert len(kept(site)) == 1


def manage(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Type ``manage.py consent_ledger …`` and return the exit status, and what was printed and complained."""
    status = 0
    try:
        ManagementUtility(["manage.py", "consent_ledger", *arguments]).execute()
    except SystemExit as ended:
        status = int(ended.code or 0)
    out, err = capsys.readouterr()
    return status, out, err


def test_manage_py_has_what_the_command_has(site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    choose(Client(), "accept-all")
    for _ in range(2):
        assert manage(capsys, "verify") == (0, "1 record in 1 chain, 0 erased: everything is as it was written\n", "")
    status, out, _ = manage(capsys, "export")
    subject = json.loads(out)["pii_principal_id"]
    assert (status, out.count("\n")) == (0, 1)
    file, other = tmp_path / "export.jsonl", f"sqlite:///{tmp_path}/other.db"
    assert manage(capsys, "export", "--output", str(file)) == (0, "", "")
    assert manage(capsys, "copy", other)[:2] == (0, "1 of 1 record copied\n")  # with the keys of the site
    assert manage(capsys, "import", str(file), "--ledger", other)[1].startswith("0 of 1 record imported")
    assert manage(capsys, "verify", "--ledger", other)[0] == 0
    assert manage(capsys, "stats")[1].startswith("1 record of 1 visitor\n")
    assert manage(capsys, "erase", subject)[:2] == (0, "1 record erased\n")
    assert manage(capsys, "erase", subject)[0] == 1
    assert manage(capsys, "purge")[1].startswith("1 removed: ")


@pytest.mark.parametrize("wanted", [{}, {"LEDGER": []}])
def test_manage_py_says_why_it_cannot(site: Path, capsys: pytest.CaptureFixture[str], wanted: dict[str, Any]) -> None:
    class Own(list[Record]):
        """Keeps records, and nobody else knows how."""

    given = {name: Own(value) for name, value in wanted.items()}
    with override_settings(CONSENT={"POLICY": POLICY, **given}):
        status, out, err = manage(capsys, "verify")
    assert (status, out) == (2, "")
    assert 'CONSENT["LEDGER"]' in err


def test_without_tables_nothing_is_granted_and_a_refusal_waits(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    call_command("migrate", "consent", "zero", verbosity=0)
    client = Client()
    assert choose(client, "accept-all").status_code == 503
    assert choose(client, "reject-all").status_code == 303
    assert (site.parent / "site.db-spool").exists()
    assert "manage.py migrate" in caplog.text
    call_command("migrate", "consent", verbosity=0)
    choose(Client(), "accept-all")
    assert [stored.state for stored in kept(site)] == ["refused", "given"]


def test_a_testcase_rolls_choices_back_with_everything_else(site: Path) -> None:
    class Case(TestCase):
        def test_sync(self) -> None:
            get_user_model().objects.create(username="somebody")
            assert choose(self.client, "accept-all").status_code == 303
            assert Choice.objects.get().state == "given"

        async def test_async(self) -> None:
            answer = await choose(self.async_client, "accept-all")
            assert answer.status_code == 303
            assert await Choice.objects.acount() == 1

    for name in ("test_sync", "test_async"):
        result = unittest.TestResult()
        Case(name)(result)
        assert result.wasSuccessful(), (result.failures, result.errors)
    assert kept(site) == []


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("nowhere", "'nowhere' is neither a URL nor in DATABASES (default)"),
        ("autocommit", "AUTOCOMMIT"),
    ],
)
def test_a_database_that_cannot_keep_a_ledger_is_an_error_of_check(site: Path, setting: str, said: str) -> None:
    if setting == "autocommit":
        connection.settings_dict["AUTOCOMMIT"] = False
    try:
        alias = "nowhere" if setting == "nowhere" else "default"
        with override_settings(CONSENT={"POLICY": POLICY, "LEDGER": alias}):
            (found,) = [message for message in run_checks() if message.id == "consent.E003"]
    finally:
        connection.settings_dict["AUTOCOMMIT"] = True
    assert said in str(found.msg)


def test_the_checks_of_django_find_nothing_else(site: Path) -> None:
    assert [message for message in run_checks() if "consent" in str(message.id) or "Choice" in str(message)] == []


# The admin


@pytest.fixture
def office(site: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A member of staff, looking at three choices on two days and hosts."""
    ledger = open_ledger("default", [KEY.encode()])
    ledger.append([record(record_id="aaa1", subject="ada", host="shop.example.org")])
    ledger.append([record(record_id="bbb2", subject="bob", host="shop.example.com", decided_at=NOON + 86400)])
    ledger.append([refusal(record_id="ccc3", subject="=cid", host="shop.example.com", decided_at=NOON + 86401)])
    ledger.append([record(record_id="ddd4", subject="gone")])
    ledger.erase("gone")
    client = Client()
    people: Any = get_user_model().objects
    client.force_login(people.create_superuser("ada", "ada@example.org", "lovelace"))
    return client


LIST = "/admin/consent/choice/"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["ccc3", "bbb2", "aaa1"]),
        ("?q=aaa", ["aaa1"]),
        ("?q=bob", ["bbb2"]),
        ("?q=a1", []),
        ("?state=refused", ["ccc3"]),
        ("?host=shop.example.com", ["ccc3", "bbb2"]),
        ("?policy_version=2026-11-21", ["ccc3", "bbb2", "aaa1"]),
        ("?day=2026-11-21", ["aaa1"]),
        ("?day=2026-11-22", ["ccc3", "bbb2"]),
        ("?day=yesterday", []),
    ],
)
def test_the_admin_lists_searches_and_filters(office: Client, query: str, expected: list[str]) -> None:
    page = office.get(LIST + query)
    assert page.status_code == 200
    assert re.findall(r"choice/(\w{4})/change", page.content.decode()) == expected


def test_the_admin_shows_a_choice_and_has_no_way_to_change_it(office: Client) -> None:
    page = office.get(f"{LIST}aaa1/change/").content.decode()
    assert "analytics yes, marketing yes" in page
    assert "2026-11-21T" in page
    assert '<input type="submit"' not in page and 'name="_save"' not in page
    assert "delete_selected" not in office.get(LIST).content.decode()
    assert office.get(f"{LIST}add/").status_code == 403
    assert office.post(f"{LIST}add/", {"record_id": "x"}).status_code == 403
    assert office.post(f"{LIST}aaa1/change/", {"state": "refused"}).status_code == 403
    assert office.post(f"{LIST}aaa1/delete/", {"post": "yes"}).status_code == 403
    assert (
        office.post(LIST, {"action": "delete_selected", "_selected_action": "aaa1", "post": "yes"}).status_code != 200
    )
    assert Choice.objects.get(pk="aaa1").state == "given"


def test_the_models_write_nothing() -> None:
    for attempt in (Choice(record_id="x").save, Choice(record_id="x").delete):
        with pytest.raises(TypeError, match="only read"):
            attempt()


def test_the_admin_exports_what_is_selected_as_csv(office: Client) -> None:
    answer: Any = office.post(LIST, {"action": "export_as_csv", "_selected_action": ["aaa1", "ccc3"]})
    rows = list(csv.DictReader(answer.getvalue().decode().splitlines()))
    assert [(row["record_id"], row["pii_principal_id"]) for row in rows] == [("ccc3", "'=cid"), ("aaa1", "ada")]
    assert rows[1]["purposes"] == "analytics:yes marketing:yes"


def test_the_admin_hands_out_what_was_shown_octet_by_octet(office: Client) -> None:
    visitor = Client()
    choose(visitor, "accept-all")
    chosen = Choice.objects.exclude(ui_hash="").get()
    address = re.search(
        r'href="(/admin/consent/choice/shown/\w+/)"', office.get(f"{LIST}{chosen.pk}/change/").content.decode()
    )
    assert address is not None
    answer = office.get(address[1])
    assert b"<!doctype html>" in answer.content.lower()
    assert visitor.get(address[1]).status_code == 302
    assert office.get("/admin/consent/choice/shown/unknown/").status_code == 404


def test_without_a_ledger_in_django_the_admin_has_no_such_page(office: Client) -> None:
    with override_settings(CONSENT={"POLICY": POLICY}):
        assert office.get(LIST).status_code == 403
        assert "Choice" not in office.get("/admin/").content.decode()
