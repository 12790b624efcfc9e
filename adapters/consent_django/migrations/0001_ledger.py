"""The tables of the ledger, as consent_middleware/ledger/schema.py has them in version 2, without needing SQLAlchemy.

Django's own models of two of them are unmanaged and read only: the admin cannot show what has a composite primary key,
so its idea of the state and that of the database differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import migrations, models

if TYPE_CHECKING:
    _Fields = list[tuple[str, models.Field[Any, Any]]]

_CHAIN: _Fields = [
    ("chain", models.IntegerField(primary_key=True)),
    ("writer", models.CharField(max_length=32)),
    ("key_id", models.CharField(max_length=16)),
    ("opened_at", models.BigIntegerField()),
    ("opening", models.BinaryField()),
    ("position", models.BigIntegerField()),
    ("link", models.BinaryField()),
    ("head", models.BinaryField()),
    ("base_position", models.BigIntegerField()),
    ("base_link", models.BinaryField()),
    ("base", models.CharField(max_length=96, null=True)),
]


def _content(*, record_id: models.Field[Any, Any], null: bool) -> _Fields:
    """What a record holds: nothing of it in an erased row, and everything in what Django's model sees."""
    return [
        ("schema", models.SmallIntegerField(null=null)),
        ("record_id", record_id),
        ("subject", models.CharField("visitor", max_length=64, null=null)),
        ("previous", models.CharField("replaces", max_length=64, null=True)),
        ("state", models.CharField(max_length=16, null=null)),
        ("choices", models.TextField(null=null)),
        ("decided_at", models.BigIntegerField(null=null)),
        ("expires_at", models.BigIntegerField(null=null)),
        ("mechanism", models.CharField(max_length=64, null=null)),
        ("source", models.CharField(max_length=16, null=null)),
        ("policy_version", models.TextField(null=null)),
        ("fingerprint", models.CharField(max_length=64, null=null)),
        ("ui_hash", models.CharField(max_length=64, null=null)),
        ("language", models.CharField(max_length=35, null=null)),
        ("host", models.CharField(max_length=255, null=null)),
        ("gpc", models.SmallIntegerField("Global Privacy Control", null=null)),
        ("middleware_version", models.CharField(max_length=64, null=null)),
    ]


_ROW: _Fields = [
    ("pk", models.CompositePrimaryKey("chain", "position")),
    ("chain", models.IntegerField()),
    ("position", models.BigIntegerField()),
    ("seal", models.BinaryField()),
    ("link", models.BinaryField()),
    ("erased_at", models.BigIntegerField(null=True)),
    ("erasure", models.CharField(max_length=96, null=True)),
    *_content(record_id=models.CharField(max_length=64, unique=True, null=True), null=True),
]

_SHOWN: _Fields = [
    ("hash", models.CharField(max_length=64, primary_key=True)),
    ("document", models.BinaryField()),
]


class Migration(migrations.Migration):
    initial = True

    dependencies = ()

    operations = (
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.CreateModel(
                    "Version", [("version", models.IntegerField(primary_key=True))], {"db_table": "consent_schema"}
                ),
                migrations.CreateModel("Chain", _CHAIN, {"db_table": "consent_chain"}),
                migrations.CreateModel(
                    "Row",
                    _ROW,
                    {
                        "db_table": "consent_record",
                        "indexes": [
                            models.Index(fields=["subject"], name="consent_record_subject"),
                            models.Index(fields=["decided_at"], name="consent_record_decided_at"),
                        ],
                    },
                ),
                migrations.CreateModel("Shown", _SHOWN, {"db_table": "consent_shown"}),
                migrations.CreateModel(
                    "View",
                    [("day", models.BigIntegerField(primary_key=True)), ("views", models.BigIntegerField())],
                    {"db_table": "consent_view"},
                ),
                migrations.RunSQL("INSERT INTO consent_schema (version) VALUES (1), (2)", migrations.RunSQL.noop),
            ],
            state_operations=[
                migrations.CreateModel(
                    "Choice",
                    _content(
                        record_id=models.CharField("record", max_length=64, primary_key=True, serialize=False),
                        null=False,
                    ),
                    {"db_table": "consent_record", "default_permissions": ("view",), "managed": False},
                ),
                migrations.CreateModel(
                    "ShownForm",
                    [
                        ("hash", models.CharField(max_length=64, primary_key=True, serialize=False)),
                        ("document", models.BinaryField()),
                    ],
                    {"db_table": "consent_shown", "default_permissions": (), "managed": False},
                ),
            ],
        ),
    )
