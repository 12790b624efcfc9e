"""The shop with ``csp = "enforce"``: nothing of its own is stopped, and consent opens the way at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from shop import store

PAGES = ("/", "/product/dune-notebook", "/basket", "/login", "/no-such-page")
NOTE_WHAT_IS_STOPPED = """
  window.stopped = [];
  document.addEventListener("securitypolicyviolation", event => stopped.push(event.blockedURI));
"""

Arrive = Callable[..., Any]
Serving = Callable[[str, Path], AbstractContextManager[int]]


@pytest.fixture(scope="module")
def ports(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, int]]:
    """The Flask shop alone."""
    policy = tmp_path_factory.mktemp("policy") / "consent.toml"
    text = store.POLICY.read_text()
    assert 'csp = "report"' in text
    policy.write_text(text.replace('csp = "report"', 'csp = "enforce"'))
    with serving("flask", policy) as port:
        yield {"flask": port}


@pytest.fixture
def visitor(arrive: Arrive) -> Any:
    visitor = arrive("flask")
    visitor.page.add_init_script(NOTE_WHAT_IS_STOPPED)
    return visitor


def stopped(visitor: Any) -> list[str]:
    found: list[str] = visitor.page.evaluate("stopped")
    return found


@pytest.mark.parametrize("action", [None, "reject-all", "accept-all"])
def test_nothing_is_stopped_that_the_policy_allows(visitor: Any, action: str | None) -> None:
    if action is not None:
        visitor.page.goto(f"{visitor.origin}/_consent/settings")
        visitor.press(action)
    for path in PAGES:
        visitor.visit(path)
        assert stopped(visitor) == [], path


def test_consent_given_in_the_page_loads_it_anew_with_the_wider_wall(visitor: Any) -> None:
    visitor.visit("/product/dune-notebook")
    assert visitor.contacted == set()
    with visitor.page.expect_navigation():
        visitor.page.evaluate("void window.consent.choose('accept-all')")
    visitor.settle()
    assert "www.googletagmanager.com G" in visitor.contacted and "connect.facebook.net" in visitor.contacted
    assert stopped(visitor) == []
