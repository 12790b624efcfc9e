"""Makes docs/audit-report.html and its picture: the audit of the shop as its code is, with nobody in between.

    python examples/audit_report.py

The Flask shop is served on loopback in report mode, which changes nothing on the wire. Needs the extra ``audit``,
waitress, and Chromium for the picture (``CHROMIUM`` names another one than that on the path).
"""

from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from consent_middleware import ConsentWSGI, Policy
from consent_middleware.audit import Limits, Options, Report, audit
from consent_middleware.audit.as_html import as_html
from shop import store
from shop.flask_app import app

DOCS = Path(__file__).parents[1] / "docs"
SHOWN = "http://shop.example/"


def report_of_the_shop() -> Report:
    """Audit the shop under its own policy while nothing enforces it."""
    policy = Policy.load(store.POLICY)
    gate: Any = app.wsgi_app
    ungated = ConsentWSGI(gate.app, replace(policy, mode="report"), secret_keys=store.SECRET_KEY)
    server = import_module("waitress.server").create_server(ungated, host="127.0.0.1", port=0)
    threading.Thread(target=server.run, daemon=True).start()
    report = audit(f"http://127.0.0.1:{server.effective_port}/", Options(policy=policy, limits=Limits(pause=0)))
    server.close()
    return report


def page() -> str:
    """Return the report as it is shown: of a shop at an address that tells where it is not."""
    report = report_of_the_shop()
    return as_html(report).replace(report.url, SHOWN)


def main() -> None:
    file = DOCS / "audit-report.html"
    file.write_text(page(), encoding="utf-8")
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1080, "height": 1240})
        tab.goto(file.as_uri())
        tab.screenshot(path=DOCS / "audit-report.png")
        browser.close()


if __name__ == "__main__":
    main()
