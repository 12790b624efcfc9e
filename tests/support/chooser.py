"""Worker processes in which visitors choose, forked from one that has everything imported.

Each visitor is answered by the middleware itself. What they were told is noted after the answer, in one write, so that
a note is only there if the visitor knows: ``granted ID``, ``refused ID`` or ``sorry``.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import signal
import sys
from io import BytesIO
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import run_wsgi_app

from consent_middleware import ConsentWSGI
from consent_middleware.ledger import open_ledger
from consent_middleware.seal import Seal
from support.records import KEY
from support.three_categories import POLICY

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["support.chooser"])


def worker(url: str, spool: Path, notes: Path, count: int, quota: int | None = None) -> ForkServerProcess:
    """Start a worker that answers so many visitors; no file that it writes may become larger than ``quota``."""
    process = _FORKS.Process(target=_answer, args=(url, spool, notes, count, quota))
    # The process that is forked comes into being with the first worker, and is not told where modules are found.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        process.start()
    return process


def _answer(url: str, spool: Path, notes: Path, count: int, quota: int | None) -> None:
    if quota is not None:
        # A write beyond it is to fail and not to end the process.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (quota, quota))
    logging.disable()  # what happens to the store is the test's business, and it happens a thousand times

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
