"""What can go wrong with a store."""

from __future__ import annotations

from ..errors import ConsentError


class LedgerError(ConsentError):
    """The store cannot be used; the message says why, and what to do about it."""
