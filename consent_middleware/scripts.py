"""The scripts for browsers: readable source in ``web/``, and what of it is sent in ``web/sent/``.

What is sent is made of the source by terser, a JavaScript minifier, with ``python tests/minify.py``; a test makes it
again and compares.
"""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def source(file: str) -> str:
    """Return a script of ``web/`` as it is sent: ASCII, in one line without its end."""
    sent = resources.files("consent_middleware").joinpath("web", "sent", file)
    return sent.read_text(encoding="ascii").rstrip("\n")
