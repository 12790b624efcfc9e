"""A worker process in which visitors choose: ``python -m support.chooser URL SPOOL NOTES COUNT``.

Each is answered by the middleware itself. What a visitor was told is noted after the answer, in one write, so that a
note is only there if the visitor knows: ``granted ID``, ``refused ID`` or ``sorry``.
"""

from __future__ import annotations

import os
import signal
import sys
from io import BytesIO
from typing import Any

from werkzeug.test import run_wsgi_app

from consent_middleware import ConsentWSGI
from consent_middleware.ledger import open_ledger
from consent_middleware.seal import Seal
from support.records import KEY
from support.three_categories import POLICY


def main(url: str, spool: str, notes: str, count: int) -> None:
    def nothing(environ: Any, start_response: Any) -> list[bytes]:
        raise AssertionError("only choices are made here")

    ledger = open_ledger(url, KEY, spool=spool)
    app = ConsentWSGI(nothing, POLICY, secret_keys=KEY, ledger=ledger)
    file = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(count):
        action = "reject-all" if number % 4 == 3 else "accept-all"
        os.write(file, choose(app, action).encode())
    ledger.close()


def choose(app: ConsentWSGI, action: str) -> str:
    """Send the form of a new visitor and say what came of it."""
    body = f"action={action}".encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/_consent/choice",
        "HTTP_HOST": "shop.example.org",
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "https",
        "wsgi.input": BytesIO(body),
    }
    _, status, headers = run_wsgi_app(app, environ)
    if status.startswith("503"):
        return "sorry\n"
    assert status.startswith("303"), status
    [cookie] = headers.getlist("Set-Cookie")
    receipt = Seal(app.engine.policy, KEY).newest([cookie.partition(";")[0].partition("=")[2]], 2**40)
    assert receipt is not None
    return f"{'granted' if action == 'accept-all' else 'refused'} {receipt.id}\n"


if __name__ == "__main__":
    # With a limit on the size of files, a write beyond it is to fail and not to end the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    import logging

    logging.disable()  # what happens to the store is the test's business, and it happens a thousand times
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
