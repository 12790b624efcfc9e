"""What was seen, whether or not anything is wrong with it: cookies, and parties that pages load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..cookies.setcookie import SetCookie, read_set_cookie
from ..engine import Kind
from .cookie_checks import effective_lifetime
from .findings import State, printable
from .jar import refusal
from .knowledge import Knowledge, Trace
from .page_checks import traces_of
from .report import CookieSeen, PartySeen
from .site import Visit
from .web import Answer

_FLAGS = {"secure": "Secure", "http_only": "HttpOnly", "partitioned": "Partitioned"}


def cookies_seen(visits: Iterable[Visit], knowledge: Knowledge) -> tuple[CookieSeen, ...]:
    """Return every cookie that answers set, by name; the line seen first stands for all."""
    found: dict[str, tuple[SetCookie, Answer, dict[State, None]]] = {}
    for visit in visits:
        for answer in visit.answers:
            for line in answer.all("set-cookie"):
                cookie = read_set_cookie(line)
                if cookie is not None and not cookie.is_deletion(answer.now):
                    _, _, states = found.setdefault(cookie.name, (cookie, answer, {}))
                    states[visit.state] = None
    rows = (_cookie_row(cookie, answer, tuple(states), knowledge) for cookie, answer, states in found.values())
    return tuple(sorted(rows, key=lambda row: (row.category, row.name)))


def parties_seen(traces: Iterable[tuple[State, Trace]]) -> tuple[PartySeen, ...]:
    """Return every party of which something was live, by what it is."""
    grouped: dict[str, list[tuple[State, Trace]]] = {}
    for state, trace in traces:
        grouped.setdefault(trace.subject, []).append((state, trace))
    rows = (_party_row(seen) for seen in grouped.values())
    return tuple(sorted(rows, key=lambda row: (row.category, row.name)))


def traces_by_state(visits: Iterable[Visit], knowledge: Knowledge) -> Iterator[tuple[State, Trace]]:
    """Yield everything live in any page, and in which state."""
    for visit in visits:
        for answer in visit.answers:
            traces = traces_of(answer, knowledge)
            yield from ((visit.state, trace) for trace in traces if trace.host or trace.category or trace.service)


def category_and_service(kind: Kind | None) -> tuple[str, str]:
    """Return the names of a cookie's category and service, ``""`` for what it has not."""
    return ("", "") if kind is None else (kind.category.name, kind.rule.service or "")


def _cookie_row(cookie: SetCookie, answer: Answer, states: tuple[State, ...], knowledge: Knowledge) -> CookieSeen:
    category, service = category_and_service(knowledge.kind_of(cookie.name))
    traits = [text for flag, text in _FLAGS.items() if getattr(cookie, flag)]
    if cookie.same_site != "Default":
        traits.append(f"SameSite={cookie.same_site}")
    if cookie.domain:
        traits.append(f"Domain={printable(cookie.domain)}")
    return CookieSeen(
        name=printable(cookie.name, 80),
        category=category,
        service=service,
        lifetime="never stored" if refusal(cookie, answer.url) else effective_lifetime(cookie, answer.now),
        traits=tuple(traits),
        by="server",
        states=states,
    )


def _party_row(seen: list[tuple[State, Trace]]) -> PartySeen:
    first = seen[0][1]
    return PartySeen(
        name=_name_of(first),
        category=first.category.name if first.category else "",
        hosts=tuple(dict.fromkeys(trace.host for _, trace in seen if trace.host)),
        elements=tuple(dict.fromkeys(trace.element for _, trace in seen)),
        states=tuple(dict.fromkeys(state for state, _ in seen)),
    )


def _name_of(trace: Trace) -> str:
    if trace.service is not None:
        return trace.service.name
    # Nobody's host and nobody's snippet: the site's own markup says which category it waits for.
    return trace.host or f'data-consent="{trace.subject}"'
