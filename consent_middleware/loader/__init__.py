"""Reads a policy, from a TOML file or from the same tables as a mapping, and checks all of it.

Reading never stops at the first mistake: whatever the tables hold, the result is either a policy that keeps every
promise of its dataclasses, or one ``PolicyError`` with all mistakes in the order of the file. The ids are those of
``mistakes.Id``.

Four kinds of work follow each other: ``tables`` takes the nested data apart whatever its types, ``forms`` judges
single words, ``parts`` builds what stands on its own, ``agreement`` judges what the parts say about each other.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from ..errors import Mistake, PolicyError
from ..lifetime import Lifetime
from ..policy import Policy, Service
from . import agreement, parts, wording
from .mistakes import Findings, Id
from .tables import Table

__all__ = ["Id", "from_dict", "load"]

_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", re.ASCII)


def load(source: str | PathLike[str] | Mapping[str, Any]) -> Policy:
    """Return the policy in a TOML file, or in the same tables as a mapping.

    Raises PolicyError with every mistake in it, OSError if the file cannot be read.
    """
    if isinstance(source, Mapping):
        return from_dict(source)
    return _read(_parse(Path(source).read_bytes(), fspath(source)), fspath(source))


def from_dict(tables: Mapping[str, Any]) -> Policy:
    """Return the policy in ``tables``, shaped like a policy file. Raises PolicyError with every mistake in it."""
    return _read(tables, "policy")


def _parse(content: bytes, source: str) -> Mapping[str, Any]:
    try:
        # Some editors begin a UTF-8 file with a byte order mark, which TOML does not know.
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        mistake = Mistake(Id.NOT_UTF8.id, f"line {line}", "is not UTF-8", "save the file in that encoding")
        raise PolicyError([mistake], source) from error
    except (ValueError, RecursionError) as error:
        # Not only TOMLDecodeError: tomllib lets int() refuse numbers of thousands of digits.
        raise PolicyError([_syntax_mistake(error)], source) from error


def _syntax_mistake(error: Exception) -> Mistake:
    if isinstance(error, RecursionError):
        return Mistake(Id.SYNTAX.id, "file", "is nested too deeply")
    position = _POSITION.search(str(error))
    reason = _POSITION.sub("", str(error))
    if position is None:
        return Mistake(Id.SYNTAX.id, "file", f"is not TOML: {reason}")
    place = f"line {position[1]}, column {position[2]}" if position[1] else "end of file"
    return Mistake(Id.SYNTAX.id, place, f"is not TOML: {reason}")


def _read(tables: Mapping[str, Any], source: str) -> Policy:
    findings = Findings()
    policy = _read_tables(Table(tables, (), findings), findings)
    if mistakes := findings.in_order_of(tables):
        raise PolicyError(mistakes, source)
    return policy


def _read_tables(root: Table, findings: Findings) -> Policy:
    settings = parts.read_settings(root.table("policy"))
    html = parts.read_html(root.table("html"))
    banner = parts.read_banner(root.table("banner"))
    reports = parts.read_reports(root.table("reports"))
    floor = parts.read_floor(root.table("floor"))
    texts = wording.read_texts(root)
    signals = parts.read_signals(root.table("consent_mode"))
    categories, listings = parts.read_categories(root)
    cookies = parts.read_cookies(root)
    services = agreement.gather_services(listings, parts.read_services(root), categories, findings)
    root.close()

    own = [rule for service in services if service.is_own for rule in service.rules]
    agreement.judge_categories(cookies, categories, findings)
    agreement.judge_named(("html", "browsing_topics"), html.browsing_topics or (), categories, findings)
    for signal, named in signals.items():
        agreement.judge_named(("consent_mode", signal), named, categories, findings)
    agreement.judge_lifetimes([*cookies, *own], settings.cookie_lifetime, findings)
    agreement.judge_signal(settings, categories, findings)
    agreement.judge_names([*cookies, *own], categories, findings)
    agreement.judge_rules(cookies, services, findings)
    agreement.judge_floor(floor, [*cookies, *own], findings)
    return replace(
        settings,
        reads=agreement.complete_readings(settings.reads, categories, [s.service for s in services], findings),
        html=html,
        banner=banner,
        reports=reports,
        floor=floor,
        texts=texts,
        consent_signals=signals,
        categories=categories,
        cookies=tuple(cookie.value for cookie in cookies),
        services=tuple(_capped(service.service, settings.cookie_lifetime) for service in services),
    )


def _capped(service: Service, cap: Lifetime) -> Service:
    """Return the service as this site keeps it. A vendor's own jar is out of reach and keeps its true lifetimes."""
    cookies = tuple(
        replace(cookie, lifetime=cap)
        if cookie.lifetime is not None and cookie.lifetime.exceeds(cap) and not cookie.third_party
        else cookie
        for cookie in service.cookies
    )
    return replace(service, cookies=cookies)
