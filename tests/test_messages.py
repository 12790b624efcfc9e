"""The words visitors read, and the choice of a language."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware import Lifetime
from consent_middleware.messages import (
    MESSAGES,
    date_in,
    description_of,
    is_right_to_left,
    label_of,
    language_for,
    language_of,
    lifetime_in,
    text_in,
)
from consent_middleware.policy import Category

USUAL = ("necessary", "functional", "analytics", "marketing", "chat", "video", "social")


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", MESSAGES)
def test_every_language_has_every_message_with_the_same_blanks(language: str) -> None:
    english, translated = MESSAGES["en"], MESSAGES[language]
    assert translated.keys() == english.keys()
    assert {key: fields(text) for key, text in translated.items()} == {
        key: fields(text) for key, text in english.items()
    }
    assert all(text.strip() == text and text for text in translated.values())


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("fr", "fr"),
        ("FR-ca", "fr"),
        ("fr-Latn-CH-x-private", "fr"),
        ("zh-Hant-TW, fr;q=0.8, en;q=0.5", "fr"),
        ("en;q=0.5, fr;q=0.8", "fr"),
        ("en, fr", "en"),
        ("fr, en", "fr"),
        ("fr;q=0, en;q=0.1", "en"),
        ("zh", "en"),
        ("-", "en"),
        ("pt-BR, en;q=0.9", "pt"),
        ("no", "nb"),
        ("nn-NO, en;q=0.9", "nb"),
        ("iw", "he"),
        ("sr-Latn, uk-Cyrl;q=0.5", "uk"),
        ("*", "en"),
        ("fr;q=2", "en"),
        ("fr;q=-1", "en"),
        ("fr;q=nan", "en"),
        ("fr;q=high", "en"),
        ("fr ; q = 0.3 , zh", "fr"),
        ("french", "en"),
        (", ,;q=1,fr", "fr"),
    ],
)
def test_the_most_wanted_language_that_we_have(accepted: str | None, language: str) -> None:
    assert language_for(accepted) == language


def test_a_visitor_gets_one_of_the_languages_offered_else_the_default() -> None:
    assert language_for("fr, en;q=0.5", offered=("en",)) == "en"
    assert language_for("en", offered=("fr",), default="fr") == "fr"


@given(st.text())
def test_whatever_is_asked_the_answer_is_a_language_that_we_have(accepted: str) -> None:
    assert language_for(accepted) in MESSAGES


@pytest.mark.parametrize(
    ("texts", "language", "expected"),
    [
        ({"en": "Measurement", "fr": "Mesure"}, "fr", "Mesure"),
        ({"en": "Measurement"}, "fr", "Measurement"),
        ({"": "Always", "en": "Measurement"}, "fr", "Always"),
        ({"": "Always", "fr": "Mesure"}, "fr", "Mesure"),
        ({"de": "Messung"}, "fr", "Messung"),
        ({"fr": "", "en": "Measurement"}, "fr", "Measurement"),
        ({"fr-ca": "Mesure", "en": "Measurement"}, "fr", "Mesure"),
        ({"fr-ca": "Mesurage", "fr": "Mesure"}, "fr", "Mesure"),
        ({"nn": "Måling", "en": "Measurement"}, "nb", "Måling"),
        ({"fr": "", "de": ""}, "fr", ""),
        ({}, "fr", ""),
    ],
)
def test_a_sites_own_text_in_the_nearest_language(texts: dict[str, str], language: str, expected: str) -> None:
    assert text_in(texts, language) == expected


@pytest.mark.parametrize(
    ("written", "english", "french"),
    [
        ("6 months", "6 months", "6 mois"),
        ("1 month", "1 month", "1 mois"),
        ("1 day", "1 day", "1 jour"),
        ("2 days", "2 days", "2 jours"),
        ("1 hour", "1 hour", "1 heure"),
        ("3 weeks", "3 weeks", "3 semaines"),
        ("1 minute", "1 minute", "1 minute"),
        ("90 seconds", "90 seconds", "90 secondes"),
        ("2 years", "24 months", "24 mois"),
        ("session", "session", "session"),
    ],
)
def test_lifetimes_in_words(written: str, english: str, french: str) -> None:
    lifetime = str(Lifetime.parse(written))
    assert lifetime_in(lifetime, "en") == english
    assert lifetime_in(lifetime, "fr").replace("\u00a0", " ") == french


@pytest.mark.parametrize(
    ("instant", "english", "french"),
    [
        (0, "1 January 1970", "1 janvier 1970"),
        (1795305599, "21 November 2026", "21 novembre 2026"),
        (1795305600, "22 November 2026", "22 novembre 2026"),
    ],
)
def test_dates_are_days_in_utc_with_the_month_in_words(instant: int, english: str, french: str) -> None:
    assert (date_in(instant, "en"), date_in(instant, "fr")) == (english, french)


def test_who_reads_which_language() -> None:
    assert not is_right_to_left("en")
    assert (language_of("fr_FR"), language_of("EN-gb"), language_of("tlh"), language_of("")) == ("fr", "en", "", "")


@pytest.mark.parametrize("language", MESSAGES)
def test_the_usual_categories_need_no_words_of_the_sites_own(language: str) -> None:
    labels = {label_of(Category(name=name), language) for name in USUAL}
    descriptions = {description_of(Category(name=name), language) for name in USUAL}
    assert len(labels) == len(descriptions) == len(USUAL)
    assert "" not in labels | descriptions


def test_the_sites_own_words_about_a_category_go_first_if_the_reader_understands_them() -> None:
    category = Category(name="analytics", label={"fr-ca": "Statistiques", "": ""}, description={"de": "Zählt"})
    assert label_of(category, "fr") == "Statistiques"
    assert label_of(category, "de") == MESSAGES["de"]["label-analytics"]
    assert description_of(category, "fr") == MESSAGES["fr"]["about-analytics"]
    own = Category(name="live-maps", label={"de": "Karten"})
    assert (label_of(own, "fr"), description_of(own, "fr")) == ("Karten", "")
    assert label_of(Category(name="live-maps"), "fr") == "Live maps"
