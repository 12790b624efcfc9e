"""Whether caches could give one visitor what another one, or the same one earlier, had consented to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..caching import is_shared
from ..cookies.setcookie import read_set_cookie
from . import kinds
from .findings import Finding, Place, State, address_of, path_of
from .kinds import Kind
from .knowledge import Knowledge
from .page_checks import traces_of
from .site import Visit
from .web import Answer, Web

_TARGETED = ("cdn-cache-control", "surrogate-control")


def check_shared_cookies(visits: Sequence[Visit]) -> Iterator[Finding]:
    """Yield the responses that shared caches may keep, cookie and all."""
    for visit in visits:
        for answer in visit.answers:
            if is_shared(answer.headers) and (names := _cookies_in(answer)):
                seen = f"{', '.join(sorted(names))} set with Cache-Control: {answer.header('cache-control')}"
                yield _finding(kinds.COOKIE_IN_SHARED_RESPONSE, answer, visit.state, seen)


def check_variants(before: Sequence[Visit], after: Sequence[Visit], knowledge: Knowledge) -> Iterator[Finding]:
    """Yield what is wrong with the headers of pages that differ between no choice and having accepted everything."""
    for first, second in zip(before, after, strict=True):
        one, other = first.last, second.last
        if one is None or other is None or one.url != other.url:
            continue
        if _depends(one, knowledge) == _depends(other, knowledge):
            continue
        for answer, state in ((one, first.state), (other, second.state)):
            yield from _check_headers(answer, state)
        tag = one.header("etag").removeprefix("W/")
        if tag and tag == other.header("etag").removeprefix("W/"):
            yield _finding(kinds.ETAG_SHARED, other, second.state, f"ETag: {one.header('etag')} with either choice")


def check_not_modified(
    web: Web, before: Sequence[Visit], after: Sequence[Visit], knowledge: Knowledge
) -> Iterator[Finding]:
    """Yield the pages that a 304 brings back to life, and what else is wrong with 304s. Raises Unreadable."""
    for first, second in zip(before, after, strict=True):
        one, other = first.last, second.last
        if one is None or other is None or one.url != other.url:
            continue
        differ = _depends(one, knowledge) != _depends(other, knowledge)
        if differ and (validators := _validators(other)) and validators.get("If-None-Match") != one.header("etag"):
            answer = web.ask("GET", other.url, validators)
            if answer.status == 304:
                sent = ", ".join(validators)
                seen = f"who has chosen nothing got 304 for what was stored with “accept all” ({sent})"
                yield _finding(kinds.VARIANT_REVIVED, answer, State.NONE, seen)
        if tag := one.header("etag"):
            answer = web.ask("GET", one.url, {"If-None-Match": tag})
            if answer.status == 304 and (names := _cookies_in(answer)):
                yield _finding(kinds.COOKIE_ON_304, answer, State.NONE, f"{', '.join(sorted(names))} set with 304")


def _check_headers(answer: Answer, state: State) -> Iterator[Finding]:
    directives = {part.partition("=")[0].strip().lower() for part in answer.header("cache-control").split(",")}
    vary = {name.strip().lower() for name in answer.header("vary").split(",")}
    stated = f"Cache-Control: {answer.header('cache-control') or '(none)'}; Vary: {answer.header('vary') or '(none)'}"
    targeted = next((name for name in _TARGETED if answer.header(name)), None)
    if is_shared(answer.headers) or targeted:
        seen = f"{targeted}: {answer.header(targeted)}" if targeted else stated
        yield _finding(kinds.VARIANT_SHARED, answer, state, seen)
    elif "no-store" in directives:
        return
    elif "private" not in directives:
        yield _finding(kinds.VARIANT_NOT_PRIVATE, answer, state, stated)
    if vary.isdisjoint({"cookie", "*"}):
        yield _finding(kinds.VARIANT_UNNAMED, answer, state, stated)


def _depends(answer: Answer, knowledge: Knowledge) -> frozenset[str]:
    """What of an answer is there only because of a choice."""
    traces = {trace.subject for trace in traces_of(answer, knowledge) if trace.category and not trace.category.required}
    kinds_of = ((name, knowledge.kind_of(name)) for name in _cookies_in(answer))
    cookies = {f"{name}=" for name, kind in kinds_of if kind is not None and not kind.category.required}
    return frozenset(traces | cookies)


def _cookies_in(answer: Answer) -> set[str]:
    read = (read_set_cookie(line) for line in answer.all("set-cookie"))
    return {cookie.name for cookie in read if cookie is not None and not cookie.is_deletion(answer.now)}


def _validators(answer: Answer) -> Mapping[str, str]:
    stated = {"If-None-Match": answer.header("etag"), "If-Modified-Since": answer.header("last-modified")}
    return {name: value for name, value in stated.items() if value}


def _finding(kind: Kind, answer: Answer, state: State, seen: str) -> Finding:
    address = address_of(answer.url)
    evidence = f"{answer.method} {address}"
    return Finding(
        kind=kind, subject=path_of(answer.url), seen=seen, evidence=evidence, places=(Place(state, address),)
    )
