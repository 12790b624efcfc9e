"""What pages and headers load from others, and run on their behalf."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..fields import WATCHED, without_withheld
from . import kinds
from .findings import Finding, Place, State, address_of, path_of
from .kinds import Kind
from .knowledge import Knowledge, Trace
from .site import Visit
from .web import Answer


def check_pages(visits: Iterable[Visit], knowledge: Knowledge) -> Iterator[Finding]:
    """Yield what is wrong with any page or header of any answer, and what could not be read."""
    for visit in visits:
        for answer in visit.answers:
            for trace in traces_of(answer, knowledge):
                kind = kind_of_trace(trace, visit.state, knowledge)
                if kind is not None:
                    yield _finding(kind, trace, answer, visit.state)
            yield from _check_headers(answer, visit.state, knowledge)
        yield from _check_readable(visit, knowledge)


def traces_of(answer: Answer, knowledge: Knowledge) -> tuple[Trace, ...]:
    """Return everything of others that is live in an answer, if it is a page."""
    if not answer.is_page:
        return ()
    return knowledge.traces_in(answer.body, answer.url, answer.charset)[0]


def kind_of_trace(trace: Trace, state: State, knowledge: Knowledge) -> Kind | None:
    """Return what is wrong with something of a third party being there in a state, None if nothing is."""
    if trace.element == "meta" and not trace.host:
        return kinds.META_COOKIE
    if trace.service is not None and trace.category is None:
        return kinds.SERVICE_UNDECLARED
    if trace.category is None:
        return kinds.HOST_UNDECLARED if trace.host else None
    if knowledge.permits(trace.category, state):
        return None
    if state is State.REFUSED:
        return kinds.TRACKER_AFTER_REFUSAL
    if state is State.ACCEPTED:
        return kinds.TRACKER_ON_REQUEST
    if trace.is_inline:
        return kinds.SNIPPET_BEFORE_CHOICE
    return kinds.HINT_BEFORE_CHOICE if trace.element == "link" else kinds.TRACKER_BEFORE_CHOICE


def _finding(kind: Kind, trace: Trace, answer: Answer, state: State) -> Finding:
    what = "an inline script" if trace.is_inline else f"a {trace.element} element"
    whose = f" of {trace.service.name}" if trace.service else ""
    group = f", category “{trace.category.name}”" if trace.category else ""
    source = f" from {trace.host}" if trace.host else ""
    return Finding(
        kind=kind,
        subject=trace.subject,
        seen=f"live with “{state.value}”: {what}{whose}{source}{group}",
        evidence=f"GET {address_of(answer.url)}: <{trace.element}>{source}",
        places=(Place(state, address_of(answer.url)),),
    )


def _check_headers(answer: Answer, state: State, knowledge: Knowledge) -> Iterator[Finding]:
    found: list[tuple[str, Trace]] = []
    for name, value in answer.headers:
        key = name.lower()
        if key not in WATCHED:
            continue

        def note(url: str, header: str = name) -> bool:
            trace = knowledge.trace_of(url, answer.url, header)
            if trace is not None:
                found.append((header, trace))
            return False

        without_withheld(key, value, note)
    for header, trace in found:
        if trace.category is None or knowledge.permits(trace.category, state):
            continue
        yield Finding(
            kind=kinds.HEADER_LOADS,
            subject=trace.subject,
            seen=f"named with “{state.value}” by the header {header}, category “{trace.category.name}”",
            evidence=f"GET {address_of(answer.url)}: {header}: …",
            places=(Place(state, address_of(answer.url)),),
        )


def _check_readable(visit: Visit, knowledge: Knowledge) -> Iterator[Finding]:
    place = Place(visit.state, address_of(visit.target.url))
    subject = path_of(visit.target.url)
    if visit.failure:
        yield Finding(kind=kinds.PAGE_UNREADABLE, subject=subject, seen=visit.failure, places=(place,))
        return
    for answer in visit.answers:
        if answer.shortfall:
            yield Finding(kind=kinds.PAGE_UNREADABLE, subject=subject, seen=answer.shortfall, places=(place,))
        elif answer.is_page and (encoding := knowledge.traces_in(answer.body, answer.url, answer.charset)[1]):
            seen = f"its encoding, {encoding}, hides markup from whoever reads bytes, the gate too"
            yield Finding(kind=kinds.PAGE_UNREADABLE, subject=subject, seen=seen, places=(place,))
        if answer.status >= 500:
            seen = f"it answered {answer.status} with “{visit.state.value}”"
            evidence = f"GET {address_of(answer.url)}: {answer.status}"
            yield Finding(kind=kinds.SERVER_ERROR, subject=subject, seen=seen, evidence=evidence, places=(place,))
