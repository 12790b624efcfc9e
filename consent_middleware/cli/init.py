"""``consent init``: a first policy file for a site that exists already."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, TextIO

from ..draft import Facts, propose, written
from ..draft.document import MARK
from ..draft.frameworks import facts_of_app, facts_of_settings
from ..draft.hints import Hints
from ..draft.observations import read_observations
from ..errors import ConsentError, Mistake, PolicyError
from ..policy import Policy
from .command import Command, InputError
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
    from ..draft.visit import Looking

_STDOUT = "-"
_MOST_BYTES = 50_000_000
_NOWHERE = (
    "nothing to look at; give --url http://127.0.0.1:8000/ for a running site, --settings mysite.settings (Django) or "
    "--app module:app (Flask, Starlette, FastAPI) for its settings, --from-report FILE for what report mode observed, "
    "or several of them"
)


def _declare(parser: argparse.ArgumentParser) -> None:
    sources = parser.add_argument_group("what it looks at, one or several")
    sources.add_argument("--url", metavar="URL", help="the running site")
    sources.add_argument("--settings", metavar="MODULE", help="the settings of a Django project, like mysite.settings")
    sources.add_argument("--app", metavar="MODULE:NAME", help="an application of Flask, Starlette or FastAPI")
    sources.add_argument("--from-report", metavar="FILE", help="what report mode observed: JSON, or the URL of it")
    parser.add_argument("--controller", metavar="NAME", default="", help="who answers for the site")
    parser.add_argument("--contact", metavar="ADDRESS", default="", help="where visitors can write about their data")
    parser.add_argument(
        "--open-cookie-database",
        metavar="FILE",
        type=Path,
        help="a copy of its CSV file, for hints about cookies that the catalogue does not know",
    )
    parser.add_argument(
        "--output", metavar="FILE", default="consent.toml", help='where to write, "-" for standard output'
    )
    parser.add_argument("--force", action="store_true", help="replace the file if there is one")
    parser.add_argument(
        "--prefix", default="/_consent", help="where this middleware answers there (default: /_consent)"
    )
    declare_reach(parser)
    declare_browser(parser)
    declare_trust(parser)


def _run(options: argparse.Namespace, out: TextIO) -> bool:
    file = None if options.output == _STDOUT else Path(options.output)
    if file is not None and file.exists() and not (options.force and file.is_file()):
        raise _exists(file) if file.is_file() else _no_file(file)
    try:
        hints = Hints.read(options.open_cookie_database) if options.open_cookie_database else Hints()
        facts = [*_facts(options)]
    except ConsentError as error:
        raise InputError(str(error)) from error
    if not facts:
        raise InputError(_NOWHERE)
    name = "consent.toml" if file is None else str(file)
    text = written(
        propose(facts, hints),
        datetime.now(UTC).date(),
        name=name,
        controller=options.controller.strip(),
        contact=options.contact.strip(),
    )
    if file is None:
        out.write(text)
    else:
        _write_whole(file, text, replaces=options.force)
    mistakes = _mistakes(text)
    _say_what_next(name, facts, mistakes, sys.stderr if file is None else out)
    return bool(mistakes)


def _facts(options: argparse.Namespace) -> Iterator[Facts]:
    """Read every source that was named; what is known for certain, the settings, goes before what was seen."""
    if options.settings:
        yield facts_of_settings(options.settings)
    if options.app:
        yield facts_of_app(options.app)
    if options.from_report:
        yield _observed(options.from_report, options)
    if options.url:
        yield _seen(options)


def _observed(source: str, options: argparse.Namespace) -> Facts:
    if not source.startswith(("http://", "https://")):
        return read_observations(_read(Path(source)), source)
    try:
        from ..draft.visit import fetch_observations
    except ImportError as error:
        raise extra_missing(error) from error
    return fetch_observations(source, _looking(options))


def _seen(options: argparse.Namespace) -> Facts:
    try:
        from ..draft.visit import look_at
    except ImportError as error:
        raise extra_missing(error) from error
    with shown_progress() as progress:
        return look_at(options.url, _looking(options), progress)


def _looking(options: argparse.Namespace) -> Looking:
    from ..draft.visit import Looking

    return Looking(
        reach=reach_of(options),
        limits=limits_of(options),
        trust=trust_of(options),
        prefix=options.prefix,
        browsing=browsing_of(options),
    )


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from error
    if len(content) > _MOST_BYTES:
        raise InputError(f"{file} is larger than {_MOST_BYTES // 1_000_000} MB, so it is no report")
    return content


def _mistakes(text: str) -> tuple[Mistake, ...]:
    """What ``consent check`` will say about the file: its questions."""
    try:
        Policy.from_dict(tomllib.loads(text))
    except PolicyError as error:
        return error.mistakes
    return ()


def _say_what_next(name: str, facts: list[Facts], mistakes: tuple[Mistake, ...], out: TextIO) -> None:
    cookies = len({cookie.name for each in facts for cookie in each.cookies})
    hosts = len({host.host or host.service for each in facts for host in each.hosts})
    open_ones = _counted(len(mistakes), "open question")
    print(f"{name}: {_counted(cookies, 'cookie')} and {_counted(hosts, 'third party')} seen, {open_ones}", file=out)
    for remark in dict.fromkeys(remark for each in facts for remark in each.remarks):
        print(f"  not seen: {remark}", file=out)
    if mistakes:
        print(f"Next: answer them (grep {MARK} {name}), until this finds nothing: consent check {name}", file=out)
    else:
        print("Next: put the middleware around the application and run it with CONSENT_MODE=report", file=out)


def _counted(count: int, what: str) -> str:
    many = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{count or 'no'} {what if count == 1 else many}"


def _write_whole(file: Path, text: str, *, replaces: bool) -> None:
    """Write all of a file or nothing, and never over another one unless it ``replaces`` that. Raises InputError."""
    target = file.resolve()  # a link stays one
    draft = target.with_name(f".{target.name}.{token_hex(4)}")
    try:
        with draft.open("x", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
        if replaces:
            if target.exists():
                shutil.copymode(target, draft)
            os.replace(draft, target)
        else:
            _put_in_a_free_place(draft, target)
    except FileExistsError as error:
        raise _exists(file) from error
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _put_in_a_free_place(draft: Path, target: Path) -> None:
    """Give a file its name unless another has it. A link fails then, which a renaming does not."""
    try:
        os.link(draft, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if target.exists():
            raise FileExistsError(target) from None
        os.replace(draft, target)


def _exists(file: Path) -> InputError:
    return InputError(f"{file} exists and stays as it is; replace it with --force, or name another one with --output")


def _no_file(file: Path) -> InputError:
    # To put a file in the place of /dev/null, as root could, would break more than a policy.
    return InputError(f'{file} exists and is no file; name another with --output, or "-" for standard output')


INIT = Command(
    name="init",
    summary="draft a policy for an existing site",
    description="Draft a policy file for a site that exists already, from what its framework's settings say, what "
    "report mode observed, and what a visit shows. Services that the catalogue knows are sorted into their categories; "
    "what only you can know is left as a question. Exits 0 when no question is left, 1 when there are some, 2 when it "
    "could not work. An existing file is left alone.",
    declare=_declare,
    run=_run,
)
