"""A pytest plug-in for the suites of sites behind this middleware.

It is there as soon as the package is installed. Say once, in ``conftest.py``, what your visitors visit::

    @pytest.fixture
    def consent_app():
        return app

then ask for ``consent_visitor``, ``assert_only_necessary``, ``assert_no_trackers`` and ``consent_clock``. With Django
nothing has to be said. This module is imported in every run of pytest, so it imports nothing before a fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..engine import Engine
    from .clocks import FrozenClock
    from .jars import ConsentCookies

_NOTHING_TO_VISIT = (
    "consent_app: it is not known what your visitors visit; define a fixture of this name in conftest.py that returns "
    "your application (Flask, Starlette, FastAPI), or the ConsentWSGI or ConsentASGI around it"
)


@pytest.fixture
def consent_app() -> Any:
    """What your visitors visit. Override it to return your application, or the middleware around it.

    Without an override it stands for the Django project, if there is one.
    """
    from .sites import DJANGO, is_django

    if not is_django():
        raise pytest.UsageError(_NOTHING_TO_VISIT)
    return DJANGO


@pytest.fixture
def consent_engine(consent_app: Any) -> Engine:
    """The gate of ``consent_app``: its policy, its keys, the names of its cookies."""
    from .sites import engine_of

    return engine_of(consent_app)


@pytest.fixture
def consent_visitor(consent_engine: Engine) -> Callable[[str | Sequence[str]], ConsentCookies]:
    """Make somebody up who has chosen: ``consent_visitor("none")``, ``("all")``, ``(["analytics"])``, ``([])``.

    The result is a mapping, the visitor's cookies by name; ``.into(client)`` puts them into a client of Flask, Django,
    Starlette, FastAPI or httpx and returns it. A list accepts these categories and refuses the others.
    """
    from .jars import ConsentCookies

    return lambda chosen: ConsentCookies.of(consent_engine, chosen)


@pytest.fixture
def consent_clock(consent_app: Any, consent_engine: Engine) -> Iterator[FrozenClock]:
    """Stop the clock of ``consent_app`` at the present second, to be moved by hand: ``.move("6 months")``."""
    from .clocks import FrozenClock
    from .sites import DJANGO

    if consent_app is DJANGO:
        raise pytest.UsageError(
            "consent_clock: the middleware of a Django project is made anew for each client; give it a clock of yours, "
            'settings.CONSENT = {..., "CLOCK": FrozenClock()} with consent_middleware.testing.clocks.FrozenClock'
        )
    running, consent_engine.clock = consent_engine.clock, FrozenClock()
    yield consent_engine.clock
    consent_engine.clock = running


@pytest.fixture
def assert_only_necessary(consent_engine: Engine) -> Callable[..., None]:
    """Fail when a response sets a cookie that needs consent, or one that nobody declared.

    ``assert_only_necessary(response)``, or with ``allowed=["analytics"]`` for a visitor who accepted that. A response
    of Flask, Django, Starlette, FastAPI or httpx, or the Set-Cookie lines themselves.
    """
    from .promises import assert_only_necessary

    def check(response: Any, allowed: Iterable[str] = ()) -> None:
        __tracebackhide__ = True
        assert_only_necessary(response, consent_engine, allowed)

    return check


@pytest.fixture
def assert_no_trackers(consent_engine: Engine) -> Callable[..., None]:
    """Fail when a page holds something live of a service that needs consent.

    ``assert_no_trackers(page)``, or with ``allowed=["analytics"]``. A page as text or bytes, or a response.
    """
    from .promises import assert_no_trackers

    def check(page: Any, allowed: Iterable[str] = ()) -> None:
        __tracebackhide__ = True
        assert_no_trackers(page, consent_engine, allowed)

    return check
