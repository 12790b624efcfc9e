"""Dates, units and plural rules of ours beside those of Unicode CLDR, which Babel brings along."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

import pytest
from babel import Locale
from babel.dates import format_date

from consent_middleware.languages import TAGS, language
from consent_middleware.messages import day_in, lifetime_in

# Ours are for readers in Europe.
LOCALES = {"en": "en_GB", "pt": "pt_PT"}
# French, Italian, Portuguese and Spanish have "many" for whole millions alone, which are no number of anything here.
COUNTS = [*range(1, 220), 365, 393, 1000, 1001, 1011, 1102, 34_561]
MILLIONS = {"fr", "it", "pt", "es"}


def locale(tag: str) -> Locale:
    return Locale.parse(LOCALES.get(tag, tag))


def plain(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("tag", TAGS)
class TestAgreement:
    def test_on_the_direction(self, tag: str) -> None:
        assert language(tag).is_right_to_left is (locale(tag).text_direction == "rtl")

    def test_on_every_month_of_a_year(self, tag: str) -> None:
        days = [date(2026, month, 1 + month * 2) for month in range(1, 13)]
        theirs = [plain(format_date(day, "long", locale=locale(tag))) for day in days]
        assert [plain(day_in(day, tag)) for day in days] == theirs

    def test_on_plurals(self, tag: str) -> None:
        rule = locale(tag).plural_form
        assert [language(tag).plural_of(count) for count in COUNTS] == [rule(count) for count in COUNTS]
        assert set(language(tag).plurals) | {"other"} <= {*rule.tags, "other"}
        assert (language(tag).plural_of(1_000_000) != rule(1_000_000)) is (tag in MILLIONS)

    @pytest.mark.parametrize("unit", ["second", "minute", "hour", "day", "week", "month"])
    def test_on_units_where_babel_knows_them(self, tag: str, unit: str) -> None:
        # Its format_unit takes a shorter form, without a word, where Babel lacks the long one.
        patterns = cast("Any", locale(tag))._data["unit_patterns"].get(f"duration-{unit}", {})
        known = {count: cast("Any", locale(tag)).plural_form(count) for count in COUNTS}
        try:
            long = {form: str(patterns["long"][form]) for form in set(known.values())}
        except KeyError:
            long = {}
        differing = {
            (lifetime_in(f"{count} {unit}s", tag), pattern.replace("{0}", str(count)))
            for count, form in known.items()
            if (pattern := long.get(form)) is not None
            and plain(lifetime_in(f"{count} {unit}s", tag)) != plain(pattern.replace("{0}", str(count)))
        }
        assert not differing
