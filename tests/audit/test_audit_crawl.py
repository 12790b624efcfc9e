"""Where the audit goes, and where it does not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from consent_middleware.audit import Limits, Options, Reach, Report, SiteUnreadable, audit
from consent_middleware.cli import main

LINKS = [
    "/a",
    "/b?x=1",
    "/private/x",
    "/logout",
    "/file.pdf",
    "https://elsewhere.example/",
    "mailto:x@example.org",
    "#",
]
PAGES = {
    "/": "".join(f"<a href='{link}'>x</a>" for link in LINKS) + "<img src=/dot.gif><img src=/private/dot.gif>",
    "/a": "<a href=/a/deeper>x</a>",
    "/a/deeper": "<a href=/a/deeper/still>x</a>",
}


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def address(asked: list[str]) -> Iterator[str]:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        asked.append(path)
        if path == "/robots.txt":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"User-agent: *\nDisallow: /private/\n"]
        start_response("200 OK", [("Content-Type", "text/html")])
        return [PAGES.get(path, "").encode()]

    server = import_module("waitress.server").create_server(application, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}/"
    server.close()
    thread.join(timeout=5)


def crawled(address: str, **reach: Any) -> Report:
    return audit(address, Options(limits=Limits(pause=0), reach=Reach(**reach)))


def test_links_of_the_site_are_followed_and_nothing_that_would_do_harm(address: str, asked: list[str]) -> None:
    report = crawled(address)
    assert {"/", "/a", "/b", "/a/deeper", "/a/deeper/still", "/dot.gif"} <= set(asked)
    assert not {"/private/x", "/private/dot.gif", "/logout", "/file.pdf"} & set(asked)
    remarks = " ".join(report.remarks)
    assert "1 link not followed: robots.txt forbids it." in remarks
    assert "1 link not followed: following it would do something" in remarks


def test_depth_and_number_are_bounded(address: str, asked: list[str]) -> None:
    crawled(address, depth=1)
    assert "/a" in asked
    assert "/a/deeper" not in asked
    asked.clear()
    report = crawled(address, pages=1, resources=0)
    assert set(asked) == {"/", "/robots.txt", "/_consent/state"}
    assert any("more than 1 pages (--pages)" in remark for remark in report.remarks)


def test_robots_txt_can_forbid_the_whole_audit(
    address: str, asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SiteUnreadable, match="forbids it"):
        crawled(f"{address}private/")
    assert main(["audit", f"{address}private/", "--ignore-robots", "--rate", "10000"]) == 0
    assert "/private/" in asked


def test_the_server_is_not_hurried(address: str) -> None:
    begun = time.monotonic()
    report = audit(address, Options(limits=Limits(pause=0.05), reach=Reach(pages=2, resources=0)))
    assert report.requests >= 4
    assert time.monotonic() - begun >= 0.05 * (report.requests - 1)
