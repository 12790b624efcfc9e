"""The ``consent`` command.

Each sub-command is a module of its own that offers one ``Command``; it is known as soon as it stands in ``COMMANDS``.
A command writes what was asked for to standard output, findings included, and why it could not to standard error.
It exits 0 when all is well, 1 when there are findings, 2 when it could not do its work.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from ..release import release
from .audit import AUDIT
from .catalogue import CATALOGUE
from .check import CHECK
from .command import Command, InputError
from .explain import EXPLAIN
from .init import INIT
from .ledger import LEDGER
from .ledger.names import set_apart
from .page import PAGE
from .suggest import SUGGEST

COMMANDS: tuple[Command, ...] = (INIT, CHECK, EXPLAIN, AUDIT, CATALOGUE, LEDGER, PAGE, SUGGEST)

FINE, FINDINGS, UNUSABLE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (that of the process, unless told otherwise) and return its exit status."""
    _write_what_the_terminal_can()
    options = _parser().parse_args(set_apart(sys.argv[1:] if arguments is None else arguments))
    command: Command = options.command
    try:
        found = command.run(options, sys.stdout)
        sys.stdout.flush()
    except InputError as error:
        print(f"consent {command.name}: {error}", file=sys.stderr)
        return UNUSABLE
    except BrokenPipeError:
        # The reader, "head" perhaps, has seen enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNUSABLE
    return FINDINGS if found else FINE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="consent", description="Keep a cookie policy true.")
    parser.add_argument("--version", action="version", version=f"consent-middleware {release() or '(not installed)'}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.name, help=command.summary, description=command.description)
        subparser.set_defaults(command=command)
        command.declare(subparser)
    return parser


def _write_what_the_terminal_can() -> None:
    """Let a terminal that lacks a character show its code instead of ending the command."""
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="backslashreplace")
