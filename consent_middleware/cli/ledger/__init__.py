"""``consent ledger``: what the ledger holds, for auditors, visitors who ask, and whoever keeps it in order.

Each sub-command is a module of its own. None of them imports a database before it runs, so that ``consent --help``
needs no extra.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TextIO

from ..command import Command
from .copy import COPY
from .erase import ERASE
from .export import EXPORT
from .load import IMPORT
from .purge import PURGE
from .show import SHOW
from .stats import STATS
from .store import declare_store, explained
from .verify import VERIFY

COMMANDS: tuple[Command, ...] = (STATS, SHOW, VERIFY, EXPORT, ERASE, PURGE, COPY, IMPORT)


def _declare(parser: argparse.ArgumentParser) -> None:
    subparsers = parser.add_subparsers(metavar="WHAT", required=True)
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.name, help=command.summary, description=command.description)
        subparser.set_defaults(ledger_command=command)
        declare_store(subparser)
        command.declare(subparser)


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    command: Command = options.ledger_command
    with explained(), ExitStack() as options.opened:
        return command.run(options, out)


LEDGER = Command(
    name="ledger",
    summary="read and verify the record of every choice",
    description="Read, verify and keep the record of every choice.",
    declare=_declare,
    run=_run,
)
