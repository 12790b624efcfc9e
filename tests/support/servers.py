"""Servers, in this process or others: a port for them, waiting until they answer, and ending them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

SECONDS_TO_END = 10
GUNICORN = ("gunicorn", "--timeout=120", "--bind=127.0.0.1:{port}")
UVICORN = ("uvicorn", "--port={port}")
"""Modules and arguments for ``served``."""


def free_port() -> int:
    """Return a port of the loopback interface on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[Any], log: Path | None = None, *, seconds: float = 60) -> None:
    """Return once somebody answers at the port. Fails, with what is in the log, if the process ends or takes longer."""

    def told() -> str:
        return f":\n{log.read_text()}" if log else ""

    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with {process.returncode} before it answered{told()}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nothing answered within {seconds} seconds{told()}")


@contextmanager
def running(command: list[Any], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Run a command, with the options of Popen, for as long as the block lasts."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def serving(application: Any) -> Iterator[str]:
    """Serve a WSGI application from a thread for as long as the block lasts; yields its address."""
    server = import_module("waitress.server").create_server(application, host="127.0.0.1", port=0, threads=8)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}/"
    finally:
        server.close()
        thread.join(SECONDS_TO_END)


@contextmanager
def served(folders: Iterable[Path], *command: str, **environment: str) -> Iterator[list[str]]:
    """Serve what is in each folder, or a shop, by the same module and arguments, each in a process of its own.

    ``{port}`` stands for the port. Yields the addresses once all answer; the servers' words are in server.log.
    """
    places = [ROOT, ROOT / "adapters", ROOT / "examples", os.environ.get("PYTHONPATH", "")]
    paths = os.pathsep.join(map(str, places))
    with ExitStack() as stack:
        started: list[tuple[int, subprocess.Popen[Any], Path]] = []
        for folder in folders:
            port, log = free_port(), folder / "server.log"
            options = {
                "cwd": folder,
                # What is made from a set then comes in one order everywhere.
                "env": {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "0", **environment},
                "stdout": stack.enter_context(log.open("w")),
                "stderr": subprocess.STDOUT,
            }
            words = [sys.executable, "-m", *(word.format(port=port) for word in command)]
            started.append((port, stack.enter_context(running(words, **options)), log))
        for port, process, log in started:
            wait_for(port, process, log)
        yield [f"http://127.0.0.1:{port}/" for port, _, _ in started]
