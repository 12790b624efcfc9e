"""Servers that hang, flood, lie and break off: the audit ends in time, says what it could not read, and never falls."""

from __future__ import annotations

import threading
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from consent_middleware.audit import Limits, Options, Reach, Report, SiteUnreadable, audit
from consent_middleware.cli import main
from support.hostile import PATHS, hostile_server
from support.saboteur import serve_sabotaged
from support.servers import free_port

QUICK = Limits(timeout=1, pause=0, size=200_000)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with hostile_server() as url:
        yield url


@pytest.fixture(scope="module")
def report(address: str) -> Report:
    return audit(address, Options(limits=QUICK, reach=Reach(pages=30)))


def unreadable(report: Report) -> dict[str, str]:
    return {f.subject: f.seen for f in report.findings if f.id == "consent.A901"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/hang", "no answer within 1 seconds"),
        ("/drip-headers", "no answer within 1 seconds"),
        ("/drip-body", "not complete within 1 seconds"),
        ("/loop", "redirected 10 times"),
        ("/wander", "redirected 10 times"),
        ("/flood", "larger than 0.2 MB"),
        ("/bomb", "larger than 0.2 MB"),
        ("/corrupt", "compression is corrupt"),
        ("/break-compressed", "compression breaks off"),
        ("/coding", "was not asked for"),
        ("/utf-16", "hides markup"),
        ("/break", "broke off"),
        ("/reset", "the connection was closed"),
        ("/cut", "it broke off"),
        ("/boast", "its headers are larger"),
        ("/ten-thousand-cookies", "its headers are larger"),
        ("/smtp", "it is no HTTP"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_reason(report: Report, path: str, reason: str) -> None:
    assert reason in unreadable(report)[path]


def test_every_page_was_tried_and_what_could_be_read_was_examined(report: Report, address: str) -> None:
    assert {address + path.removeprefix("/") for path in PATHS} <= set(report.addresses)
    found = {(finding.id, finding.subject) for finding in report.findings}
    assert ("consent.A101", "google-analytics") in found
    assert ("consent.A007", "(nameless)") in found


def test_links_without_end_come_to_one(report: Report) -> None:
    assert sum("/endless/" in address for address in report.addresses) <= 11
    assert any("not followed" in remark for remark in report.remarks)


def test_a_bomb_is_not_unpacked(address: str) -> None:
    tracemalloc.start()
    try:
        audit(f"{address}bomb", Options(limits=Limits(size=100_000, pause=0), reach=Reach(pages=1)))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10_000_000


@pytest.mark.parametrize(
    "path", ["/hang", "/loop", "/flood", "/reset", "/cut", "/boast", "/smtp", "/many-cookies", "/odd-cookies", "/nest"]
)
def test_the_command_never_falls_wherever_it_begins(
    address: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = address + path.removeprefix("/")
    begun = time.monotonic()
    status = main(["audit", url, "--timeout", "1", "--megabytes", "1", "--rate", "1000", "--pages", "2"])
    out, err = capsys.readouterr()
    assert status in (0, 1) or (status == 2 and err.startswith(f"consent audit: {url} cannot be examined: "))
    assert "Traceback" not in out + err
    assert time.monotonic() - begun < 30


def test_a_certificate_that_nobody_trusts_is_named() -> None:
    with serve_sabotaged() as (url, _), pytest.raises(SiteUnreadable, match="certificate is not trusted"):
        audit(url, Options(limits=QUICK))


def test_a_certificate_of_ones_own_or_for_another_host_is_named() -> None:
    for issuer, host in (("itself", "localhost"), ("authority", "127.0.0.1")):
        untrusted = pytest.raises(SiteUnreadable, match="certificate is not trusted")
        with serve_sabotaged(issuer=issuer) as (url, trust), untrusted:
            audit(url.replace("localhost", host), Options(limits=QUICK, trust=trust))


@pytest.mark.parametrize(
    ("robots", "reason"),
    [
        ("hangs", "no answer within 1 seconds"),
        ("drips", "not complete within 1 seconds"),
        ("resets", "the connection was closed"),
        ("fails", "it was answered 503"),
        ("loops", "redirected 10 times"),
    ],
)
def test_where_robots_txt_cannot_be_read_nothing_is_visited(robots: str, reason: str) -> None:
    with hostile_server(robots) as url:
        begun = time.monotonic()
        with pytest.raises(SiteUnreadable, match=f"robots.txt of .* cannot be read .*{reason}.*--ignore-robots"):
            audit(url, Options(limits=QUICK))
        assert time.monotonic() - begun < 10
        if robots == "hangs":
            report = audit(url, Options(limits=QUICK, reach=Reach(pages=1, heeds_robots=False)))
            assert report.addresses == (url,)


@pytest.mark.parametrize("robots", ["endless", "bomb"])
def test_of_a_robots_txt_without_end_the_beginning_is_heeded(robots: str) -> None:
    limits = Limits(timeout=20, pause=0, size=2_000_000)
    with hostile_server(robots) as url:
        report = audit(url, Options(limits=limits, reach=Reach(pages=1)))
    forbids = any("robots.txt forbids it" in remark for remark in report.remarks)
    assert forbids is (robots == "endless")


def test_tls_that_is_none_is_named(address: str) -> None:
    with pytest.raises(SiteUnreadable, match="TLS failed"):
        audit(address.replace("http:", "https:"), Options(limits=QUICK))


def test_nobody_listening_is_named() -> None:
    with pytest.raises(SiteUnreadable, match="no connection could be made"):
        audit(f"http://127.0.0.1:{free_port()}/", Options(limits=QUICK))


@pytest.mark.parametrize(
    "url", ["", "example.org", "ftp://example.org/", "http://", "http://[", "http:///x", "file:///"]
)
def test_what_is_no_address_is_said_to_be_none(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", url]) == 2
    assert "is no address of a site" in capsys.readouterr().err


def test_a_whole_audit_has_an_end_too(address: str) -> None:
    limits = Limits(timeout=1, total=2, pause=0)
    begun = time.monotonic()
    report = audit(address, Options(limits=limits, reach=Reach(pages=30)))
    assert time.monotonic() - begun < 10
    assert any("whole audit" in seen for seen in unreadable(report).values())


def test_no_thread_stays_behind() -> None:
    assert not [thread for thread in threading.enumerate() if "asyncio" in thread.name]
