"""Behind a real shared cache nobody gets what was made for somebody else, and static files keep their hit rate."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest
from werkzeug.serving import make_server

from consent_middleware import ConsentWSGI
from support.nginx import nginx
from support.servers import serving

TRACKER = b'<script src="https://stats.example.net/a.js"></script>'
PAGE = b"<!doctype html><title>Shop</title><p>hello</p>" + TRACKER
STYLE = b"p { color: teal }"
STRIPS_VARY = "proxy_ignore_headers Vary; proxy_hide_header Vary;"
ROUNDS = 20


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
    headers = [("Cache-Control", "public, max-age=600"), ("ETag", '"1"')]
    if environ["PATH_INFO"] == "/style.css":
        start_response("200 OK", [("Content-Type", "text/css"), *headers])
        return [STYLE]
    if environ["PATH_INFO"] == "/app.js":
        start_response("200 OK", [("Content-Type", "text/javascript"), *headers])
        return [b"var shop = 1"]
    if environ["PATH_INFO"] == "/counted":
        headers.append(("Set-Cookie", "_ga=1; Path=/"))
    start_response("200 OK", [("Content-Type", "text/html"), *headers])
    return [PAGE]


def policy(cache: str, csp: str = "off") -> dict[str, Any]:
    return {
        "policy": {"controller": "Example SARL", "contact": "dpo@example.org"},
        "categories": {"analytics": {}, "marketing": {"gpc": True}},
        "cookies": [{"name": "_ga", "category": "analytics"}],
        "services": [
            {"id": "stats", "name": "S", "provider": "S", "category": "analytics", "scripts": ["stats.example.net"]}
        ],
        "html": {"cache": cache, "csp": csp},
    }


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes

    @property
    def cache(self) -> str:
        """What nginx says of it: HIT, MISS …"""
        return self.headers["x-cache"]

    @property
    def is_live(self) -> bool:
        return TRACKER in self.body


@dataclass
class Visitor:
    port: int
    jar: dict[str, str] = field(default_factory=dict[str, str])
    language: str = "en"

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, b"", {"Sec-Fetch-Dest": "document", "Accept": "text/html", **headers})

    def choose(self, *categories: str) -> Answer:
        body = "&".join(["action=save", *(f"category={name}" for name in categories)]).encode()
        form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        return self._ask("POST", "/_consent/choice", body, form)

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        cookie = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        sent = {"Accept-Language": self.language, **headers, **({"Cookie": cookie} if cookie else {})}
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        lines = [value for name, value in response.getheaders() if name.lower() == "set-cookie"]
        answer = Answer(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            lines,
            response.read(),
        )
        connection.close()
        for line in lines:
            name, _, value = line.partition(";")[0].partition("=")
            self.jar[name] = value
        return answer


@contextmanager
def site(folder: Path, tables: dict[str, Any], extra: str = "") -> Iterator[int]:
    """The application behind the middleware behind nginx; gives the port of nginx."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = ConsentWSGI(application, tables, secret_keys="a key for tests")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with nginx(folder, server.server_port, extra) as port:
            yield port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Open = Callable[..., AbstractContextManager[int]]


@pytest.fixture
def open_site(tmp_path: Path) -> Open:
    def open_site(cache: str, extra: str = "", csp: str = "off") -> AbstractContextManager[int]:
        return site(tmp_path, policy(cache, csp), extra)

    return open_site


def visitors(port: int) -> dict[str, Visitor]:
    """One of each kind, after their choice."""
    found = {name: Visitor(port) for name in ("new", "refusing", "counting", "accepting")}
    found["refusing"].choose()
    found["counting"].choose("analytics")
    found["accepting"].choose("analytics", "marketing")
    return {**found, "french": Visitor(port, language="fr")}


CONSENTS = {"counting", "accepting"}


@pytest.mark.parametrize("extra", ["", STRIPS_VARY], ids=["honours Vary", "strips Vary"])
@pytest.mark.parametrize("csp", ["off", "enforce"])
def test_pages_that_vary_are_never_somebody_elses(open_site: Open, extra: str, csp: str) -> None:
    """They say public themselves, and nginx would keep them: the middleware tells it not to."""
    with open_site("vary", extra, csp) as port:
        for _ in range(ROUNDS):
            for name, visitor in visitors(port).items():
                answer = visitor.get("/")
                assert answer.cache == "MISS"
                assert answer.is_live is (name in CONSENTS)
                assert (b'lang="fr"' in answer.body) is (name == "french")
                assert "stats.example.net" in answer.headers.get("content-security-policy", "") or not (
                    name == "counting" and csp == "enforce"
                )


