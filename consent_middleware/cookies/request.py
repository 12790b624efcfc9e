"""The Cookie header of a request: what an application may see of it."""

from __future__ import annotations

from collections.abc import Callable, Container

from .setcookie import WHITESPACE


def pairs(header: str) -> list[tuple[str, str]]:
    """Return (segment as it stands, name) for every cookie of a Cookie header.

    Browsers send a nameless cookie as its bare value (RFC 6265bis, section 5.8.3), so a segment without ``=`` has the
    name "", like one that begins with it. Segments of nothing but white space are no cookies and left out. Only SP
    and HTAB are stripped from a name: were NBSP stripped as well, a cookie named NBSP + ``__Host-x``, which any
    sub-domain may set, would pass for ``__Host-x``.
    """
    return [(segment, _name(segment)) for segment in header.split(";") if segment.strip(WHITESPACE)]


def visible_cookies(
    header: str,
    allows: Callable[[str], bool],
    always: Container[str] = (),
    allows_bare: Callable[[str], bool] | None = None,
) -> str:
    """Return the header with only those cookies whose names ``allows`` approves, "" if there is none.

    The very same object is returned if all are visible; otherwise the hidden ones are cut out and the others stay as
    they stand, in their order. Where applications read another name than browsers do (they strip more white space,
    some take a bare token for a name), both must be approved: that token, which is really a value, by ``allows_bare``
    if there is one.

    ``always`` spares asking: names approved anyway, spelt as they stand before the ``=``, with the white space there.
    """
    allows_bare = allows_bare or allows
    segments = header.split(";")
    kept: list[str] = []
    for segment in segments:
        name, equals, _ = segment.partition("=")
        if equals and name in always:
            kept.append(segment)
            continue
        name = name.strip(WHITESPACE)
        as_read = name.strip()
        if equals:
            is_visible = allows(name) and (as_read == name or allows(as_read))
        else:
            is_visible = not name or (allows("") and allows_bare(as_read))
        if is_visible:
            kept.append(segment)
    return header if len(kept) == len(segments) else ";".join(kept).lstrip("; \t")


def _name(segment: str) -> str:
    name, equals, _ = segment.partition("=")
    return name.strip(WHITESPACE) if equals else ""
