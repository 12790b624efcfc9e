"""Expiring a cookie wherever it may live.

A deletion reaches a cookie only if name, domain, path and partition are those it was set with (RFC 6265bis, section
5.7), and a request does not tell them. So one line goes out for every place where the cookie can be; a browser ignores
those that fit nothing, and those for a public suffix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# What may stand in a line without changing it: one octet each, no control character, no ";", in a name no "=" either
# and no white space at its ends, which would make it another name.
_NAME = re.compile(r"[!-:<>-~\x80-\xff](?:[\t -:<>-~\x80-\xff]*[!-:<>-~\x80-\xff])?")
_PATH = re.compile(r"/[ -:<-~\x80-\xff]{0,1023}")  # browsers ignore an attribute of more than 1024 octets
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")
_AUTHORITY = re.compile(r"([^:\[\]]*?)\.?(?::[0-9]*)?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")  # a host that ends in one is an IPv4 address (WHATWG URL)
# A Host header has room for 127 labels and every parent costs lines; a real one has less than a dozen.
_MOST_LABELS = 16


def deletions(
    name: str, host: str, *, secure: bool, domain: str | None, paths: Iterable[str], partitioned: bool
) -> list[str]:
    """Return the Set-Cookie lines that expire the cookie ``name`` on ``host`` and on its parent domains.

    ``host`` is the request's, as it came: with a port, capitals, a trailing dot; an IP address, a single label and
    nonsense get the lines without a Domain. ``domain`` is a declared one, used if the host belongs to it; ``/`` is
    always among the ``paths``. ``secure`` says that the request came over https, ``partitioned`` that the cookie may
    live in a partition too. Names that no browser can hold (empty, control characters, ``;``, ``=``) get no line.
    """
    if _NAME.fullmatch(name) is None:
        return []
    prefix = name.lower()
    if prefix.startswith("__host-"):  # browsers heed prefixes in any case, and ignore lines that do not honour them
        places = ["; Path=/"]
    else:
        homes = ["", *(f"; Domain={home}" for home in _domains(host, domain))]
        places = [f"; Path={path}{home}" for home in homes for path in _paths(paths)]
    needs_secure = secure or prefix.startswith(("__secure-", "__host-", "__http-"))
    flags = "; HttpOnly" if prefix.startswith(("__http-", "__host-http-")) else ""
    variants = ["; Secure" + flags if needs_secure else flags]
    if partitioned:
        # A response inside another site's page may only touch cookies with SameSite=None.
        variants.append(f"; Secure; SameSite=None; Partitioned{flags}")
    return [f"{name}=; Max-Age=0{place}{variant}" for variant in variants for place in places]


def _paths(declared: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(["/", *(path for path in declared if _PATH.fullmatch(path))]))


def _domains(host: str, declared: str | None) -> list[str]:
    """Every Domain a browser at ``host`` would accept, and no text that is not a plain domain."""
    authority = _AUTHORITY.fullmatch(host)
    own = _plain_domain(authority[1]) if authority else None
    if own is None:
        return []
    domains = [] if _is_address(own) else _with_parents(own)
    extra = _plain_domain((declared or "").removeprefix("."))
    if extra is not None and (own == extra or (own.endswith("." + extra) and not _is_address(own))):
        domains.append(extra)
    return list(dict.fromkeys(domains))


def _with_parents(host: str) -> list[str]:
    labels = host.split(".")
    starts = [0, *range(max(1, len(labels) - _MOST_LABELS), len(labels) - 1)] if len(labels) > 1 else []
    return [".".join(labels[start:]) for start in starts]


def _plain_domain(text: str) -> str | None:
    return text.lower() if _DOMAIN.fullmatch(text) else None


def _is_address(host: str) -> bool:
    return _NUMBER.fullmatch(host.rpartition(".")[2]) is not None
