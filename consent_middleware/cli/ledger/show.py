"""``consent ledger show``: one choice, or one visitor's, and the texts it was made in front of."""

from __future__ import annotations

import argparse
import hashlib
from typing import TextIO

from ...export import as_27560, utc
from ...record import Record
from ..command import Command, InputError, declare_format, print_json
from .names import name
from .store import database_of


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", type=name, help="a record id or a visitor's pseudonym, or how one begins")
    declare_format(parser)
    parser.add_argument("--html", action="store_true", help="print what was shown when it was chosen, as a page")


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    from ...ledger.reading import named, shown

    database = database_of(options)
    found = named(database, options.id)
    if not found:
        print(f"no record is named {options.id!r}", file=out)
    elif options.html:
        out.write(_document(found, shown(database, found[-1].ui_hash)))
    elif options.format == "json":
        print_json([as_27560(record) for record in found], out)
    else:
        print("\n\n".join(_text(record) for record in found), file=out)
    return not found


def _document(found: list[Record], document: bytes | None) -> str:
    ui_hash = found[-1].ui_hash
    if len({record.ui_hash for record in found}) > 1:
        ids = "\n".join(f"  {record.record_id}  {utc(record.decided_at)}" for record in found)
        raise InputError(f"several records have that name, and not all were shown the same; take one of\n{ids}")
    if document is None:
        raise InputError(f"what was shown (hash {ui_hash or 'unknown'}) is not kept in this ledger")
    if hashlib.sha256(document).hexdigest() != ui_hash:
        raise InputError(f"what is kept under the hash {ui_hash} was changed; consent ledger verify tells more")
    return document.decode()


def _text(record: Record) -> str:
    answers = ", ".join(f"{name} {'yes' if granted else 'no'}" for name, granted in record.choices.items())
    lines = {
        "record": record.record_id,
        "visitor": record.subject,
        "replaces": record.previous or "nothing",
        "decided": f"{record.state}: {answers}",
        "at": f"{utc(record.decided_at)}, until {utc(record.expires_at)}",
        "by": f"{record.mechanism} ({record.source})",
        "policy": f"{record.policy_version or 'without a version'}, fingerprint {record.fingerprint}",
        "shown": f"{record.ui_hash or 'unknown'} in {record.language or 'an unknown language'}",
        "on": f"{record.host}{', with Global Privacy Control' if record.gpc else ''}",
        "with": f"consent-middleware {record.middleware_version or '(unknown)'}",
    }
    return "\n".join(f"{name:9} {value}" for name, value in lines.items())


SHOW = Command(
    name="show",
    summary="show one choice, and the page it was made on",
    description="Show one choice, or every choice of one visitor. Exits 1 when there is none.",
    declare=_declare,
    run=_run,
)
