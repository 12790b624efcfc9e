"""What can go wrong on the site's side, addressed to the person who can fix it.

Nothing here is ever raised because of what a visitor sent: bad input from outside is simply no choice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class ConsentError(Exception):
    """Base of every error this package raises."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to mend in a policy.

    ``id`` is stable across releases (``consent.P012``), ``place`` is where it stands (``cookies[3].category``),
    ``reason`` what is wrong and ``suggestion`` what to write instead (may be empty).
    """

    id: str
    place: str
    reason: str
    suggestion: str = ""

    def __str__(self) -> str:
        line = f"{self.place}: {self.reason}"
        return f"{line}; {self.suggestion} [{self.id}]" if self.suggestion else f"{line} [{self.id}]"


class PolicyError(ConsentError, ValueError):
    """A policy cannot be used as it stands; ``mistakes`` holds all of them, in the order of the file."""

    def __init__(self, mistakes: Iterable[Mistake], source: str = "policy") -> None:
        self.mistakes = tuple(mistakes)
        self.source = source
        count = len(self.mistakes)
        heading = f"{source}: {count} mistake{'' if count == 1 else 's'}"
        super().__init__("\n".join([heading, *(f"  {mistake}" for mistake in self.mistakes)]))


class ConfigurationError(ConsentError, ValueError):
    """The middleware was given something it cannot start with: no key, a prefix that is not a path, …"""


class UnknownCategory(ConsentError, LookupError):
    """The application named a category that the policy does not have."""


class ResponseStarted(ConsentError, RuntimeError):
    """The application tried to act for the visitor after the response headers had left."""
