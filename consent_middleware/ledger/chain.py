"""Tamper evidence: what a row carries so that nobody without our keys can change, remove, insert or move one unseen.

Every row holds a ``seal``, the HMAC of its content, and a ``link``, the HMAC of the link before it and its own seal.
Every chain belongs to one writer and has a signed head that says how far it reaches, and the opening of each chain is
linked to the opening of the one before it. Keys are derived from the site's secret keys, one for each use, so that no
signature can stand in for another.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_CONTENT = json.JSONEncoder(separators=(",", ":")).encode
"""One text for each content and one content for each text, in ASCII."""

_DERIVATION = b"consent_middleware.ledger"


class Link(NamedTuple):
    """Where a chain stands: how many rows it has had, and the link of its last."""

    position: int
    link: bytes


@dataclass(frozen=True, slots=True, repr=False)
class ChainKey:
    """The keys derived from one secret key. ``id`` names it in the store and tells nothing about it."""

    id: str
    content: bytes
    linking: bytes
    heads: bytes
    openings: bytes
    erasures: bytes
    bases: bytes

    @classmethod
    def of(cls, secret: bytes) -> ChainKey:
        root = hmac.digest(secret, _DERIVATION, "sha256")
        uses = (b"content", b"linking", b"heads", b"openings", b"erasures", b"bases")
        return cls(hmac.digest(root, b"id", "sha256")[:8].hex(), *(hmac.digest(root, use, "sha256") for use in uses))

    def seal(self, content: Sequence[object]) -> bytes:
        """Return the HMAC of a row's content, its values in the order of the columns."""
        return hmac.digest(self.content, _CONTENT(list(content)).encode("ascii"), "sha256")

    def link(self, previous: bytes, seal: bytes) -> bytes:
        """Return the link of a row that follows the row, or opening, with the link ``previous``."""
        return hmac.digest(self.linking, previous + seal, "sha256")

    def head(self, chain: int, end: Link) -> bytes:
        """Return the signature over how far a chain reaches."""
        return hmac.digest(self.heads, b"%d.%d." % (chain, end.position) + end.link, "sha256")

    def opening(self, chain: int, writer: str, opened_at: int, previous: bytes) -> bytes:
        """Return the link from which a chain begins; ``previous`` is the opening of the chain before it, if any."""
        return hmac.digest(self.openings, b"%d.%d.%s." % (chain, opened_at, writer.encode()) + previous, "sha256")

    def erasure(self, chain: int, position: int, erased_at: int, seal: bytes) -> str:
        """Return the signature that an emptied row was emptied by us."""
        message = b"%d.%d.%d." % (chain, position, erased_at) + seal
        return f"{self.id}.{hmac.digest(self.erasures, message, 'sha256').hex()}"

    def base(self, chain: int, start: Link) -> str:
        """Return the signature that the rows of a chain up to ``start`` were purged by us."""
        message = b"%d.%d." % (chain, start.position) + start.link
        return f"{self.id}.{hmac.digest(self.bases, message, 'sha256').hex()}"


class KeyRing:
    """The keys of a site: the last one writes, all of them verify."""

    def __init__(self, secret_keys: Iterable[bytes]) -> None:
        keys = [ChainKey.of(secret) for secret in secret_keys]
        self.newest = keys[-1]
        self._by_id = {key.id: key for key in keys}

    def get(self, id: str) -> ChainKey | None:
        return self._by_id.get(id)

    def vouches_for(self, signature: str | None, *, erasure: tuple[int, int, int, bytes]) -> bool:
        """Whether an emptied row was emptied by us; a signature begins with the id of its key."""
        key = self._key_of(signature)
        return key is not None and hmac.compare_digest(key.erasure(*erasure).encode(), str(signature).encode())

    def vouches_for_base(self, signature: str | None, chain: int, start: Link) -> bool:
        """Whether the rows of a chain up to ``start`` were purged by us."""
        key = self._key_of(signature)
        return key is not None and hmac.compare_digest(key.base(chain, start).encode(), str(signature).encode())

    def _key_of(self, signature: object) -> ChainKey | None:
        return self.get(str(signature).partition(".")[0])
