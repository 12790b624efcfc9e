"""Somebody with a browser without scripts: opens pages, fills in their forms, keeps cookies, and notes every answer.

The same steps taken in front of an application and in front of the same application behind the gate can then be
compared, answer by answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import zip_longest
from typing import Any

import httpx
from selectolax.lexbor import LexborHTMLParser, LexborNode

_BROWSER = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "en", "Sec-Fetch-Site": "same-origin"}
_VALUE = re.compile(r"(?<==)[^;]*+")
_TIME = re.compile(r"expires=[^;]*+", re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """One answer, with nothing in it that may differ from one run of the same steps to the next."""

    asked: str
    status: int
    kind: str
    location: str
    cookies: tuple[str, ...]
    """Every Set-Cookie line, its value and its date left out."""
    body: str


class Person:
    """A visitor of one site. ``secrets`` matches what a site makes anew each time: tokens, identifiers, durations."""

    def __init__(self, client: httpx.Client, secrets: str) -> None:
        self.steps: list[Step] = []
        self._client = client
        self._secrets = re.compile(secrets)

    def open(self, path: str) -> httpx.Response:
        """Ask for a page and follow where it leads."""
        return self._noted(self._client.get(path))

    def submit(
        self, page: httpx.Response, form: str = "form", *, button: str = "", to: str = "", **fields: str
    ) -> httpx.Response:
        """Fill in the form that a selector finds in a page, press the button of that name, and follow.

        ``to`` is where it is sent if not to where the form says, as scripts do with a token they have read.
        """
        found = LexborHTMLParser(page.text).css_first(form)
        assert found is not None, f"no {form} in {page.url}:\n{page.text}"
        data: dict[str, Any] = {**_filled_in(found), **fields}
        if button:
            data[button] = button
        url = page.url.join(to or found.attributes.get("action") or "")
        return self._noted(self._client.post(url, data=data, headers={"Referer": str(page.url)}))

    def choose(self, action: str) -> httpx.Response:
        """Send the form of the banner."""
        return self._noted(self._client.post("/_consent/choice", data={"action": action, "next": "/"}))

    def keep(self, name: str, value: str) -> None:
        """Have a cookie from an earlier visit."""
        self._client.cookies.set(name, value)

    @property
    def site(self) -> str:
        return str(self._client.base_url)

    @property
    def cookies(self) -> set[str]:
        return {cookie.name for cookie in self._client.cookies.jar}

    def _noted(self, answer: httpx.Response) -> httpx.Response:
        self.steps += [self._step(each) for each in (*answer.history, answer)]
        return answer

    def _step(self, answer: httpx.Response) -> Step:
        lines = answer.headers.get_list("set-cookie")
        return Step(
            asked=self._secrets.sub("…", f"{answer.request.method} {answer.url.raw_path.decode()}"),
            status=answer.status_code,
            kind=answer.headers.get("content-type", ""),
            location=answer.headers.get("location", "").removeprefix(self.site),
            cookies=tuple(_TIME.sub("", _VALUE.sub("", line, count=1)) for line in lines),
            body=self._secrets.sub("…", answer.text.replace(self.site, "http://site/")),
        )


@contextmanager
def person(url: str, secrets: str) -> Iterator[Person]:
    """Somebody new in front of a site on this machine."""
    assert url.startswith("http://127.0.0.1:")
    with httpx.Client(base_url=url, headers=_BROWSER, follow_redirects=True, timeout=120, trust_env=False) as client:
        yield Person(client, secrets)


def first_difference(bare: Person, gated: Person) -> str:
    """Say where the answers to two people who took the same steps part, ``""`` if nowhere."""
    for one, other in zip_longest(bare.steps, gated.steps):
        if one is None or other is None:
            return f"only one of them was answered: {one or other}"
        for mine, theirs in zip_longest(_lines(one), _lines(other)):
            if mine != theirs:
                return f"{one.asked}\n{mine}\n{theirs}"
    return ""


def _lines(step: Step) -> list[str]:
    return [line for part in astuple(step) for line in (part if isinstance(part, tuple) else str(part).splitlines())]


def _filled_in(form: LexborNode) -> dict[str, list[str]]:
    """What a form holds before anybody types."""
    fields: dict[str, list[str]] = {}
    for field in form.css("input[name], textarea[name], select[name]"):
        fields.setdefault(field.attributes["name"] or "", []).extend(_values(field))
    return fields


def _values(field: LexborNode) -> list[str]:
    given = field.attributes
    if field.tag == "textarea":
        return [field.text()]
    if field.tag == "select":
        chosen = field.css("option[selected]") or ([] if "multiple" in given else field.css("option")[:1])
        return [option.attributes.get("value") or "" for option in chosen]
    match given.get("type"):
        case "checkbox" | "radio":
            return [given.get("value") or "on"] if "checked" in given else []
        case "submit" | "button" | "image" | "file" | "reset":
            return []
        case _:
            return [given.get("value") or ""]
