"""The ledger's records as Django can read them: for the admin, and for queries of your own, never for writing.

A row that is written, changed or deleted here is what ``consent ledger verify`` finds, so saving and deleting are
refused. The tables are made by the migration, and are the same that a ledger with a URL makes for itself.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from django.db import models

from consent_middleware import Record

_READ_ONLY = "the ledger is only read through Django's models; a visitor's choice writes it"


class Choice(models.Model):
    """One choice of one visitor. Instants are epoch seconds; ``choices`` is JSON, the answer to each category."""

    record_id: models.CharField[str, str] = models.CharField("record", max_length=64, primary_key=True)
    subject: models.CharField[str, str] = models.CharField("visitor", max_length=64)
    previous: models.CharField[str | None, str | None] = models.CharField("replaces", max_length=64, null=True)
    state: models.CharField[str, str] = models.CharField(max_length=16)
    choices: models.TextField[str, str] = models.TextField()
    decided_at: models.BigIntegerField[int, int] = models.BigIntegerField()
    expires_at: models.BigIntegerField[int, int] = models.BigIntegerField()
    mechanism: models.CharField[str, str] = models.CharField(max_length=64)
    source: models.CharField[str, str] = models.CharField(max_length=16)
    policy_version: models.TextField[str, str] = models.TextField()
    fingerprint: models.CharField[str, str] = models.CharField(max_length=64)
    ui_hash: models.CharField[str, str] = models.CharField(max_length=64)
    language: models.CharField[str, str] = models.CharField(max_length=35)
    host: models.CharField[str, str] = models.CharField(max_length=255)
    gpc: models.SmallIntegerField[int, int] = models.SmallIntegerField("Global Privacy Control")
    middleware_version: models.CharField[str, str] = models.CharField(max_length=64)
    schema: models.SmallIntegerField[int, int] = models.SmallIntegerField()

    class Meta:
        managed = False
        db_table = "consent_record"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.record_id

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: only a visitor's choice writes the ledger."""
        raise TypeError(_READ_ONLY)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: ``consent ledger erase`` and ``purge`` remove records so that the rest still verifies."""
        raise TypeError(_READ_ONLY)

    def as_record(self) -> Record:
        """Return the record as the rest of the package knows it."""
        values: dict[str, Any] = {field.attname: getattr(self, field.attname) for field in self._meta.concrete_fields}
        values["choices"] = json.loads(self.choices)
        values["gpc"] = bool(self.gpc)
        return Record(**values)


class ShownForm(models.Model):
    """A form as it was shown: a document of HTML, named by the SHA-256 of its content."""

    hash: models.CharField[str, str] = models.CharField(max_length=64, primary_key=True)
    document: models.BinaryField[bytes, bytes | memoryview] = models.BinaryField()

    class Meta:
        managed = False
        db_table = "consent_shown"
        default_permissions = ()

    def __str__(self) -> str:
        return self.hash
