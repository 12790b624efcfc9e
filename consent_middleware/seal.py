"""The signed consent cookie: a visitor's choices, each with its instant, that only this site can have written.

The signature does not police visitors. It keeps sibling sub-domains and injected scripts from granting consent by
tossing a cookie, keeps anyone from stretching a choice beyond its months, and makes the cookie a receipt that can be
verified later. A token reads ``<version and source>.<who>.<fingerprint>.<group>….<signature>``: each group is one
integer, the instant and two bit masks (granted, denied) over the policy's choosable categories, as base64url.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hmac import compare_digest
from typing import Literal, NamedTuple, cast

from itsdangerous import Signer

from .errors import ConfigurationError
from .policy import Policy

Source = Literal["visitor", "application"]

SALT = "consent_middleware.choice"
LEEWAY = 60
"""Seconds by which another machine's clock may run ahead of ours before its receipts count as forged."""

_LONGEST = 2048
# A visitor comes with several requests at a time, and what is authentic once is so for good (6 microseconds saved).
# What depends on the clock is not remembered, and half a megabyte is the most that this takes up.
_TOKENS_REMEMBERED = 256
_PAYLOAD = re.compile(r"1[va]\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{12}(?:\.[A-Za-z0-9_-]++)++", re.ASCII)
_SOURCES: Mapping[str, Source] = {"1v": "visitor", "1a": "application"}
_VERSIONS: Mapping[Source, str] = {source: version for version, source in _SOURCES.items()}


class Choice(NamedTuple):
    """One answer about one category, and the instant (epoch seconds) it was given."""

    granted: bool
    at: int


class Receipt(NamedTuple):
    """What an authentic consent cookie says.

    ``who`` is the visitor's random pseudonym and ``payload`` what was signed, once it was. ``choices`` is empty when
    the receipt was given under another policy: it is then authentic but no choice any more.
    """

    who: str
    source: Source
    choices: Mapping[str, Choice]
    payload: str = ""

    @property
    def id(self) -> str:
        """The name of this receipt in records."""
        return _id_of(self.payload)

    @property
    def latest(self) -> int:
        return max((choice.at for choice in self.choices.values()), default=0)


class Seal:
    """Writes and reads consent cookies for one policy.

    ``secret_keys`` is one key or several, oldest first: the last one signs, all of them verify. Raises
    ConfigurationError when there is none.
    """

    def __init__(self, policy: Policy, secret_keys: str | bytes | Iterable[str | bytes]) -> None:
        self._fingerprint = policy.fingerprint
        self._categories = policy.choosable
        self._bits = [(name, 1 << position) for position, name in enumerate(reversed(policy.choosable))]
        self._recall = lru_cache(_TOKENS_REMEMBERED)(self._read)
        self._newest_first = [signer(key, SALT) for key in reversed(checked_keys(secret_keys))]

    def dumps(self, receipt: Receipt) -> str:
        """Return the cookie value: letters, digits, ``-``, ``_`` and ``.`` only, 93 bytes for eight categories."""
        groups = [self._group(at, receipt.choices) for at in sorted({c.at for c in receipt.choices.values()})]
        payload = ".".join([_VERSIONS[receipt.source], receipt.who, self._fingerprint, *groups])
        return self._newest_first[0].sign(payload).decode("ascii")

    def id_of(self, receipt: Receipt) -> str:
        """Return the id that this receipt has once it is in a cookie."""
        return _id_of(self.dumps(receipt).rpartition(".")[0])

    def pseudonym(self, once: str, now: int) -> str:
        """Return the pseudonym of a newcomer who sends the form with this mark: nobody can choose whose it is.

        It holds for a minute, so that a page which a cache hands to many in spite of its headers does not make one
        visitor of them all.
        """
        once = f"{once}.{now // 60}"
        return (
            base64.urlsafe_b64encode(hashlib.sha256(self._newest_first[0].get_signature(f"who.{once}")).digest()[:16])
            .decode()
            .rstrip("=")
        )

    def loads(self, token: str, now: int) -> Receipt | None:
        """Return what the token says, or None unless it is wholly authentic and not from the future."""
        receipt = self._recall(token) if len(token) <= _LONGEST else None
        if receipt is None:
            return None
        for choice in receipt.choices.values():
            if choice.at > now + LEEWAY:
                return None
        return receipt

    def _read(self, token: str) -> Receipt | None:
        payload, _, signature = token.rpartition(".")
        if _PAYLOAD.fullmatch(payload) is None or not self._is_signed(payload, signature):
            return None
        version, who, fingerprint, *groups = payload.split(".")
        choices: dict[str, Choice] = {}
        if fingerprint == self._fingerprint:
            for group in groups:
                choices |= self._choices(group)
        return Receipt(who, _SOURCES[version], choices, payload)

    def newest(self, tokens: Iterable[str], now: int) -> Receipt | None:
        """Return the newest valid receipt among several cookies of our name; of two alike, the one that grants less.

        A sub-domain or an old path may have left others beside ours, and their order is not to be trusted.
        """
        receipts = [receipt for token in tokens if (receipt := self.loads(token, now)) is not None]
        return receipts[0] if len(receipts) == 1 else max(receipts, key=_newest_then_strictest, default=None)

    def _is_signed(self, payload: str, signature: str) -> bool:
        # Compared as text: decoding base64 skips junk and spare bits, so many other strings would verify as well.
        given = signature.encode("utf-8", "replace")
        return any(compare_digest(signer.get_signature(payload), given) for signer in self._newest_first)

    def _group(self, at: int, choices: Mapping[str, Choice]) -> str:
        packed = at
        for wanted in (True, False):
            for name in self._categories:
                choice = choices.get(name)
                packed = packed << 1 | (choice is not None and choice.at == at and choice.granted is wanted)
        octets = packed.to_bytes((packed.bit_length() + 7) // 8 or 1)
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")

    def _choices(self, group: str) -> dict[str, Choice]:
        width = len(self._categories)
        packed = int.from_bytes(base64.urlsafe_b64decode(group + "=" * (-len(group) % 4)))
        at, granted, denied = packed >> 2 * width, packed >> width, packed
        yes, no = Choice(True, at), Choice(False, at)  # shared by all the group's categories
        return {name: no if denied & bit else yes for name, bit in self._bits if (granted | denied) & bit}


def checked_keys(secret_keys: object) -> list[bytes]:
    """Return the keys as bytes, oldest first. Raises ConfigurationError when there is none, or an empty one."""
    # What comes from an environment or a settings module may be anything, None to begin with.
    several = isinstance(secret_keys, Iterable) and not isinstance(secret_keys, str | bytes)
    keys: list[object] = list(cast("Iterable[object]", secret_keys)) if several else [secret_keys]
    if not keys or not all(isinstance(key, str | bytes) and key for key in keys):
        raise ConfigurationError(
            "secret_keys: a key is missing or empty; give one long random string, or several with the oldest first "
            '(python -c "import secrets; print(secrets.token_urlsafe(32))" makes one)'
        )
    return [key.encode() if isinstance(key, str) else cast("bytes", key) for key in keys]


def signer(key: bytes, salt: str) -> Signer:
    """Return a signer whose key is derived once, here: deriving it for every token takes longer than signing does."""
    derived = Signer(key, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256).derive_key()
    return Signer(derived, salt=salt, key_derivation="none", digest_method=hashlib.sha256)


def _id_of(payload: str) -> str:
    return hashlib.sha256(payload.encode("ascii")).hexdigest()[:32]


def _newest_then_strictest(receipt: Receipt) -> tuple[int, int]:
    return receipt.latest, -sum(choice.granted for choice in receipt.choices.values())
