"""What a visitor saw when choosing, as the ledger archives it: the same for everybody, so that it is kept once."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

from .assets import Asset, asset
from .banner import Addresses, banner
from .decision import Answers, Decision, Standing, Visit, Whose, standing_of
from .http import Request
from .policy import Policy
from .policy_page import CookiePolicy, Place
from .record import Shown
from .settings_page import SettingsPlace, settings_page


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

    def foreign(self, request: Request, now: int) -> Mapping[str, bool]:
        return {}

    def standing(self, answers: Answers, source: Whose, gpc: bool, applies: bool) -> Standing:
        return standing_of(self.policy, answers, source, gpc=gpc, applies=applies)


def what_is_shown(policy: Policy, cookie_policy: CookiePolicy, prefix: str, language: str) -> Shown:
    """Return what a visitor without a choice sees in one language: the settings and, where there is one, the banner.

    Every text, switch and style is in the document itself, so that it looks the same years later and asks nobody.
    """
    # The reader above answers without looking at any request.
    decision = Decision(_Newcomer(policy, prefix), cast("Request", None))
    place = SettingsPlace(
        language=language,
        choice_url=f"{prefix}/choice",
        policy_url=f"{prefix}/policy",
        styles=tuple(_within(asset(name)) for name in ("consent.css", "pages.css")),
        next_path=f"{prefix}/settings",
        home_path="/",
    )
    tables = partial(cookie_policy.table, Place(language, f"{prefix}/settings"))
    page = settings_page(policy, decision, place, tables)
    if policy.banner.show:
        addresses = Addresses(
            choice=f"{prefix}/choice",
            settings=f"{prefix}/settings",
            policy=f"{prefix}/policy",
            style=_within(asset("consent.css")),
            next="/",
            from_here=f"?next=/&amp;language={language}",
        )
        shown = banner(policy, decision.standing(), language, addresses)
        page = page.replace(b"</body>", f"{shown}\n</body>".encode())
    return Shown.of(page)


def _within(file: Asset) -> str:
    """The address of a file that holds the file itself (RFC 2397)."""
    return f"data:text/css;base64,{base64.b64encode(file.body).decode()}"
