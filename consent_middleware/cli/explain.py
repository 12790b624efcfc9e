"""``consent explain``: what a policy does to one header line, address or snippet, and by which rules."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TextIO

from ..visitors import ALL, NO_CHOICE
from .command import Command, InputError, declare_format, print_json
from .explanations import Explainer, Explanation
from .policy_file import load_policy


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--policy", metavar="FILE", required=True, help="the policy, a TOML file")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--set-cookie", metavar="LINE", help="a Set-Cookie line of the application")
    what.add_argument("--cookie", metavar="HEADER", help="a Cookie header of a visitor")
    what.add_argument("--url", metavar="URL", help="an address that a page loads")
    what.add_argument("--html", metavar="SNIPPET", help="a piece of a page")
    parser.add_argument(
        "--state",
        default=NO_CHOICE,
        help='what the visitor has chosen: "none", "all", or the categories accepted, like "a,b" (default: none)',
    )
    parser.add_argument("--host", default="www.example.org", help="the host of the site (default: www.example.org)")
    parser.add_argument("--necessary", metavar="NAME", action="append", default=[], help="a cookie needed anyway")
    declare_format(parser)


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    with _in_silence():
        explanations = _explain(_explainer(options), options)
    if options.format == "json":
        print_json([asdict(explanation) for explanation in explanations], out)
    else:
        print("\n\n".join(map(_as_text, explanations)), file=out)
    return False


@contextmanager
def _in_silence() -> Generator[None]:
    """Keep what the engine would log to itself: here it is the answer."""
    logger = logging.getLogger("consent_middleware")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _explainer(options: argparse.Namespace) -> Explainer:
    policy = load_policy(options.policy)
    try:
        return Explainer(policy, _state(options.state), options.host, options.necessary)
    except ValueError as error:
        raise InputError(f"--state: {error}") from error


def _state(text: str) -> str | list[str]:
    return text if text in (NO_CHOICE, ALL) else [name.strip() for name in text.split(",") if name.strip()]


def _explain(explainer: Explainer, options: argparse.Namespace) -> list[Explanation]:
    if options.set_cookie is not None:
        return [explainer.set_cookie(_octets(options.set_cookie.removeprefix("Set-Cookie:").lstrip(" \t")))]
    if options.cookie is not None:
        found = explainer.cookie_header(_octets(options.cookie))
        if not found:
            raise InputError("--cookie: there is no cookie in it")
        return found
    if options.url is not None:
        return [explainer.url(options.url)]
    return [explainer.html(options.html)]


def _octets(text: str) -> str:
    """What was typed, as a header holds it: one character for each octet."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _as_text(explanation: Explanation) -> str:
    lines = [explanation.subject, f"  => {explanation.outcome}"]
    if explanation.result is not None and explanation.result != explanation.subject:
        lines += [f"     {line}" for line in explanation.result.splitlines()]
    return "\n".join([*lines, *(f"  {number}. {reason}" for number, reason in enumerate(explanation.reasons, 1))])


EXPLAIN = Command(
    name="explain",
    summary="say what becomes of a cookie or a page, and why",
    description="Say what the middleware would do with a Set-Cookie line, a Cookie header, an address or a piece of "
    "HTML under a policy, for a visitor in one state, and by which rules. Exits 0, or 2 when it cannot be told.",
    declare=_declare,
    run=_run,
)
