"""``consent audit``: what a site does with cookies and third parties, seen from outside, with proof.

What it is made of is imported only when it runs, because it needs the extra ``audit``.
"""

from __future__ import annotations

import argparse
import os
import ssl
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ..errors import ConsentError
from .command import Command, InputError
from .policy_file import load_policy

if TYPE_CHECKING:
    from ..audit import Options, Report
    from ..audit.browser import Browsing

FORMATS = ("text", "json", "junit", "sarif", "html")
_MISSING = 'needs the extra "audit": python -m pip install "consent-middleware[audit]" ({})'


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="the site, like https://www.example.org/")
    parser.add_argument("--policy", metavar="FILE", help="its policy; without one the built-in catalogue decides")
    parser.add_argument("--format", choices=FORMATS, default="text", help="how to print (default: text)")
    parser.add_argument("--output", metavar="FILE", type=Path, help="write there instead of to standard output")
    parser.add_argument("--baseline", metavar="FILE", type=Path, help="findings that are known and accepted")
    parser.add_argument("--write-baseline", metavar="FILE", type=Path, help="accept what is found now, and exit 0")
    reach = parser.add_argument_group("how far it goes")
    reach.add_argument("--pages", metavar="N", type=_positive, default=20, help="pages at most (default: 20)")
    reach.add_argument("--depth", metavar="N", type=int, default=3, help="links away from the first (default: 3)")
    reach.add_argument("--rate", metavar="N", type=_rate, default=10.0, help="requests a second (default: 10)")
    reach.add_argument("--timeout", metavar="SECONDS", type=_positive, default=15, help="for one answer (default: 15)")
    reach.add_argument("--megabytes", metavar="N", type=_positive, default=3, help="of one answer (default: 3)")
    reach.add_argument("--ignore-robots", action="store_true", help="for a site of your own")
    known = parser.add_argument_group("what it is told about the site")
    known.add_argument("--prefix", default="/_consent", help="where this middleware answers there (default: /_consent)")
    known.add_argument("--necessary", metavar="NAME", action="append", default=[], help="a cookie needed anyway")
    known.add_argument("--own-host", metavar="HOST", action="append", default=[], help="a host that is no third party")
    known.add_argument("--accept-cookie", metavar="NAME=VALUE", type=_pair, action="append", default=[])
    known.add_argument(
        "--refuse-cookie",
        metavar="NAME=VALUE",
        type=_pair,
        action="append",
        default=[],
        help="what a choice leaves behind where another tool takes it",
    )
    browser = parser.add_argument_group("with a browser")
    browser.add_argument("--browser", action="store_true", help="let Chromium visit the pages too")
    browser.add_argument("--chromium", metavar="PATH", default="", help="which one (default: the one that is found)")
    browser.add_argument("--chromium-argument", metavar="ARG", action="append", default=[], help="pass this on to it")
    browser.add_argument("--browser-pages", metavar="N", type=_positive, default=5, help="pages (default: 5)")
    browser.add_argument("--settle", metavar="SECONDS", type=float, default=1.0, help="wait on each (default: 1)")
    browser.add_argument("--accept-script", metavar="FILE", type=Path, help="JavaScript that accepts everything")
    browser.add_argument("--refuse-script", metavar="FILE", type=Path, help="JavaScript that refuses everything")
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument("--ca", metavar="FILE", type=Path, help="certificates to trust instead of the system's")
    trust.add_argument("--insecure", action="store_true", help="trust any certificate, for a site under development")


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    try:
        from ..audit import Baseline, audit
    except ImportError as error:
        raise InputError(_MISSING.format(error)) from error
    try:
        baseline = Baseline.read(options.baseline) if options.baseline else None
        wanted = _options(options)
        with _progress(options) as progress:
            report = audit(options.url, wanted, progress)
    except ConsentError as error:
        raise InputError(str(error)) from error
    if options.write_baseline:
        _write(options.write_baseline, Baseline.text_of(report.findings))
    if baseline is not None:
        report = report.against(baseline)
    _print(report, options, out)
    return bool(report.findings) and not options.write_baseline


