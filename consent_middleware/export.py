"""Records for others to read, under the field names of ISO/IEC TS 27560:2023.

The specification groups a consent record into a header, the processing, the parties and the events. What only this
package knows (the policy's fingerprint, the hash of what was shown) stands in ``record``, which holds every field of
the record as it is, so that nothing is lost on the way to another store.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from .policy import Policy
from .record import Record

SCHEMA_VERSION = "ISO/IEC TS 27560:2023"


def as_27560(record: Record, policy: Policy | None = None) -> dict[str, Any]:
    """Return a record as JSON has it; with the policy it was made under, the controller is named too."""
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "record_id": record.record_id,
        "pii_principal_id": record.subject,
        "pii_processing": {
            "privacy_notice": record.policy_version,
            "language": record.language,
            "purposes": [_purpose(name, record) for name in record.choices],
        },
        "events": [_event(record)],
        "record": record.as_dict(),
    }
    if policy is not None and policy.fingerprint == record.fingerprint and policy.controller:
        document["pii_processing"]["pii_controllers"] = ["controller"]
        document["party_identification"] = [
            {"party_id": "controller", "party_name": policy.controller, "party_contact": policy.contact}
        ]
    return document


def event_state(record: Record, *, granted: bool) -> str:
    """Return the state of an event in the words of the specification."""
    if granted:
        return "RenewedConsentGiven" if record.previous else "ConsentGiven"
    return "ConsentWithdrawn" if record.state == "withdrawn" else "ConsentRefused"


def utc(instant: int) -> str:
    """Return an instant as ISO 8601 has it."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def record_in(document: Mapping[str, Any]) -> Record:
    """Return the record in what ``as_27560`` made. Raises ValueError when there is none."""
    fields = document.get("record")
    if not isinstance(fields, Mapping):
        raise ValueError('it has no "record", which an export by this command has')
    return Record.from_dict(cast("Mapping[str, Any]", fields))


def _purpose(name: str, record: Record) -> dict[str, Any]:
    return {
        "purpose": name,
        "lawful_basis": "consent",
        "event_state": event_state(record, granted=record.choices[name]),
        "withdrawal_method": "settings page",
    }


def _event(record: Record) -> dict[str, Any]:
    return {
        "event_time": utc(record.decided_at),
        "validity_duration": f"until {utc(record.expires_at)}",
        "entity_id": record.source,
        "event_type": "explicit",
        "event_state": event_state(record, granted=any(record.choices.values())),
        "expression_method": record.mechanism,
    }


COLUMNS = (
    "schema_version",
    "record_id",
    "pii_principal_id",
    "previous_record_id",
    "event_time",
    "event_state",
    "expression_method",
    "entity_id",
    "validity_end",
    "purposes",
    "privacy_notice",
    "language",
    "fingerprint",
    "ui_hash",
    "host",
    "gpc",
    "middleware_version",
)
"""The columns of a table of records."""

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def as_row(record: Record) -> list[str]:
    """Return a record as a line of a table, in the order of ``COLUMNS``."""
    values = (
        SCHEMA_VERSION,
        record.record_id,
        record.subject,
        record.previous or "",
        utc(record.decided_at),
        event_state(record, granted=any(record.choices.values())),
        record.mechanism,
        record.source,
        utc(record.expires_at),
        " ".join(f"{name}:{'yes' if granted else 'no'}" for name, granted in record.choices.items()),
        record.policy_version,
        record.language,
        record.fingerprint,
        record.ui_hash,
        record.host,
        "yes" if record.gpc else "no",
        record.middleware_version,
    )
    return [_plain(value) for value in values]


def _plain(value: str) -> str:
    # A spreadsheet takes such a value for a formula and runs it; an apostrophe makes it text (OWASP, CSV injection).
    return f"'{value}" if value.startswith(_FORMULAS) else value
