"""What a site was seen doing, as a page for its developers, with the lines that its policy lacks.

Whoever may read it is decided as strictly as can be: the names of an application's cookies, its third parties and its
routes are nobody else's business. The environment must say that this is a machine for development, which no default and
no debug switch does; and even there only this machine itself is answered. A proxy in front of a site may run on the
same machine, so what bears the mark of one is refused, as is a ``Host`` that is not this machine's: an attacker's name
that leads here (DNS rebinding). A page of another site is refused too, though it could not read the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import urlsplit

from .http import Request, is_loopback
from .pages import own_page
from .policy import Policy
from .reports import REASONS
from .suggestions import cookie_lines, host_lines

_TITLE = "What the cookie policy does here"
_DONE: Mapping[str, tuple[str, str]] = {
    "withhold": ("withheld", "would be withheld"),
    "hide": ("hidden from the application", "would be hidden from the application"),
    "drop": ("dropped", "would be dropped"),
    "shorten": ("shortened", "would be shortened"),
    "expire": ("expired", "would be expired"),
    "change": ("changed", "would be changed"),
    "pass": ("let through", "would be let through"),
}


def comes_from_this_machine(request: Request) -> bool:
    """Whether a request was made on this machine, for this machine, with nothing in between that could be seen."""
    return (
        request.is_local
        and not _is_forwarded(request)
        and request.header("sec-fetch-site") in (None, "none", "same-origin")
        and _names_this_machine(request.host)
    )


def _is_forwarded(request: Request) -> bool:
    marks = (
        request.header("forwarded"),
        request.header("via"),
        request.header("x-forwarded-for"),
        request.header("x-forwarded-host"),
        request.header("x-forwarded-proto"),
        request.header("x-real-ip"),
    )
    # All that nginx says of itself, unless it is told to say more: no browser asks for that.
    closes = (request.header("connection") or "").strip().lower() == "close"
    return closes or any(mark is not None for mark in marks)


def _names_this_machine(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or name.endswith(".localhost") or is_loopback(name)


def report_page(policy: Policy, seen: Mapping[str, Any], *, styles: Iterable[str], json_url: str) -> bytes:
    """Return the page. ``seen`` is what ``Summary.tell`` returned."""
    return own_page("en", _TITLE, "\n".join(_parts(policy, seen, json_url)), styles)


def _parts(policy: Policy, seen: Mapping[str, Any], json_url: str) -> Iterator[str]:
    enforces = policy.mode == "enforce"
    says = "is enforced" if enforces else "is only reported on: nothing changes, and this is what would"
    yield f"<p>The policy {says}. This process has been looking since {_time(seen['since'])}.</p>"
    if seen["is_full"]:
        yield "<p>There was no room for all names; what came late is not here.</p>"
    yield from _table("Cookies", "name", seen["cookies"], enforces)
    yield from _table("Third parties in pages", "host", seen["hosts"], enforces)
    yield from _table("Other things", "name", seen["others"], enforces)
    yield from _meanings(seen)
    yield from _missing(policy, seen)
    yield (
        f'<p>The same <a href="{escape(json_url)}">as JSON</a>: with it, <code>consent init --from-report FILE</code> '
        "writes a first policy. Other processes of this site have seen other things; a restart forgets all.</p>"
    )


def _missing(policy: Policy, seen: Mapping[str, Any]) -> Iterator[str]:
    """The lines for what nobody declared; a cookie that only browsers send may be anybody's invention."""
    lines = [cookie_lines(each["name"], policy.categories) for each in seen["cookies"] if each["category"] is None]
    lines += [host_lines(each["host"], policy.categories) for each in seen["hosts"] if each["category"] is None]
    if lines:
        yield "<h2>What the policy file lacks</h2>"
        yield "<p>Keep what is yours, and give each a category.</p>"
        yield f"<pre><code>{escape(_joined(lines))}</code></pre>"


def _joined(blocks: Iterable[Iterable[str]]) -> str:
    return "\n\n".join("\n".join(block) for block in blocks)


def _table(caption: str, key: str, seen: Iterable[Mapping[str, Any]], enforces: bool) -> Iterator[str]:
    rows = [_row(each, key, enforces) for each in seen]
    yield f"<h2>{caption}</h2>"
    if not rows:
        yield "<p>None so far.</p>"
        return
    titles = ("Name", "Category", "What is done" if enforces else "What would be done", "Seen", "Routes", "Last seen")
    yield f'<table aria-label="{caption}"><thead><tr>'
    yield "".join(f'<th scope="col">{title}</th>' for title in titles)
    yield f"</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(each: Mapping[str, Any], key: str, enforces: bool) -> str:
    cells = (
        escape(each["category"]) if each["category"] is not None else "<em>undeclared</em>",
        "<br>".join(_action(action, enforces) for action in each["actions"]) or "nothing",
        _times(each["count"]),
        "<br>".join(f"<code>{escape(route)}</code>" for route in each["routes"]),
        _time(each["last_seen"]),
    )
    name = f'<th scope="row"><code>{escape(each[key])}</code></th>'
    return f"<tr>{name}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _action(action: Mapping[str, Any], enforces: bool) -> str:
    done = _DONE[action["action"]][0 if enforces else 1]
    return f"{done} {_times(action['count'])} ({escape(action['reason'])})"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _meanings(seen: Mapping[str, Any]) -> Iterator[str]:
    """What the codes in the tables mean."""
    rows = [*seen["cookies"], *seen["hosts"], *seen["others"]]
    codes = sorted({action["reason"] for row in rows for action in row["actions"]})
    if codes:
        meanings = "".join(f"<dt>{escape(code)}</dt><dd>{escape(REASONS.get(code, ''))}</dd>" for code in codes)
        yield f"<h2>What the codes mean</h2><dl>{meanings}</dl>"


def _time(instant: int) -> str:
    moment = datetime.fromtimestamp(instant, UTC)
    return f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}">{moment:%Y-%m-%d %H:%M:%S} UTC</time>'
