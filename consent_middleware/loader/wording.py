"""Reads in which languages a site speaks, and what it says in words of its own."""

from __future__ import annotations

import string
from collections.abc import Mapping

from ..languages import TAGS, language
from .mistakes import Id, did_you_mean, quote
from .tables import Table

_OURS = f"there are {', '.join(TAGS)}"


def read_languages(table: Table) -> tuple[str, ...]:
    """Return the languages of ``[policy] languages`` in their order; none if it names none."""
    found: list[str] = []
    for place, word in table.words("languages"):
        tag = word.lower()
        if tag not in TAGS:
            table.findings.report(Id.LANGUAGE, place, f"{quote(word)} is not a language that we have", _OURS)
        elif tag in found:
            table.findings.report(Id.LANGUAGE, place, f"{quote(tag)} is there twice")
        else:
            found.append(tag)
    return tuple(found)


def read_default_language(table: Table, languages: tuple[str, ...]) -> str:
    """Return the language for who understands none of ``languages``: the one named, else the first of them, else ""."""
    word = table.text("default_language")
    first = languages[0] if languages else ""
    if word is None:
        return first
    offered = languages or TAGS
    if word.lower() in offered:
        return word.lower()
    hint = "add it to languages" if word.lower() in TAGS else _OURS
    reason = f"{quote(word)} is none of the languages of the policy"
    table.findings.report(Id.LANGUAGE, table.at("default_language"), reason, hint)
    return first


def read_texts(root: Table) -> Mapping[str, Mapping[str, str]]:
    """Return the site's own words in place of built-in messages: ``[texts.fr]`` with keys like ``title``."""
    tables = root.table("texts")
    texts: dict[str, dict[str, str]] = {}
    for name in tables.names():
        table, tag = tables.table(name), name.lower()
        if tag in TAGS:
            texts.setdefault(tag, {}).update(_read_messages(table, language(tag).messages))
        else:
            reason = f"{quote(name)} is not a language that we have"
            tables.findings.report(Id.LANGUAGE, tables.at(name), reason, _OURS)
    tables.close()
    return texts


def blanks_of(text: str) -> set[str] | None:
    """Return the names in braces that a text leaves to be filled in; None if its braces cannot be read.

    Nor may they say how to write it: ``{lifetime:d}`` is an error once there is a lifetime to be written.
    """
    try:
        blanks = [(name, form, way) for _, name, form, way in string.Formatter().parse(text) if name is not None]
    except ValueError:
        return None
    return None if any(form or way for _, form, way in blanks) else {name for name, _, _ in blanks}


def _read_messages(table: Table, built_in: Mapping[str, str]) -> dict[str, str]:
    messages: dict[str, str] = {}
    for key in table.names():
        text = table.text(key)
        if key not in built_in:
            hint = did_you_mean(key, built_in) or "the keys are those of the built-in languages"
            table.findings.report(Id.UNKNOWN_KEY, table.at(key), "is no message of ours", hint)
        elif text is not None:
            messages[key] = text
            _judge_blanks(key, text, built_in[key], table)
    table.close()
    return messages


def _judge_blanks(key: str, text: str, built_in: str, table: Table) -> None:
    """What the site says in words of its own must still tell what is true: how long, until when, of what."""
    wanted = blanks_of(built_in) or set()
    if blanks_of(text) != wanted:
        blanks = ", ".join(f"{{{name}}}" for name in sorted(wanted)) or "none"
        reason = "does not have the blanks of the built-in text, which are filled in with what is enforced"
        table.findings.report(Id.BLANKS, table.at(key), reason, f"they are {blanks}; a brace alone is written twice")
