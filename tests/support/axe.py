"""axe-core, the accessibility checker, from npm."""

from __future__ import annotations

from typing import Any

from support.npm import npm_file


def axe_source() -> str:
    """Return the script. Fails the test if npm cannot bring it."""
    return npm_file("axe-core@4.10.3", "axe.min.js").decode()


def violations(page: Any) -> list[str]:
    """Return what is wrong with a page by WCAG 2.2 AA and good practice, what is serious or worse only."""
    # As the DevTools do it, and not as an element: a page's Content-Security-Policy is none of its concern.
    page.evaluate(axe_source())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']} ({node['target']})"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
