"""The scripts for browsers: readable source in ``web/``, and what of it is sent."""

from __future__ import annotations

import re
from importlib import resources

_COMMENT_LINE = re.compile(r"^[ \t]*//[^\n]*\n", re.MULTILINE)
_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)


def source(file: str) -> str:
    """Return a script of ``web/`` without what only its readers need: lines that are comments, and indentation.

    Nothing else is touched, so this asks of a script only that no text in it goes over several lines.
    """
    text = resources.files("consent_middleware").joinpath("web", file).read_text(encoding="utf-8")
    return _INDENTATION.sub("", _COMMENT_LINE.sub("", text))
