"""The first day of every cookie, in a signed companion of the consent cookie.

A request does not tell how old a cookie is, so thirteen months "from the first deposit" (CNIL: not prolonged on new
visits) can only be kept by whoever remembers that day. It is remembered where the cookie is, in the visitor's own jar:
a token reads ``1.<deposits>.<signature>``, and each deposit is eight octets, four of a hash of the cookie's name and
four of the instant (epoch seconds, to the year 2106). Fifty cookies make about 600 bytes of it, and ``MOST`` of them,
the bound, 1.5 kB. Nothing in it tells one visitor from another beside the days of the cookies themselves.

What is remembered can only shorten a life:

* of several tokens the earliest day of each cookie counts, so that a stray old one prolongs nothing;
* a day that is still to come is as if unknown, and counts from now, which is earlier: a clock that was put back, or
  a machine that is behind, gains nothing;
* the clocks of a site's machines differ, so a renewed cookie ends by a ``tolerance`` too early, and another life of the
  same name begins by as much too late: no machine sets anew what is not yet over for another;
* a day is forgotten once its cookie has been expired by us, or has outlived ``cookie_lifetime`` and is gone; not when
  the application deletes the cookie, which could be on another path than where it lives;
* when ``MOST`` days are remembered, no other is pushed out: further cookies leave as session cookies;
* two names with one hash (one chance in ten million for fifty cookies) share the earlier day.

Whatever else comes in this place, forged, cut off, too long or signed by somebody else, is as if absent. Two responses
that are under way at once do not know of each other's deposits, and the later one wins: a cookie of which nothing is
known then counts from the next request that shows it, provided that we have seen the application set such cookies. What
scripts set, and what came for the session, has no day of which we could have lost the memory.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hmac import compare_digest
from typing import NamedTuple

from .lifetime import Lifetime
from .seal import LEEWAY, checked_keys, signer

MOST = 128
"""Cookies whose first day is remembered. Browsers keep about 150 to 180 for a site, those of sub-domains included."""

_SALT = "consent_middleware.first"
_LONGEST = 2048
_TOKEN = re.compile(r"(1\.([A-Za-z0-9_-]{11,1366}))\.([A-Za-z0-9_-]{43})", re.ASCII)
_TOKENS_REMEMBERED = 256
_NAMES_REMEMBERED, _LONGEST_NAME = 1000, 256
_LATEST = 2**32 - 1


class FirstDays(NamedTuple):
    """What an authentic companion says: instants by ``key_of`` a cookie's name.

    ``is_current`` tells whether the newest key signed all of it; what an older one signed wants to be written anew
    before that key is gone.
    """

    instants: Mapping[int, int]
    is_current: bool = True


class DepositSeal:
    """Writes and reads companion cookies. ``secret_keys`` are those of the Seal; the salt is another."""

    def __init__(self, secret_keys: str | bytes | Iterable[str | bytes]) -> None:
        self._newest_first = [signer(key, _SALT) for key in reversed(checked_keys(secret_keys))]
        self._recall = lru_cache(_TOKENS_REMEMBERED)(self._read)

    def dumps(self, instants: Mapping[int, int]) -> str:
        """Return the cookie value: letters, digits, ``-``, ``_`` and ``.`` only."""
        octets = b"".join(struct.pack(">II", *deposit) for deposit in sorted(instants.items()))
        payload = f"1.{base64.urlsafe_b64encode(octets).rstrip(b'=').decode('ascii')}"
        return self._newest_first[0].sign(payload).decode("ascii")

    def loads(self, tokens: Iterable[str]) -> FirstDays:
        """Return what the authentic ones among these tokens say together: of each cookie the earliest day."""
        # What is longer is none of ours, and not worth remembering.
        found = [days for token in tokens if len(token) <= _LONGEST and (days := self._recall(token)) is not None]
        if len(found) == 1:
            return found[0]
        merged: dict[int, int] = {}
        for days in found:
            for key, at in days.instants.items():
                merged[key] = min(at, merged.get(key, at))
        # Beyond the bound, the earliest days are those that leave the least to live.
        kept = sorted(merged, key=merged.__getitem__)[:MOST]
        return FirstDays({key: merged[key] for key in kept}, is_current=not found)

    def _read(self, token: str) -> FirstDays | None:
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            return None
        payload, packed, signature = parts.groups()
        given = signature.encode("ascii")
        for age, each in enumerate(self._newest_first):
            if compare_digest(each.get_signature(payload), given):
                octets = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
                return FirstDays(dict(struct.iter_unpack(">II", octets)), is_current=age == 0)
        return None


class Deposits:
    """The first days of one visitor's cookies, as one request found them and its response leaves them."""

    __slots__ = ("_instants", "_is_current", "_now", "is_changed")

    def __init__(self, days: FirstDays, now: int) -> None:
        self._instants = dict(days.instants)
        self._is_current = days.is_current
        self._now = now
        self.is_changed = False
        """Whether the companion has to be written."""

    @property
    def instants(self) -> Mapping[int, int]:
        return self._instants

    def first(self, name: str) -> int | None:
        """Return when the cookie was first set (epoch seconds), None if that is not known."""
        at = self._instants.get(key_of(name)) if self._instants else None
        return at if at is not None and at <= self._now else None

    def keep(self) -> None:
        """See to it that what is known stays known when the oldest key goes: somebody still needs it."""
        self.is_changed = self.is_changed or not self._is_current

    def remember(self, name: str) -> bool:
        """Let the cookie's life begin now, unless there is no room to remember it."""
        key = key_of(name)
        if key not in self._instants and len(self._instants) >= MOST:
            return False
        self._instants[key] = min(max(self._now, 0), _LATEST)
        self.is_changed = True
        return True

    def forget(self, names: Iterable[str]) -> None:
        """Forget cookies that we have just expired."""
        for name in names:
            if self._instants.pop(key_of(name), None) is not None:
                self.is_changed = True

    def prune(self, longest: Lifetime, present: Iterable[str]) -> bool:
        """Forget cookies that no browser has any more, by any machine's clock; return whether there were any.

        ``longest`` is what no cookie outlives; one that is ``present`` in the request is remembered all the same.
        """
        kept = {key_of(name) for name in present}
        by_any_clock = self._now - LEEWAY
        gone = [key for key, at in self._instants.items() if key not in kept and longest.is_over(at, by_any_clock)]
        for key in gone:
            del self._instants[key]
        return bool(gone)

    def end(self, longest: Lifetime) -> int:
        """Return until when (epoch seconds) these days are needed, if no cookie outlives ``longest``.

        The last to begin need not be the last to end: one month after 30 January, 18:00, is later than one month after
        31 January, 6:00. For the sake of other clocks it is longer, within what one cookie of ours may live.
        """
        last = max(longest.end(min(at, self._now)) for at in self._instants.values())
        return max(last, min(last + LEEWAY, longest.end(self._now)))


def tolerance(life: int) -> int:
    """Return by how many seconds the clocks of two machines may differ about the end of a life of so many.

    As for receipts, but no more than a hundredth: who declares a cookie of one minute wants most of it.
    """
    return min(LEEWAY, life // 100)


def key_of(name: str) -> int:
    """Return the number that stands for a cookie's name; no secret key is in it, so that keys can change."""
    # Visitors can send names of any length, and those would fill the memory.
    return _recall_key(name) if len(name) <= _LONGEST_NAME else _key_of(name)


def _key_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:4])


_recall_key = lru_cache(_NAMES_REMEMBERED)(_key_of)
