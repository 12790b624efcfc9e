"""The words visitors read, and the choice of a language."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware import Lifetime
from consent_middleware.messages import MESSAGES, language_for, lifetime_in, text_in


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
        ("de, fr;q=0.8, en;q=0.5", "fr"),
        ("en;q=0.5, fr;q=0.8", "fr"),
        ("en, fr", "en"),
        ("fr, en", "fr"),
        ("fr;q=0, en;q=0.1", "en"),
        ("de", "en"),
        ("*", "en"),
        ("fr;q=2", "en"),
        ("fr;q=-1", "en"),
        ("fr;q=nan", "en"),
        ("fr;q=high", "en"),
        ("fr ; q = 0.3 , de", "fr"),
        ("french", "en"),
        (", ,;q=1,fr", "fr"),
    ],
)
def test_the_most_wanted_language_that_we_have(accepted: str | None, language: str) -> None:
    assert language_for(accepted) == language


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
    ],
)
def test_lifetimes_in_words(written: str, english: str, french: str) -> None:
    lifetime = str(Lifetime.parse(written))
    assert (lifetime_in(lifetime, "en"), lifetime_in(lifetime, "fr")) == (english, french)