def _options(options: argparse.Namespace) -> Options:
    from ..audit import Limits, Options, Reach, State

    return Options(
        policy=None if options.policy is None else load_policy(options.policy),
        prefix=options.prefix,
        reach=Reach(pages=options.pages, depth=options.depth, heeds_robots=not options.ignore_robots),
        limits=Limits(timeout=options.timeout, size=options.megabytes * 1_000_000, pause=1 / options.rate),
        trust=_trust(options),
        cookies={State.ACCEPTED: tuple(options.accept_cookie), State.REFUSED: tuple(options.refuse_cookie)},
        necessary=tuple(options.necessary),
        own_hosts=tuple(options.own_host),
        browsing=_browsing(options) if options.browser else None,
        keys=tuple(filter(None, os.environ.get("CONSENT_SECRET_KEYS", "").split(","))),
    )


def _browsing(options: argparse.Namespace) -> Browsing:
    try:
        from ..audit.browser import Browsing
    except ImportError as error:
        raise InputError(_MISSING.format(error)) from error
    from ..audit import State

    files = {State.ACCEPTED: options.accept_script, State.REFUSED: options.refuse_script}
    return Browsing(
        chromium=options.chromium,
        arguments=tuple(options.chromium_argument),
        scripts={state: _read(file) for state, file in files.items() if file},
        settle=options.settle,
        pages=options.browser_pages,
        timeout=options.timeout,
        trusts_all=options.insecure,
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}") from error


def _trust(options: argparse.Namespace) -> ssl.SSLContext | bool:
    if options.insecure:
        return False
    try:
        return ssl.create_default_context(cafile=options.ca)
    except OSError as error:  # ssl.SSLError is one
        raise InputError(f"cannot use {options.ca} as certificates: {error.strerror or error}") from error


def _print(report: Report, options: argparse.Namespace, out: TextIO) -> None:
    if options.format == "text":
        from ..audit.as_text import print_report, summary

        if options.output is None:
            print_report(report, out)
            return
        with _opened(options.output) as file:
            print_report(report, file, width=120)
        print(f"{options.output}: {summary(report)}", file=out)
        return
    text = _renderer(options.format)(report)
    if options.output is None:
        out.write(text)
    else:
        from ..audit.as_text import summary

        _write(options.output, text)
        print(f"{options.output}: {summary(report)}", file=out)


def _renderer(name: str) -> Callable[[Report], str]:
    from ..audit.as_html import as_html
    from ..audit.formats import as_json, as_junit, as_sarif

    return {"json": as_json, "junit": as_junit, "sarif": as_sarif, "html": as_html}[name]


def _write(path: Path, text: str) -> None:
    with _opened(path) as file:
        file.write(text)


@contextmanager
def _opened(path: Path) -> Generator[TextIO]:
    try:
        with path.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


@contextmanager
def _progress(options: argparse.Namespace) -> Generator[Callable[[str, int, int], None]]:
    """Show a bar on standard error while somebody is watching it."""
    if not sys.stderr.isatty():
        yield lambda what, done, most: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns: tuple[Any, ...] = (
        TextColumn("{task.description:>14}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("arriving", total=None)

        def show(what: str, done: int, most: int) -> None:
            bar.update(task, description=what, completed=done, total=most)

        yield show


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _rate(text: str) -> float:
    rate = float(text)
    if not 0.01 <= rate <= 10_000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.01 and 10000")
    return rate


def _pair(text: str) -> str:
    name, equals, _ = text.partition("=")
    if not (equals and name) or not text.isprintable() or not text.isascii() or ";" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return text


AUDIT = Command(
    name="audit",
    summary="examine a site from outside",
    description="Visit a site as somebody who has chosen nothing, refused everything and accepted everything, and "
    "report every cookie, third party and header that breaks the policy, with evidence and remedy. Exits 0 without "
    "findings, 1 with findings, 2 when the site cannot be examined. Keys in CONSENT_SECRET_KEYS, if any, are used to "
    "make an expired consent and see that it does not count.",
    declare=_declare,
    run=_run,
)
