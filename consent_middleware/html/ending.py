"""Whether markup behind the last byte of a document would be read as markup, told from the document's last bytes.

What follows ``</html>`` goes into the body (WHATWG 13.2.6.4.22, the "after after body" insertion mode), so that nearly
every document takes markup behind its end. A document that breaks off inside a comment, a script or a tag does not:
there it would be lost, or it would end the script and so make half of it run. Where nothing has been tokenised, the
last bytes tell as much as can be told for next to nothing.
"""

from __future__ import annotations

import re

_REMEMBERED = 1024
"""Half of all inline scripts are shorter than 413 bytes; where so many bytes show no end tag, it is not trusted."""

_TEXT_ELEMENT = rb"(script|style|title|textarea|xmp|iframe|noembed|noframes|noscript|plaintext)(?=[\t\n\f\r />])"
_WHOLE_TEXT = re.compile(rb"<(?:!--[\s\S]*?-->|" + _TEXT_ELEMENT + rb"[\s\S]*?</\1(?=[\t\n\f\r />]))")
_OPEN_TEXT = re.compile(rb"<(?:!--|" + _TEXT_ELEMENT + rb")")
_UNFINISHED_TAG = re.compile(rb"<(?:[a-z!?/][^>]*+)?\Z")
_END_TAG = re.compile(rb"</[a-z]")


class Ending:
    """The last bytes of a document on its way."""

    def __init__(self) -> None:
        self._last = b""
        self._is_all = True

    def note(self, chunk: bytes) -> None:
        """Take note of the next bytes of the document."""
        self._is_all = self._is_all and len(self._last) + len(chunk) <= _REMEMBERED
        self._last = (self._last + chunk[-_REMEMBERED:])[-_REMEMBERED:]

    def takes_markup(self) -> bool:
        """Say whether markup put here would be read as such; where nothing speaks for it, no."""
        last = self._last.lower()
        if last.rstrip().endswith((b"</html>", b"</body>")):
            return True
        if _UNFINISHED_TAG.match(last, max(0, last.rfind(b"<"))) or _OPEN_TEXT.search(_WHOLE_TEXT.sub(b"", last)):
            return False
        return self._is_all or _END_TAG.search(last) is not None
