"""What every sub-command is made of."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from ..errors import ConsentError


class InputError(ConsentError):
    """A command was given something it cannot work with; the message is for whoever typed it."""


@dataclass(frozen=True, slots=True)
class Command:
    """One sub-command.

    ``declare`` adds its arguments to a parser; ``run`` does the work, writes to the stream and returns whether there
    are findings. It raises InputError when it cannot work.
    """

    name: str
    summary: str
    description: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, TextIO], bool]


def declare_format(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses between text for people and JSON for programs."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to print (default: text)")


def counted(number: int, thing: str) -> str:
    """Return "1 record", "2 records"."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def print_json(document: Any, out: TextIO) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False), file=out)
