"""What is sent of our scripts does what their source does: to a real parser the two are the same but for names, and for
``let`` in the place of ``const``."""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

import pytest

from consent_middleware.scripts import source
from support.handmade import Handmade
from support.npm import npm_file

SMALLEST = """async (script) => {
    const { code } = await Terser.minify(script, { compress: false, mangle: true });
    return code;
}"""


@pytest.mark.parametrize("file", ["guard.js", "consent.js", "shared.js", "signals.js"])
def test_a_minifier_makes_the_same_of_what_is_sent_and_of_its_source(
    quiet_visitor: Any, quiet: Handmade, file: str
) -> None:
    """It gives every name of a scope anew, so one that we confused with another would come out differently."""
    quiet_visitor.visit("/")
    quiet_visitor.page.evaluate(
        "(script) => { window.sourceMap = {}; (0, eval)(script); }",
        npm_file("terser@5.44.1", "dist/bundle.min.js").decode(),
    )
    written = resources.files("consent_middleware").joinpath("web", file).read_text(encoding="utf-8")
    sent = source(file)
    assert sent != written
    variable = re.sub(r"\bconst\b", "let", written)
    assert quiet_visitor.page.evaluate(SMALLEST, sent) == quiet_visitor.page.evaluate(SMALLEST, variable)
