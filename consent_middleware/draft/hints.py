"""What a reader's own copy of the Open Cookie Database says about a name: a hint in a comment, and never more.

The database is made by volunteers (https://github.com/jkwakman/Open-Cookie-Database, Apache-2.0) and not part of this
package. Its names are often those of many tools ("uid", "session"), so nothing is decided by it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from ..cookies import NameTable
from ..errors import ConsentError
from .facts import shown_text

_NAME = "Cookie / Data Key name"
_COLUMNS = (_NAME, "Platform", "Category", "Description", "Wildcard match")
_MOST_BYTES = 50_000_000
_SHORTEST_PREFIX = 3


class HintsUnreadable(ConsentError):
    """A file is no copy of the Open Cookie Database; the message says why."""


class Hints:
    """Answers what the database says about a cookie's name."""

    def __init__(self, by_pattern: Mapping[str, str] | None = None) -> None:
        self._by_name = NameTable(by_pattern or {})

    @classmethod
    def read(cls, path: Path) -> Hints:
        """Read the database's CSV file. Raises HintsUnreadable."""
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise HintsUnreadable(f"{path} is larger than {_MOST_BYTES // 1_000_000} MB, so it is something else")
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = csv.DictReader(file)
                missing = [column for column in _COLUMNS if column not in (rows.fieldnames or ())]
                if missing:
                    raise HintsUnreadable(f"{path} is no Open Cookie Database: it has no column {missing[0]!r}")
                return cls(_hints(rows))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            reason = (isinstance(error, OSError) and error.strerror) or error
            raise HintsUnreadable(f"cannot read {path}: {reason}") from error

    def about(self, name: str) -> str:
        """Return what the database says about a cookie, on one line; ``""`` if nothing."""
        return self._by_name.lookup(name) or ""


def _hints(rows: csv.DictReader[str]) -> dict[str, str]:
    hints: dict[str, str] = {}
    for row in rows:
        name, platform, category, description, wildcard = (shown_text(row[c] or "", 160) for c in _COLUMNS)
        is_prefix = wildcard == "1" and len(name) >= _SHORTEST_PREFIX
        if name:
            hints.setdefault(name + "*" if is_prefix else name, f"{category}, of {platform}. {description}")
    return hints
