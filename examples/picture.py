"""Takes the picture of the banner in the README, ``examples/banner.png``: the Flask shop at a first visit.

    .venv/bin/python examples/picture.py

It needs what the tests in tests/browser need: Playwright's driver, and a Chromium (CHROMIUM names another one).
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

from playwright.sync_api import ViewportSize, sync_playwright

HERE = Path(__file__).parent
PICTURE = HERE / "banner.png"
SIZE: ViewportSize = {"width": 1200, "height": 760}


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve the shop, visit it, and keep what is seen."""
    sys.path[:0] = [str(HERE)]
    from shop.flask_app import app

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport=SIZE, locale="en-GB")
            page.goto(f"http://localhost:{server.server_port}/", wait_until="networkidle")
            page.screenshot(path=PICTURE)
            browser.close()
        server.shutdown()
    print(PICTURE)


if __name__ == "__main__":
    main()
