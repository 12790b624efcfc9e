"""What an audit comes to: findings, what was seen, and how far the audit went."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ..errors import ConsentError
from .findings import Finding, State
from .kinds import KINDS, Kind

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieSeen:
    """One cookie that the site sets, whoever sets it: ``by`` is ``"server"`` or ``"script"``.

    ``lifetime`` is what a browser makes of it. ``category`` is ``""`` for one that nobody declared, ``traits`` are the
    attributes that matter, in words.
    """

    name: str
    category: str
    service: str
    lifetime: str
    traits: tuple[str, ...]
    by: str
    states: tuple[State, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartySeen:
    """A third party, or a service of the site's own, that pages load; ``hosts`` is empty for inline scripts."""

    name: str
    category: str
    hosts: tuple[str, ...]
    elements: tuple[str, ...]
    states: tuple[State, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of one audit.

    ``findings`` are what is to be done, ``accepted`` those that a baseline accepts. ``checked`` are the kinds that
    were looked for. ``remarks`` say what was not examined, and why. ``at`` is an instant in epoch seconds.
    """

    url: str
    at: int
    policy: str
    states: tuple[State, ...]
    addresses: tuple[str, ...]
    requests: int
    findings: tuple[Finding, ...]
    accepted: tuple[Finding, ...] = ()
    checked: tuple[Kind, ...] = ()
    cookies: tuple[CookieSeen, ...] = ()
    parties: tuple[PartySeen, ...] = ()
    remarks: tuple[str, ...] = ()

    def against(self, baseline: Baseline) -> Report:
        """Return the report with the findings that a baseline accepts set apart."""
        known = tuple(finding for finding in self.findings if finding.key in baseline.keys)
        fresh = tuple(finding for finding in self.findings if finding.key not in baseline.keys)
        return replace(self, findings=fresh, accepted=known)


class BaselineError(ConsentError):
    """A baseline cannot be read; the message is for whoever named the file."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The findings that somebody has seen and accepts, known by id and subject."""

    keys: frozenset[tuple[str, str]]

    @classmethod
    def read(cls, path: Path) -> Baseline:
        """Read a baseline. Raises BaselineError."""
        try:
            document: object = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BaselineError(f"cannot read {path}: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise BaselineError(f"{path} is no JSON; write it with --write-baseline") from error
        keys = frozenset(_keys(document))
        unknown = sorted(id for id, _ in keys if id not in KINDS)
        if unknown:
            raise BaselineError(f"{path} accepts {unknown[0]!r}, and there is no such finding")
        return cls(keys)

    @staticmethod
    def text_of(findings: Iterable[Finding]) -> str:
        """Return the file that accepts exactly these findings."""
        accepted = [{"id": each.id, "subject": each.subject, "title": each.kind.title} for each in findings]
        return json.dumps({"format": _FORMAT, "accepted": accepted}, indent=2, ensure_ascii=False) + "\n"


def _keys(document: object) -> Iterator[tuple[str, str]]:
    fields = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    rows = fields.get("accepted")
    if fields.get("format") != _FORMAT or not isinstance(rows, list):
        raise BaselineError('a baseline is {"format": 1, "accepted": […]}; write it with --write-baseline')
    for row in cast("list[object]", rows):
        named = cast("dict[str, object]", row) if isinstance(row, dict) else {}
        id, subject = named.get("id"), named.get("subject")
        if not (isinstance(id, str) and isinstance(subject, str)):
            raise BaselineError('each accepted finding is {"id": "consent.A…", "subject": "…"}')
        yield id, subject
