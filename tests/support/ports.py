"""Ports of this machine: one that is free, and waiting for who listens there."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from typing import Any


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
