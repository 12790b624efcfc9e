"""The options of commands that visit a site: how far they go, with which browser, and whom they trust."""

from __future__ import annotations

import argparse
import ssl
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .command import InputError

if TYPE_CHECKING:
    from ..audit import Limits, Reach
    from ..audit.browser import Browsing
    from ..audit.run import Progress

_MISSING = 'needs the extra "audit": python -m pip install "consent-middleware[audit]" ({})'


def extra_missing(error: ImportError) -> InputError:
    """Return what to say where a library of the extra ``audit`` is not installed."""
    return InputError(_MISSING.format(error))


def declare_reach(parser: argparse.ArgumentParser) -> None:
    reach = parser.add_argument_group("how far it goes")
    reach.add_argument("--pages", metavar="N", type=positive, default=20, help="pages at most (default: 20)")
    reach.add_argument("--depth", metavar="N", type=int, default=3, help="links away from the first (default: 3)")
    reach.add_argument("--rate", metavar="N", type=_rate, default=10.0, help="requests a second (default: 10)")
    reach.add_argument("--timeout", metavar="SECONDS", type=positive, default=15, help="for one answer (default: 15)")
    reach.add_argument("--megabytes", metavar="N", type=positive, default=3, help="of one answer (default: 3)")
    reach.add_argument("--ignore-robots", action="store_true", help="for a site of your own")


def declare_browser(parser: argparse.ArgumentParser) -> Any:
    """Add the options of a browser and return their group."""
    browser = parser.add_argument_group("with a browser")
    browser.add_argument("--browser", action="store_true", help="let Chromium visit the pages too")
    browser.add_argument("--chromium", metavar="PATH", default="", help="which one (default: the one that is found)")
    browser.add_argument("--chromium-argument", metavar="ARG", action="append", default=[], help="pass this on to it")
    browser.add_argument("--browser-pages", metavar="N", type=positive, default=5, help="pages (default: 5)")
    browser.add_argument("--settle", metavar="SECONDS", type=float, default=1.0, help="wait on each (default: 1)")
    browser.add_argument("--accept-script", metavar="FILE", type=Path, help="JavaScript that accepts everything")
    return browser


def declare_trust(parser: argparse.ArgumentParser) -> None:
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument("--ca", metavar="FILE", type=Path, help="certificates to trust instead of the system's")
    trust.add_argument("--insecure", action="store_true", help="trust any certificate, for a site under development")


def reach_of(options: argparse.Namespace) -> Reach:
    from ..audit import Reach

    return Reach(pages=options.pages, depth=options.depth, heeds_robots=not options.ignore_robots)


def limits_of(options: argparse.Namespace) -> Limits:
    from ..audit import Limits

    return Limits(timeout=options.timeout, size=options.megabytes * 1_000_000, pause=1 / options.rate)


def browsing_of(options: argparse.Namespace) -> Browsing | None:
    """Return how the browser goes about it, None if none is wanted. Raises InputError."""
    if not options.browser:
        return None
    try:
        from ..audit.browser import Browsing
    except ImportError as error:
        raise extra_missing(error) from error
    from ..audit import State

    files = {State.ACCEPTED: options.accept_script, State.REFUSED: getattr(options, "refuse_script", None)}
    return Browsing(
        chromium=options.chromium,
        arguments=tuple(options.chromium_argument),
        scripts={state: _read(file) for state, file in files.items() if file},
        settle=options.settle,
        pages=options.browser_pages,
        timeout=options.timeout,
        trusts_all=options.insecure,
    )


def trust_of(options: argparse.Namespace) -> ssl.SSLContext | bool:
    """Return the certificates to trust, False for any. Raises InputError."""
    if options.insecure:
        return False
    try:
        return ssl.create_default_context(cafile=options.ca)
    except OSError as error:  # ssl.SSLError is one
        raise InputError(f"cannot use {options.ca} as certificates: {error.strerror or error}") from error


@contextmanager
def shown_progress() -> Generator[Progress]:
    """Show a bar on standard error while somebody is watching it."""
    if not sys.stderr.isatty():
        yield lambda what, done, most: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns: tuple[Any, ...] = (
        TextColumn("{task.description:>14}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("arriving", total=None)

        def show(what: str, done: int, most: int) -> None:
            bar.update(task, description=what, completed=done, total=most)

        yield show


def positive(text: str) -> int:
    """Read a number that is at least 1, for ``argparse``."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error


def _rate(text: str) -> float:
    rate = float(text)
    if not 0.01 <= rate <= 10_000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.01 and 10000")
    return rate
