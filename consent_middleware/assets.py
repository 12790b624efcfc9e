"""The files that browsers get from us: readable source in ``web/``, each under a name that tells its content."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

from .scripts import source

_MEDIA_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


_COMMENTS_AND_INDENTATION = re.compile(rb"/\*.*?\*/|^[ \t]+", re.DOTALL | re.MULTILINE)
_NEVER = re.compile(r"[ \t]*q=0(?:\.0*)?[ \t]*", re.IGNORECASE)


@dataclass(frozen=True)
class Asset:
    """One file as browsers get it. Other content has another ``name``, so whoever has it may keep it for ever."""

    name: str
    media_type: str
    body: bytes

    @property
    def path(self) -> str:
        """Where it is below the prefix of our addresses."""
        return f"/assets/{self.name}"

    @cached_property
    def compressed(self) -> bytes:
        """The body as gzip makes it: the same octets at every start, so every process answers alike."""
        return gzip.compress(self.body, 9, mtime=0)


def made(file: str, body: bytes) -> Asset:
    """Return the asset that ``file`` (``guard.js``) becomes with this content."""
    stem, _, kind = file.rpartition(".")
    return Asset(f"{stem}-{hashlib.sha256(body).hexdigest()[:12]}.{kind}", _MEDIA_TYPES[kind], body)


def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client with this Accept-Encoding reads gzip (RFC 9110, 12.5.3)."""
    for part in accept_encoding.split(","):
        coding, _, weight = part.partition(";")
        if coding.strip(" \t").lower() == "gzip":
            return _NEVER.fullmatch(weight) is None
    return False


@cache
def asset(file: str) -> Asset:
    """Return a file of ``web/`` that is the same for every policy."""
    if file.endswith(".js"):
        return made(file, source(file).encode())
    style = resources.files("consent_middleware").joinpath("web", file).read_bytes()
    return made(file, _COMMENTS_AND_INDENTATION.sub(b"", style))
