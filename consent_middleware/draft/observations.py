"""What report mode has observed, as it serves it: JSON, trusted as little as any file that comes from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import ConsentError
from ..lifetime import SESSION, Lifetime
from ..loader.shapes import is_list, is_table
from .facts import CookieFact, Facts, HostFact, listed, shown_text

VERSION = 1
Row = Mapping[Any, Any]

_MOST = 500
"""Cookies, and hosts: a site that sets more has had a visitor who made names up."""

_SENT = "Sent by browsers{on}, and never set by the server: a script writes it, or a visitor made it up."


class ObservationsUnreadable(ConsentError):
    """A text is no report; the message says why."""


def read_observations(text: str | bytes, source: str) -> Facts:
    """Return the facts of a report. Raises ObservationsUnreadable; a row that cannot be read is left out, and said so.

    ``source`` is the file or the address that it comes from.
    """
    try:
        report: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ObservationsUnreadable(f"{source} is not JSON: {error}") from error
    if not is_table(report) or report.get("version") != VERSION:
        raise ObservationsUnreadable(f'{source} is no report that can be read here: it has no "version": {VERSION}')
    rows = [_items(report, "cookies"), _items(report, "hosts")]
    cookies = [fact for fact in map(_cookie, rows[0][:_MOST]) if fact]
    hosts = [fact for fact in map(_host, rows[1][:_MOST]) if fact]
    left_out = sum(map(len, rows)) - len(cookies) - len(hosts)
    return Facts(
        source=f"what report mode observed, {shown_text(source)}",
        cookies=tuple(cookies),
        hosts=tuple(hosts),
        remarks=(
            f"{left_out} row{'' if left_out == 1 else 's'} of {shown_text(source)}: no cookies or hosts, or too many",
        )
        if left_out
        else (),
    )


def _cookie(row: object) -> CookieFact | None:
    if not is_table(row) or not isinstance(row.get("name"), str):
        return None
    attributes: object = row.get("attributes")
    known: Row = attributes if is_table(attributes) else {}
    is_only_sent = row.get("set") == 0
    return CookieFact(
        name=row["name"],
        evidence=_SENT.format(on=_on(row)) if is_only_sent else f"Observed {_times(row)}{_on(row)}.",
        lifetime=None if is_only_sent else _lifetime(known),
        domain=_text(known, "domain"),
        path=_text(known, "path") or "/",
        category=_text(row, "category"),
        is_of_server=not is_only_sent,
    )


def _host(row: object) -> HostFact | None:
    if not is_table(row) or not _text(row, "host"):
        return None
    elements = listed(_texts(row, "elements")) or "pages"
    return HostFact(
        host=_text(row, "host").lower(),
        evidence=f"Observed {_times(row)} in {elements}{_on(row)}.",
        service=_text(row, "service"),
        category=_text(row, "category"),
    )


def _lifetime(attributes: Row) -> Lifetime | None:
    if "max_age" not in attributes:
        return None
    age = attributes["max_age"]
    if age is None:
        return SESSION
    return Lifetime.lasting(age) if isinstance(age, int) and not isinstance(age, bool) else None


def _times(told: Row) -> str:
    count = told.get("count")
    return f"{count} times" if isinstance(count, int) and 1 < count < 10**12 else "once"


def _on(told: Row) -> str:
    routes = listed(_texts(told, "routes"))
    return f" on {routes}" if routes else ""


def _text(told: Row, key: str) -> str:
    value = told.get(key)
    return value if isinstance(value, str) else ""


def _texts(told: Row, key: str) -> Iterator[str]:
    return (item for item in _items(told, key) if isinstance(item, str))


def _items(told: Row, key: str) -> Sequence[object]:
    values: object = told.get(key)
    return values if is_list(values) else ()
