"""An outside check of any site, ours or not: what it sets, loads and allows in three states of consent.

``audit(url, Options(policy=…))`` visits the site as somebody who has chosen nothing, refused everything and accepted
everything, and returns a ``Report`` of frozen ``Finding``s. Needs the extra ``audit``.

The checks are pure functions over what came back; ``web`` and ``browser`` alone touch the network, within bounds that
hold against a server that means ill. Nothing that is kept or shown holds a cookie's value or a query.
"""

from __future__ import annotations

from .arrival import SiteUnreadable
from .crawl import Reach
from .findings import Finding, Place, State
from .kinds import KINDS, SEVERITIES, Kind, Severity
from .report import Baseline, BaselineError, CookieSeen, PartySeen, Report
from .run import Options, audit
from .web import Limits

__all__ = [
    "KINDS",
    "SEVERITIES",
    "Baseline",
    "BaselineError",
    "CookieSeen",
    "Finding",
    "Kind",
    "Limits",
    "Options",
    "PartySeen",
    "Place",
    "Reach",
    "Report",
    "Severity",
    "SiteUnreadable",
    "State",
    "audit",
]
