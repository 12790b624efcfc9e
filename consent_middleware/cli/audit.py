"""``consent audit``: what a site does with cookies and third parties, seen from outside, with proof.

What it is made of is imported only when it runs, because it needs the extra ``audit``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..errors import ConsentError
from .command import Command, InputError
from .policy_file import load_policy
from .visiting import (
    browsing_of,
    declare_browser,
    declare_reach,
    declare_trust,
    extra_missing,
    limits_of,
    reach_of,
    shown_progress,
    trust_of,
)

if TYPE_CHECKING:
    from ..audit import Options, Report

FORMATS = ("text", "json", "junit", "sarif", "html")


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="the site, like https://www.example.org/")
    parser.add_argument("--policy", metavar="FILE", help="its policy; without one the built-in catalogue decides")
    parser.add_argument("--format", choices=FORMATS, default="text", help="how to print (default: text)")
    parser.add_argument("--output", metavar="FILE", type=Path, help="write there instead of to standard output")
    parser.add_argument("--baseline", metavar="FILE", type=Path, help="findings that are known and accepted")
    parser.add_argument("--write-baseline", metavar="FILE", type=Path, help="accept what is found now, and exit 0")
    declare_reach(parser)
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
    browser = declare_browser(parser)
    browser.add_argument("--refuse-script", metavar="FILE", type=Path, help="JavaScript that refuses everything")
    declare_trust(parser)


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    try:
        from ..audit import Baseline, audit
    except ImportError as error:
        raise extra_missing(error) from error
    try:
        baseline = Baseline.read(options.baseline) if options.baseline else None
        wanted = _options(options)
        with shown_progress() as progress:
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
    from ..audit import Options, State

    return Options(
        policy=None if options.policy is None else load_policy(options.policy),
        prefix=options.prefix,
        reach=reach_of(options),
        limits=limits_of(options),
        trust=trust_of(options),
        cookies={State.ACCEPTED: tuple(options.accept_cookie), State.REFUSED: tuple(options.refuse_cookie)},
        necessary=tuple(options.necessary),
        own_hosts=tuple(options.own_host),
        browsing=browsing_of(options),
        keys=tuple(filter(None, os.environ.get("CONSENT_SECRET_KEYS", "").split(","))),
    )


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
