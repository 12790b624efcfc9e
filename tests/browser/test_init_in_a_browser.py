"""``consent init`` with a browser: what scripts write and whom they ask gets into the draft."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from consent_middleware.cli import main
from support.servers import serving
from support.third_parties import ThirdParties

PAGE = b"""<!doctype html><title>x</title><script>
document.cookie = 'mine=1; path=/; max-age=2592000';
document.cookie = '_fbp=1; path=/';
localStorage.setItem('mine-too', '1');
if (document.cookie.includes('theirs=yes')) document.cookie = 'after=1; path=/';
new Image().src = 'https://counter.example.net/dot.gif';
const player = document.createElement('iframe');
player.src = 'https://www.youtube.com/embed/x';
document.documentElement.append(player);
</script>"""


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    headers = [("Content-Type", "text/html"), ("Set-Cookie", "set=1; Path=/; HttpOnly"), ("Cache-Control", "no-store")]
    start_response("200 OK", headers)
    return [PAGE]


def test_what_scripts_do_is_in_the_draft(
    chromium: str, strangers: ThirdParties, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accept = tmp_path / "accept.js"
    accept.write_text("document.cookie = 'theirs=yes; path=/'; document.cookie = 'after=1; path=/'", encoding="utf-8")
    names = f"--host-resolver-rules=MAP * 127.0.0.1:{strangers.port}, EXCLUDE 127.0.0.1"
    with serving(application) as url:
        options = ["--browser", "--insecure", "--chromium", chromium, "--settle", "0.5", "--browser-pages", "1"]
        options += [f"--chromium-argument={names}", "--chromium-argument=--ignore-certificate-errors"]
        status = main(["init", "--url", url, "--output", "-", *options, "--accept-script", str(accept)])
    text, said = capsys.readouterr()
    tables = tomllib.loads(text)
    assert status == 1, said
    assert [cookie["name"] for cookie in tables["cookies"]] == ["after", "mine", "set", "theirs"]
    assert tables["cookies"][1] == {"name": "mine", "category": "?", "lifetime": "30 days"}
    assert '# Written by a script.\nname = "mine"' in text
    assert '# Set by the server on /.\nname = "set"' in text
    assert tables["categories"]["marketing"]["services"] == ["meta-pixel"]
    assert tables["categories"]["video"]["services"] == ["youtube"]
    assert [service["scripts"] for service in tables["services"]] == [["counter.example.net"]]
    assert "#   - mine-too" in text
    assert "over HTTP and in a browser" in text
