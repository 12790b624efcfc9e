"""What leaves as it is after one look at its headers, and that nothing about the visitor is read for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from consent_middleware import ConsentWSGI
from consent_middleware.http import Request
from consent_middleware.plain import set_cookies

LINE = "session=1; Path=/"


@pytest.mark.parametrize(
    ("headers", "plain", "plain_with_pages"),
    [
        ([], [], []),
        ([("Content-Type", "application/json"), ("Set-Cookie", LINE)], [LINE], [LINE]),
        ([("SET-COOKIE ", LINE), ("Set-Cookie", "a=1")], [LINE, "a=1"], [LINE, "a=1"]),
        ([("Date", "Sat, 21 Nov 2026 10:00:00 GMT")], [], []),
        ([("Date", "Sat, 21 Nov 2026 10:00:00 GMT"), ("Set-Cookie", LINE)], None, None),
        ([("content-type", "Text/HTML; charset=utf-8")], [], None),
        ([("Content-Type", "application/xhtml+xml")], [], None),
        ([("Content-Type", "application/json"), ("Content-Type", "text/html")], [], None),
        ([("Content-Type", "text/javascript")], [], None),
        ([("Link", "<https://stats.example.net/a.js>; rel=preload")], [], None),
        ([("Refresh", "0; url=https://stats.example.net/")], [], None),
        ([("Speculation-Rules", '"/rules.json"')], [], None),
        ([("Location", "/"), ("Content-Language", "fr")], [], []),
    ],
)
@pytest.mark.parametrize("octets", [False, True])
def test_headers_tell_at_one_look_what_is_left_to_do(
    headers: list[tuple[str, str]], plain: list[str] | None, plain_with_pages: list[str] | None, octets: bool
) -> None:
    fields: Any = [(name.encode(), value.encode()) for name, value in headers] if octets else headers
    assert set_cookies(fields, gates_pages=False, gates_scripts=lambda: True) == plain
    assert set_cookies(fields, gates_pages=True, gates_scripts=lambda: True) == plain_with_pages


def test_a_script_is_plain_where_no_wall_concerns_it() -> None:
    assert set_cookies([("Content-Type", "text/javascript")], gates_pages=True, gates_scripts=lambda: False) == []


POLICY = {
    "policy": {"version": "1", "controller": "Example SARL", "contact": "dpo@example.org"},
    "categories": {"necessary": {"required": True}, "analytics": {}},
    "cookies": [{"name": "session", "category": "necessary"}],
}


@pytest.mark.parametrize(("content_type", "looks"), [("application/json", 0), ("text/html", 1)])
@pytest.mark.parametrize("destination", ["empty", "image", None])
def test_nothing_about_the_visitor_is_read_for_an_answer_without_html(
    content_type: str, looks: int, destination: str | None
) -> None:
    looked: list[Request] = []

    def applies(request: Request) -> bool:
        looked.append(request)
        return True

    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", content_type), ("Set-Cookie", LINE)])
        return [b"{}"]

    headers = {"Cookie": "session=1; consent=x", "Accept-Encoding": "gzip, br", "If-None-Match": '"a"'}
    headers |= {"Sec-Fetch-Dest": destination} if destination else {}
    site = ConsentWSGI(application, POLICY, secret_keys="a key for tests, long enough", applies=applies)
    run_wsgi_app(site, EnvironBuilder(headers=[*headers.items()]).get_environ())
    assert len(looked) == looks
