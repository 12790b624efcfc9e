"""``consent page``: the cookie policy as a file, for a site that serves its texts itself."""

from __future__ import annotations

import argparse
from typing import TextIO

from ..languages import TAGS
from ..policy import KnownCookie
from ..policy_page import CookiePolicy, Place
from .command import Command
from .policy_file import load_policy


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--policy", metavar="FILE", required=True, help="the policy, a TOML file")
    parser.add_argument("--language", choices=TAGS, metavar="TAG", help="like fr (default: the policy's own default)")
    parser.add_argument(
        "--format",
        choices=("html", "fragment", "markdown"),
        default="html",
        help="a whole page, a part of one, or Markdown (default: html)",
    )
    parser.add_argument(
        "--necessary",
        metavar="NAME",
        action="append",
        default=[],
        help="a cookie that is necessary without being declared, as of a framework; may be repeated",
    )
    parser.add_argument(
        "--prefix", default="/_consent", help="where the middleware's addresses are (default: /_consent)"
    )


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    policy = load_policy(options.policy)
    told = CookiePolicy(policy, [KnownCookie(name=name) for name in options.necessary])
    place = Place(
        language=options.language or policy.default_language,
        settings_url=f"{options.prefix.rstrip('/')}/settings",
    )
    print(_written(told, place, options.format), end="", file=out)
    return False


def _written(told: CookiePolicy, place: Place, format: str) -> str:
    match format:
        case "markdown":
            return told.markdown(place)
        case "fragment":
            return told.html(place) + "\n"
        case _:
            return told.page(place)


PAGE = Command(
    name="page",
    summary="write the cookie policy that visitors read",
    description="Write the cookie policy that visitors read, for a site that serves it as a file. "
    "Exits 2 when the policy file cannot be read or has mistakes.",
    declare=_declare,
    run=_run,
)
