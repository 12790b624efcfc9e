"""A record as a row, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..record import Record
from .schema import CONTENT

NAMES = tuple(column.name for column in CONTENT)


def values_of(record: Record) -> dict[str, Any]:
    """Return what the columns of a row hold for this record."""
    values = {name: getattr(record, name) for name in NAMES}
    values["choices"] = json.dumps(dict(record.choices), sort_keys=True, separators=(",", ":"))
    values["gpc"] = int(record.gpc)
    return values


def record_of(content: Sequence[Any]) -> Record:
    """Return the record in the content of a row, its values in the order of the columns."""
    values: dict[str, Any] = dict(zip(NAMES, content, strict=True))
    values["choices"] = json.loads(values["choices"])
    values["gpc"] = bool(values["gpc"])
    return Record(**values)
