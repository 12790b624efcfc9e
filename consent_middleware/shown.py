"""What a visitor saw when choosing, as the ledger archives it: the same for everybody, so that it is kept once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from .decision import Decision, Visit
from .http import Request
from .pages import settings_page
from .policy import Policy
from .record import Shown


@dataclass(frozen=True)
class _Newcomer:
    """Reads of every request that nothing was chosen yet."""

    policy: Policy
    prefix: str

    def now(self) -> int:
        return 0

    def visit(self, request: Request, now: int) -> Visit:
        return Visit(None, now, applies=True)

    def gpc(self, request: Request) -> bool:
        return False


def what_is_shown(policy: Policy, prefix: str, language: str) -> Shown:
    """Return the form as a visitor without a choice sees it in one language: every text, switch and style of it."""
    # The reader above answers without looking at any request.
    decision = Decision(_Newcomer(policy, prefix), cast("Request", None))
    page = settings_page(
        policy,
        decision,
        language,
        choice_url=f"{prefix}/choice",
        next_path=f"{prefix}/settings",
        home_path="/",
    )
    return Shown.of(page)
