"""What is known when something in a page has been judged, and in what situation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal, NamedTuple

ThirdParty = Literal["allow", "report", "withhold"]

UNDECLARED = "undeclared"
"""Stands for the category of what nobody declared: a third-party host, a cookie set by a meta element."""


class Finding(NamedTuple):
    """Something in a page that the rules know, or a third-party host that they do not."""

    element: str
    category: str
    host: str
    """``""`` for an inline script."""
    withheld: bool


class Embed(NamedTuple):
    """A withheld embed, as its placeholder needs to know it. Texts come from the page: escape them."""

    element: str
    category: str
    host: str
    title: str
    width: str
    height: str


class Body(Enum):
    """Whether the text inside a script decides about it."""

    NO_MATTER = auto()
    SCRIPT = auto()
    SPECULATION = auto()


class Verdict(NamedTuple):
    """What becomes of a start tag. ``tag`` replaces it, None leaves it as it is."""

    tag: bytes | None = None
    body: Body = Body.NO_MATTER
    findings: tuple[Finding, ...] = ()
    embed: Embed | None = None


DULL = Verdict()


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything about a response that verdicts depend on, beside the rules and the base URL."""

    withheld: frozenset[str]
    third_party: ThirdParty = "allow"
    own_hosts: tuple[str, ...] = ()
    lazy_attributes: bool = False
    css: bool = False
    speculation_rules: bool = False
    encoding: str = "utf-8"
