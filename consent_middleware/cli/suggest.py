"""``consent suggest``: what browsers reported and the policy does not know yet, as lines to add to it.

It reads what a running site logged (see ``violations``), wherever its lines stand among others.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

from ..draft.vendors import vendor_of_host
from ..html import Rules
from ..policy import Policy
from ..violations import CODE, Violation, is_host
from .command import Command, InputError, declare_format, print_json
from .policy_file import load_policy

_LINE = re.compile(rf"{re.escape(CODE)}: (\{{[^\r\n]*\}})")
_PAGES_SHOWN = 3


@dataclass
class Host:
    """One host that pages asked for, and what was reported about it."""

    name: str
    count: int = 0
    directives: dict[str, int] = field(default_factory=dict[str, int])
    pages: dict[str, None] = field(default_factory=dict[str, None])

    def take(self, violation: Violation, count: int) -> None:
        # Each line tells how often it was so far; with several processes it is more.
        self.directives[violation.directive] = max(count, self.directives.get(violation.directive, 0))
        self.count = sum(self.directives.values())
        self.pages[violation.page] = None


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("logs", nargs="+", metavar="LOG", help='what the site logged, "-" for standard input')
    parser.add_argument("--policy", metavar="FILE", help="the policy, of which nothing is suggested again")
    declare_format(parser)


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    policy = None if options.policy is None else load_policy(options.policy)
    hosts = [host for host in _hosts(options.logs) if not _is_known(host.name, policy)]
    hosts.sort(key=lambda host: (-host.count, host.name))
    if options.format == "json":
        print_json([_as_json(host) for host in hosts], out)
    elif hosts:
        print("\n\n".join("\n".join(_lines(host, policy)) for host in hosts), file=out)
    else:
        print("nothing was reported that the policy does not know", file=out)
    return bool(hosts)


def _hosts(logs: Iterable[str]) -> list[Host]:
    hosts: dict[str, Host] = {}
    for log in logs:
        for violation, count in filter(None, map(_violation, _read(log))):
            hosts.setdefault(violation.host, Host(violation.host)).take(violation, count)
    return list(hosts.values())


def _violation(line: str) -> tuple[Violation, int] | None:
    """What a line of the log tells, and how often it had been reported by then."""
    found = _LINE.search(line)
    if found is None:
        return None
    try:
        told: object = json.loads(found[1])
    except ValueError:  # a line that was cut off
        return None
    match told:
        case {"host": str(host), "directive": str(directive), "page": str(page), "count": int(count)} if is_host(host):
            return Violation(host, directive, page), count
        case _:
            return None


def _read(log: str) -> Iterator[str]:
    if log == "-":
        yield from sys.stdin
        return
    try:
        with open(log, encoding="utf-8", errors="replace") as lines:
            yield from lines
    except OSError as error:
        raise InputError(f"cannot read {log}: {error.strerror or error}") from error


def _is_known(host: str, policy: Policy | None) -> bool:
    if policy is None:
        return False
    services = [(service.category, service.scripts, ()) for service in policy.services]
    own = any(host == name or host.endswith(f".{name}") for name in policy.html.own_hosts)
    return own or Rules(services).concerns_host(host)


def _lines(host: Host, policy: Policy | None) -> Iterator[str]:
    reports = "1 report" if host.count == 1 else f"{host.count} reports"
    where = " ".join(map(_printable, [*host.pages][:_PAGES_SHOWN]))
    yield f"# {host.name}: {reports}, {', '.join(map(_printable, host.directives))}, on {where}"
    vendor = vendor_of_host(host.name)
    if vendor is not None:
        present = policy.services if policy is not None else ()
        listed = [service.id for service in present if service.category == vendor.category]
        yield f"# {vendor.name} of {vendor.provider} is in the catalogue. Usually it belongs here:"
        yield f"[categories.{vendor.category}]"
        yield f"services = {json.dumps([*listed, vendor.id])}"
        return
    names = ", ".join(policy.categories) if policy is not None else "necessary, analytics, marketing …"
    yield f'# If it is your own, write own_hosts = ["{host.name}"] under [html]; if not:'
    yield "[[services]]"
    yield f"id = {json.dumps(_id(host.name))}"
    yield f"name = {json.dumps(host.name)}"
    yield 'provider = ""  # who runs it'
    yield f'category = ""  # {names}'
    yield f"scripts = {json.dumps([host.name])}"


def _printable(text: str) -> str:
    """What a stranger may have sent, so that it neither ends a comment nor paints a terminal."""
    return json.dumps(text[:80])[1:-1]


def _id(host: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", host.removeprefix("www.")).strip("-")


def _as_json(host: Host) -> dict[str, Any]:
    vendor = vendor_of_host(host.name)
    return {
        "host": host.name,
        "count": host.count,
        "directives": host.directives,
        "pages": [*host.pages],
        "service": None if vendor is None else vendor.id,
    }


SUGGEST = Command(
    name="suggest",
    summary="suggest declarations for what browsers reported",
    description="Read what a site with csp set logged, and print what to add to its policy for the hosts that nobody "
    "declared. Exits 1 when there are such hosts, 2 when a file cannot be read.",
    declare=_declare,
    run=_run,
)
