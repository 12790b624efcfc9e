"""The words visitors read: which language one of them gets, and how texts, dates and lifetimes read in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache

from . import languages
from .languages import TAGS
from .policy import Category, Texts


class _Messages(Mapping[str, Mapping[str, str]]):
    """Every language's messages; a language is read when it is first asked for."""

    def __getitem__(self, tag: str) -> Mapping[str, str]:
        return languages.language(tag).messages

    def __iter__(self) -> Iterator[str]:
        return iter(TAGS)

    def __len__(self) -> int:
        return len(TAGS)

    def __contains__(self, tag: object) -> bool:
        return tag in TAGS


MESSAGES: Mapping[str, Mapping[str, str]] = _Messages()
"""The built-in messages: language tag to key to text. A key stands for the same thing in every language."""

# Browsers send few different headers, and short ones.
_HEADERS_REMEMBERED = 256
_LONGEST_HEADER = 1000

# "no" names Norwegian in both its forms, of which "nb" is written by most (RFC 5646, section 4.1.1); "iw" was Hebrew.
_SAME = {"no": "nb", "nn": "nb", "iw": "he"}


def language_for(accept_language: str | None, offered: Collection[str] = TAGS, default: str = "en") -> str:
    """Return the visitor's most wanted language among those offered, else the default (RFC 9110, 12.5.4)."""
    wanted = _wanted((accept_language or "")[:_LONGEST_HEADER])
    return next((tag for tag in wanted if tag in offered), default)


def language_of(tag: str) -> str:
    """Return the built-in language in which to address who reads the one of this BCP 47 tag; "" without any.

    Regions and scripts are dropped (RFC 4647, section 3.4): what is there for "pt" is read by "pt-BR" too.
    """
    primary = tag.replace("_", "-").partition("-")[0].lower()
    primary = _SAME.get(primary, primary)
    return primary if primary in TAGS else ""


def text_in(texts: Texts, language: str, default: str = "en") -> str:
    """Return a site's own text in this language or a regional form of it, or else the one for every language.

    Without either: the one in the default language, else in English, else in any, else "".
    """
    if own := own_text_in(texts, language):
        return own
    for tag in (default, "en"):
        if texts.get(tag):
            return texts[tag]
    return next(filter(None, texts.values()), "")


def own_text_in(texts: Texts, language: str) -> str:
    """Return a site's own text for readers of this language; "" when there is one for others at most."""
    regional = (tag for tag in texts if tag and language_of(tag) == language)
    return next((texts[tag] for tag in (language, *regional, "") if texts.get(tag)), "")


def label_of(category: Category, language: str, default: str = "en") -> str:
    """Return what visitors read as the name of a category: the site's label, else ours for a usual one."""
    built_in = MESSAGES[language].get(f"label-{category.name}", "")
    return _told(category.label, language, built_in, default) or category.name.replace("-", " ").capitalize()


def description_of(category: Category, language: str, default: str = "en") -> str:
    """Return what visitors read about a category: the site's description, else ours for a usual one, else ""."""
    return _told(category.description, language, MESSAGES[language].get(f"about-{category.name}", ""), default)


def _told(texts: Texts, language: str, built_in: str, default: str) -> str:
    """A text of ours that the reader understands goes before one of the site's in another language."""
    return own_text_in(texts, language) or built_in or text_in(texts, language, default)


def lifetime_in(lifetime: str, language: str) -> str:
    """Return a lifetime as ``str(Lifetime)`` gives it ("6 months", "session") in the words of a language."""
    if lifetime == "session":
        return MESSAGES[language]["session"]
    count, _, unit = lifetime.partition(" ")
    words = languages.language(language)
    return words.units[unit.removesuffix("s")][words.plural_of(int(count))].format(count=count)


def date_in(instant: int, language: str) -> str:
    """Return the day of an instant (epoch seconds) in UTC, the month in words: "21 November 2026"."""
    return day_in(datetime.fromtimestamp(instant, UTC), language)


def day_in(day: date, language: str) -> str:
    """Return a day, the month in words: "21 November 2026"."""
    words = languages.language(language)
    return words.date.format(day=day.day, month=words.months[day.month - 1], year=day.year)


def is_right_to_left(language: str) -> bool:
    """Whether a language is written from right to left, which is what ``dir`` must say then."""
    return languages.language(language).is_right_to_left


@lru_cache(_HEADERS_REMEMBERED)
def _wanted(accept_language: str) -> tuple[str, ...]:
    """Return the languages that we have among those wanted, the most wanted first."""
    weighted: list[tuple[float, str]] = []
    for part in accept_language.split(","):
        tag, _, parameters = part.partition(";")
        weighted.append((_quality(parameters), language_of(tag.strip())))
    ranked = sorted(weighted, key=lambda pair: -pair[0])
    return tuple(tag for quality, tag in ranked if quality > 0 and tag)


def _quality(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