@pytest.mark.parametrize("extra", ["", STRIPS_VARY], ids=["honours Vary", "strips Vary"])
@pytest.mark.parametrize("csp", ["off", "enforce"])
def test_shared_pages_are_kept_once_and_hold_nobodys_choice(open_site: Open, extra: str, csp: str) -> None:
    with open_site("shared", extra, csp) as port:
        answers = [visitor.get("/") for _ in range(ROUNDS) for visitor in visitors(port).values()]
    assert Counter(answer.cache for answer in answers) == {"MISS": 1, "HIT": ROUNDS * 5 - 1}
    assert len({answer.body for answer in answers}) == 1
    assert len({answer.headers.get("content-security-policy") for answer in answers}) == 1
    assert not any(answer.is_live or answer.cookies for answer in answers)


@pytest.mark.parametrize("cache", ["vary", "shared"])
@pytest.mark.parametrize("path", ["/style.css", "/app.js"])
def test_static_files_keep_their_hit_rate(open_site: Open, cache: str, path: str) -> None:
    """With everything switched on, one miss and no other, whoever asks and whatever is in their jars."""
    destination = {"/style.css": "style", "/app.js": "script"}[path]
    with open_site(cache, csp="enforce") as port:
        everybody = visitors(port).values()
        for visitor in everybody:
            visitor.jar["_ga"] = "1"
        found = Counter(v.get(path, **{"Sec-Fetch-Dest": destination}).cache for _ in range(ROUNDS) for v in everybody)
    assert found == {"MISS": 1, "HIT": ROUNDS * 5 - 1}


@pytest.mark.parametrize("cache", ["vary", "shared"])
@pytest.mark.parametrize("extra", ["", STRIPS_VARY], ids=["honours Vary", "strips Vary"])
def test_a_cookie_reaches_only_who_consented(open_site: Open, cache: str, extra: str) -> None:
    with open_site(cache, extra) as port:
        for _ in range(ROUNDS):
            for name, visitor in visitors(port).items():
                answer = visitor.get("/counted")
                assert any(line.startswith("_ga=") for line in answer.cookies) is (name in CONSENTS)
                assert answer.cache == "MISS"


@pytest.mark.parametrize("cache", ["vary", "shared"])
def test_the_state_is_never_kept(open_site: Open, cache: str) -> None:
    with open_site(cache, STRIPS_VARY) as port:
        for name, visitor in visitors(port).items():
            answer = visitor.get("/_consent/state")
            assert answer.cache == "MISS"
            assert (b'"analytics": "granted"' in answer.body) is (name in CONSENTS)


def test_scripts_of_ours_are_kept(open_site: Open) -> None:
    with open_site("shared") as port:
        page = Visitor(port).get("/").body
        path = page.partition(b'src="/_consent/assets/')[2].partition(b'"')[0].decode()
        answers = [Visitor(port).get(f"/_consent/assets/{path}") for _ in range(3)]
    assert [answer.cache for answer in answers] == ["MISS", "HIT", "HIT"]


def test_what_developers_see_is_not_passed_on_by_an_nginx_as_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks as this machine itself would, at the address of the server behind it, and says not where that is from."""
    monkeypatch.setenv("CONSENT_DEVELOPMENT", "1")
    app = ConsentWSGI(application, policy("vary"), secret_keys="a key for tests")
    with serving(app) as address:
        upstream = address.removesuffix("/")
        # A header set of its own takes the place of all those that are inherited.
        as_it_comes = f'location /_consent/ {{ proxy_pass {upstream}; proxy_set_header X-Nothing ""; }}'
        with nginx(tmp_path, int(upstream.rpartition(":")[2]), as_it_comes) as port:
            assert Visitor(port).get("/_consent/settings").status == 200
            assert Visitor(port).get("/_consent/report").status == 404
            assert Visitor(port).get("/_consent/report.json").status == 404
        with httpx.Client() as developer:
            assert developer.get(f"{upstream}/_consent/report.json").status_code == 200
