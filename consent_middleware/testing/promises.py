"""What a response may hold for somebody who has not consented, as assertions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from ..cookies import read_set_cookie
from ..engine import Engine
from ..html import Finding, HTMLGate, Rules


def assert_only_necessary(response: Any, engine: Engine, allowed: Iterable[str] = ()) -> None:
    """Raise AssertionError with every cookie of a response that needs consent or was not declared."""
    __tracebackhide__ = True
    permitted = set(allowed)
    complaints = [told for line in _set_cookies(response) if (told := _complaint(line, engine, permitted))]
    if complaints:
        raise AssertionError("set without consent: " + "; ".join(complaints))


def assert_no_trackers(page: Any, engine: Engine, allowed: Iterable[str] = ()) -> None:
    """Raise AssertionError with every element of a page that a service without consent would load or run."""
    __tracebackhide__ = True
    withheld = {name for name in engine.policy.choosable if name not in set(allowed)}
    services = [service for service in engine.policy.services if service.scripts or service.inline]
    rules = Rules(
        [(service.category, service.scripts, service.inline) for service in services],
        categories=engine.policy.categories,
    )
    found: list[Finding] = []
    gate = HTMLGate(rules, withheld, on_finding=found.append)
    gate.feed(_bytes_of(page))
    gate.close()
    live = [_told(finding) for finding in found if finding.category in withheld]
    if live:
        raise AssertionError("live without consent: " + "; ".join(dict.fromkeys(live)))


def _told(finding: Finding) -> str:
    return f"<{finding.element}> {finding.host or 'inline'} ({finding.category})"


def _complaint(line: str, engine: Engine, permitted: set[str]) -> str:
    cookie = read_set_cookie(line)
    if cookie is None or cookie.is_deletion(engine.now()):
        return ""
    kind = engine.kind_of(cookie.name)
    if kind is None:
        return f"{cookie.name} (declared by nobody)"
    is_free = kind.category.required or kind.category.name in permitted
    return "" if is_free else f"{cookie.name} ({kind.category.name})"


def _set_cookies(response: Any) -> list[str]:
    """The Set-Cookie lines of a response of whatever client."""
    if isinstance(response, list | tuple):
        return [str(line) for line in cast("Iterable[object]", response)]
    headers = getattr(response, "headers", None)
    for name in ("getlist", "get_list"):  # Werkzeug; httpx and Starlette
        if callable(every := getattr(headers, name, None)):
            return list(cast("Iterable[str]", every("set-cookie")))
    # Django keeps cookies beside the headers.
    morsels = getattr(response, "cookies", None)
    if morsels is None:
        raise TypeError(f"{type(response).__name__} is no response of a known client; pass its Set-Cookie lines")
    return [morsel.OutputString() for morsel in morsels.values()]


def _bytes_of(page: Any) -> bytes:
    if isinstance(page, str):
        return page.encode("utf-8", "replace")
    if isinstance(page, bytes | bytearray):
        return bytes(page)
    for name in ("data", "content"):  # Werkzeug; Django, httpx and Starlette
        if isinstance(body := getattr(page, name, None), bytes):
            return body
    raise TypeError(f"{type(page).__name__} is no page; pass its text")
