"""``manage.py consent_ledger …``: what ``consent ledger`` does, on the ledger of this site and with its keys."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from consent_django.conf import ledger_from_settings, secret_keys
from consent_middleware.cli.command import InputError
from consent_middleware.cli.ledger import LEDGER
from consent_middleware.cli.ledger.names import set_apart
from consent_middleware.cli.ledger.store import Site
from consent_middleware.errors import ConfigurationError

if TYPE_CHECKING:
    from consent_middleware.ledger import SQLLedger


class Command(BaseCommand):
    help = f'{LEDGER.description} It is the ledger of CONSENT["LEDGER"], unless --ledger names another.'

    def run_from_argv(self, argv: list[str]) -> None:
        super().run_from_argv(set_apart(argv))

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        LEDGER.declare(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.ending = ""  # what is written has its own ends of lines
        namespace = argparse.Namespace(**options, site=Site(_ledger, secret_keys))
        try:
            has_findings = LEDGER.run(namespace, self.stdout)  # type: ignore[arg-type]  # a TextIO in all but name
        except (InputError, ConfigurationError, ImproperlyConfigured) as error:
            raise CommandError(str(error), returncode=2) from error
        if has_findings:
            self.stdout.flush()
            sys.exit(1)


def _ledger() -> SQLLedger:
    from consent_middleware.ledger import SQLLedger

    ledger = ledger_from_settings()
    if ledger is None:
        raise InputError('CONSENT["LEDGER"] is not set; name the ledger with --ledger')
    if not isinstance(ledger, SQLLedger):
        raise InputError('CONSENT["LEDGER"] is an object of your own, and only it knows what is in it')
    return ledger
