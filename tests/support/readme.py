"""What the README tells people to write, so that tests write exactly that."""

from __future__ import annotations

import re
from pathlib import Path

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def block(heading: str, language: str) -> str:
    """Return the first code of a language below a heading."""
    _, found, section = README.partition(f"\n{heading}\n")
    assert found, f"the README has no {heading}"
    code = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert code is not None
    return code[1]


QUIET = """
[banner]
show = false
[html]
consent_mode = "off"
"""
"""Added to the README's policy where pages are compared byte by byte: then nothing is put into them."""
