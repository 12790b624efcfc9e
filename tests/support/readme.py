"""What the README and the guides tell people to write, so that tests write exactly that."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDES = {path: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]}
README = GUIDES[ROOT / "README.md"]


def blocks(language: str, text: str = README) -> list[str]:
    """Return all code of a language, as it stands in the README or another text."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def blocks_of_all(language: str) -> list[str]:
    """Return all code of a language in the README and the guides."""
    return [block for text in GUIDES.values() for block in blocks(language, text)]


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
