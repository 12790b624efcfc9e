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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from itsdangerous import BadData, Signer

from .errors import ConfigurationError
from .policy import Policy

Source = Literal["visitor", "application"]

SALT = "consent_middleware.choice"
LEEWAY = 60
"""Seconds by which another machine's clock may run ahead of ours before its receipts count as forged."""

_LONGEST = 2048
_TOKEN = re.compile(r"1[va]\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{12}(?:\.[A-Za-z0-9_-]+)+\.[A-Za-z0-9_-]{43}", re.ASCII)
_SOURCES: Mapping[str, Source] = {"1v": "visitor", "1a": "application"}
_VERSIONS: Mapping[Source, str] = {source: version for version, source in _SOURCES.items()}


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer about one category, and the instant (epoch seconds) it was given."""

    granted: bool
    at: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What an authentic consent cookie says.

    ``who`` is the visitor's random pseudonym and ``id`` names this receipt. ``choices`` is empty when the receipt
    was given under another policy: it is then authentic but no choice any more.
    """

    who: str
    source: Source
    choices: Mapping[str, Choice]
    id: str = ""

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
        self._signer = Signer(checked_keys(secret_keys), salt=SALT, key_derivation="hmac", digest_method=hashlib.sha256)

    def dumps(self, receipt: Receipt) -> str:
        """Return the cookie value: letters, digits, ``-``, ``_`` and ``.`` only, 93 bytes for eight categories."""
        groups = [self._group(at, receipt.choices) for at in sorted({c.at for c in receipt.choices.values()})]
        return self._signer.sign(".".join([_VERSIONS[receipt.source], receipt.who, self._fingerprint, *groups])).decode(
            "ascii"
        )

    def id_of(self, receipt: Receipt) -> str:
        """Return the id that this receipt has once it is in a cookie."""
        return _id_of(self.dumps(receipt))

    def loads(self, token: str, now: int) -> Receipt | None:
        """Return what the token says, or None unless it is wholly authentic and not from the future."""
        # The alphabet first: base64 decoding skips junk, so many other strings would verify as well.
        if len(token) > _LONGEST or _TOKEN.fullmatch(token) is None:
            return None
        try:
            payload = self._signer.unsign(token).decode("ascii")
        except BadData:
            return None
        version, who, fingerprint, *groups = payload.split(".")
        current = fingerprint == self._fingerprint
        choices = dict(self._choices(groups)) if current else {}
        if any(choice.at > now + LEEWAY for choice in choices.values()):
            return None
        return Receipt(who, _SOURCES[version], choices, _id_of(token))

    def newest(self, tokens: Iterable[str], now: int) -> Receipt | None:
        """Return the newest valid receipt among several cookies of our name; of two alike, the one that grants less.

        A sub-domain or an old path may have left others beside ours, and their order is not to be trusted.
        """
        receipts = (self.loads(token, now) for token in tokens)
        return max((r for r in receipts if r is not None), key=_newest_then_strictest, default=None)

    def _group(self, at: int, choices: Mapping[str, Choice]) -> str:
        packed = at
        for wanted in (True, False):
            for name in self._categories:
                choice = choices.get(name)
                packed = packed << 1 | (choice is not None and choice.at == at and choice.granted is wanted)
        octets = packed.to_bytes((packed.bit_length() + 7) // 8 or 1)
        return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")

    def _choices(self, groups: Sequence[str]) -> Iterator[tuple[str, Choice]]:
        width = len(self._categories)
        for group in groups:
            packed = int.from_bytes(base64.urlsafe_b64decode(group + "=" * (-len(group) % 4)))
            at, granted, denied = packed >> 2 * width, packed >> width, packed
            for position, name in enumerate(reversed(self._categories)):
                if granted >> position & 1 or denied >> position & 1:
                    yield name, Choice(not denied >> position & 1, at)


def checked_keys(secret_keys: str | bytes | Iterable[str | bytes]) -> list[bytes]:
    """Return the keys as bytes, oldest first. Raises ConfigurationError when there is none, or an empty one."""
    keys = [secret_keys] if isinstance(secret_keys, str | bytes) else list(secret_keys)
    if not keys or not all(keys):
        raise ConfigurationError(
            "secret_keys: a key is missing or empty; give one long random string, or several with the oldest first "
            '(python -c "import secrets; print(secrets.token_urlsafe(32))" makes one)'
        )
    return [key.encode() if isinstance(key, str) else key for key in keys]


def _id_of(token: str) -> str:
    payload = token.rpartition(".")[0]
    return hashlib.sha256(payload.encode("ascii")).hexdigest()[:32]


def _newest_then_strictest(receipt: Receipt) -> tuple[int, int]:
    return receipt.latest, -sum(choice.granted for choice in receipt.choices.values())
