"""``consent catalogue``: which services are known, and what is known of them."""

from __future__ import annotations

import argparse
from typing import Any, TextIO

from .. import catalogue
from ..catalogue import Entry
from ..policy import CookieRule
from .command import Command, declare_format, print_json


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("search", nargs="?", default="", help="a part of a name, provider, category, cookie or host")
    declare_format(parser)


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    found = catalogue.search(options.search)
    if options.format == "json":
        print_json([_as_json(entry) for entry in found], out)
    elif found:
        _print_table(found, out)
    else:
        print(f"nothing in the catalogue contains {options.search!r}", file=out)
    return not found


def _print_table(found: list[Entry], out: TextIO) -> None:
    width = max(len(entry.service.id) for entry in found)
    for entry in found:
        service = entry.service
        cookies = ", ".join(cookie.name for cookie in service.cookies) or "no cookies"
        print(f"{service.id:{width}}  {service.category:10}  {service.name} ({service.provider}): {cookies}", file=out)


def _as_json(entry: Entry) -> dict[str, Any]:
    service = entry.service
    return {
        "id": service.id,
        "name": service.name,
        "provider": service.provider,
        "category": service.category,
        "policy_url": service.policy_url,
        "cookies": [_cookie_as_json(cookie) for cookie in service.cookies],
        "scripts": list(service.scripts),
        "inline": list(service.inline),
        "storage": list(service.storage),
        "source": dict(entry.sources),
    }


def _cookie_as_json(cookie: CookieRule) -> dict[str, Any]:
    return {
        "name": cookie.name,
        "domain": cookie.domain,
        "lifetime": None if cookie.lifetime is None else str(cookie.lifetime),
        "purpose": dict(cookie.purpose),
    }


CATALOGUE = Command(
    name="catalogue",
    summary="list the services that a policy can name",
    description="List the services that a policy can name, all or those that contain the search text. "
    "Exits 1 when there is none.",
    declare=_declare,
    run=_run,
)
