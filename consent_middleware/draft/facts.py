"""What one source tells about a site, whichever source it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..lifetime import Lifetime

_SHOWN = 3
_LONGEST = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieFact:
    """A cookie, and how it is known.

    ``evidence`` is a sentence for the reader of the draft. ``lifetime`` is how long it asks to be kept, None where
    nobody knows; ``domain`` ``""`` stands for the host alone. ``category`` is what the source says about it, ``""`` if
    nothing. ``is_framework`` marks a cookie that an adapter knows to be necessary, ``is_of_server`` one that the
    site's own server sets, and no script. ``advice`` are sentences about what could be better with it.
    """

    name: str
    evidence: str
    lifetime: Lifetime | None = None
    domain: str = ""
    path: str = "/"
    category: str = ""
    is_framework: bool = False
    is_of_server: bool = False
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFact:
    """Something that pages load, or run for somebody: from a ``host``, or without one, of a ``service``.

    ``service`` is an id of the catalogue or ``""``, ``category`` what the source says, or ``""``.
    """

    host: str
    evidence: str
    service: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything one source tells.

    ``source`` names it to the reader of the draft. ``site`` is the host that was seen, ``""`` where there is none;
    ``contact`` an address that the settings have; ``language`` the site's own, a tag or ``""``. ``storage`` are keys
    of web storage; ``remarks`` say what could not be seen.
    """

    source: str
    site: str = ""
    contact: str = ""
    language: str = ""
    cookies: tuple[CookieFact, ...] = ()
    hosts: tuple[HostFact, ...] = ()
    storage: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def listed(places: Iterable[str]) -> str:
    """Return the first few of some texts, shown, and how many more there are: ``/, /cart and 4 more``."""
    known = [*dict.fromkeys(places)]
    rest = len(known) - _SHOWN
    shown = ", ".join(map(shown_text, known[:_SHOWN]))
    return f"{shown} and {rest} more" if rest > 0 else shown


def shown_text(text: str, limit: int = _LONGEST) -> str:
    """Return a stranger's text as it may stand in a comment: on one line, printable, and not long."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text[: limit * 4]).split())
    return f"{plain[: limit - 1]}…" if len(plain) > limit else plain
