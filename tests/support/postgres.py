"""A real PostgreSQL of the tests' own: its own data directory, its own port on loopback, gone afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import psycopg.sql

USER = "consent"


class Postgres:
    """A server that can be stopped and started again; every database in it is made by ``database``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._binaries = _binaries()
        self.port = _free_port()
        # Its commit log is flushed as on a real server, because what is tested is what survives.
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", USER, "--no-sync", "--encoding=UTF8", "--locale=C")

    def start(self) -> None:
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c max_connections=60"
        self._run("pg_ctl", "-D", self._data, "-o", options, "-l", self._folder / "log", "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it; ``immediate`` is what a crash looks like."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    def database(self, name: str) -> str:
        """Make an empty database and return its URL."""
        place = f"{USER}@127.0.0.1:{self.port}"
        with psycopg.connect(f"postgresql://{place}/postgres", autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        return f"postgresql+psycopg://{place}/{name}"

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._binaries / program), *map(str, arguments)]
        if os.getuid() == 0:  # the server refuses to run as root
            command = ["runuser", "-u", "postgres", "--", *command]
        # What the server inherits it keeps open, so it must not be a pipe that we wait for.
        with open(self._folder / "commands.log", "ab") as log:
            done = subprocess.run(command, cwd=self._folder, stdout=log, stderr=log, check=False)
        assert done.returncode == 0, (command, (self._folder / "commands.log").read_text()[-2000:])


@contextmanager
def postgres() -> Generator[Postgres]:
    """Run a server for as long as it is needed."""
    folder = Path(tempfile.mkdtemp(prefix="consent-postgres-"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    server = Postgres(folder)
    server.start()
    try:
        yield server
    finally:
        try:
            server.stop("immediate")
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    assert found, "PostgreSQL is not installed: apt-get install postgresql, or put initdb and pg_ctl on PATH"
    return Path(found).resolve().parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
