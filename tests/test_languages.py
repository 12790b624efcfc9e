"""The data file of each language: complete, consistent, and in its own script."""

from __future__ import annotations

import re
import string
import unicodedata
from importlib.resources import files

import pytest

from consent_middleware.languages import TAGS, language
from consent_middleware.messages import date_in, lifetime_in

OFFICIAL = "bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv".split()
NEIGHBOURS = "ar he is nb tr uk".split()
SCRIPTS = {"bg": "CYRILLIC", "uk": "CYRILLIC", "el": "GREEK", "ar": "ARABIC", "he": "HEBREW"}
# Names and abbreviations that are written in Latin letters everywhere.
LATIN = {"Global", "Privacy", "Control", "JSON", "cookie", "cookies", "Cookies"}
BUTTONS = ("accept-all", "reject-all", "customise", "save", "withdraw", "erase", "back", "again")
COUNTS = [*range(1, 130), 200, 365, 393, 1000, 34_560_000]
ENGLISH = language("en")


def blanks(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", re.sub(r"\{\w+\}", " ", text))


def script(letter: str) -> str:
    return unicodedata.name(letter).split()[0]


def test_the_official_languages_of_the_union_and_of_its_neighbours_are_there() -> None:
    assert set(TAGS) == {*OFFICIAL, *NEIGHBOURS}


@pytest.mark.parametrize("tag", TAGS)
class TestEachLanguage:
    def test_it_has_every_message_in_the_order_of_the_english_file(self, tag: str) -> None:
        assert list(language(tag).messages) == list(ENGLISH.messages)

    def test_its_messages_have_the_blanks_of_the_english_ones(self, tag: str) -> None:
        messages = language(tag).messages
        assert {key: blanks(text) for key, text in messages.items()} == {
            key: blanks(text) for key, text in ENGLISH.messages.items()
        }

    def test_no_message_is_empty_or_padded_or_left_in_english(self, tag: str) -> None:
        messages = language(tag).messages
        assert all(text and text == text.strip() and "  " not in text for text in messages.values())
        sentences = [key for key, text in messages.items() if len(words(text)) > 4]
        assert len(sentences) > 40
        assert tag == "en" or not [key for key in sentences if messages[key] == ENGLISH.messages[key]]

    def test_it_is_written_in_one_script(self, tag: str) -> None:
        own = SCRIPTS.get(tag, "LATIN")
        foreign = [
            (key, word)
            for key, text in language(tag).messages.items()
            for word in words(text)
            if word not in LATIN and {script(letter) for letter in word} != {own}
        ]
        assert not foreign

    def test_its_buttons_are_short(self, tag: str) -> None:
        messages = language(tag).messages
        assert not {key: messages[key] for key in BUTTONS if len(messages[key]) > 30}

    def test_what_the_text_calls_a_button_is_on_it(self, tag: str) -> None:
        messages = language(tag).messages
        assert not re.search("[“„”«»‘״]", messages["on-request"]) or messages["accept-all"] in messages["on-request"]

    def test_sentences_end_as_the_english_ones_do(self, tag: str) -> None:
        messages = language(tag).messages
        ends = {key: text[-1] for key, text in ENGLISH.messages.items() if text[-1] in ".:"}
        differing = [key for key, end in ends.items() if messages[key][-1] != end]
        # A Hungarian date brings its own full stop.
        assert differing == (["decided"] if tag == "hu" else [])
        assert not [key for key, text in messages.items() if key not in ends and text[-1] in ".:"]

    def test_every_number_has_a_form_in_every_unit(self, tag: str) -> None:
        told = language(tag)
        forms = {*told.plurals, "other"}
        assert {told.plural_of(count) for count in range(2000)} <= forms
        for unit in ("second", "minute", "hour", "day", "week", "month"):
            assert set(told.units[unit]) == forms
            assert all(lifetime_in(f"{count} {unit}s", tag) for count in COUNTS)
            # "one" and "two" may be words; where a form stands for many numbers it says which.
            assert all("{count}" in text for form, text in told.units[unit].items() if form not in ("one", "two"))

    def test_a_date_names_its_day_month_and_year(self, tag: str) -> None:
        told = language(tag)
        assert len(set(told.months)) == 12
        date = date_in(1795305600, tag)
        assert "22" in date and "2026" in date and told.months[10] in date

    def test_what_no_native_speaker_has_read_is_marked(self, tag: str) -> None:
        told = language(tag)
        assert told.unreviewed <= told.messages.keys()
        assert tag in ("en", "fr") or told.unreviewed

    def test_its_file_is_plain_to_edit(self, tag: str) -> None:
        text = files("consent_middleware").joinpath("data", "languages", f"{tag}.toml").read_text(encoding="utf-8")
        assert text.startswith("# ")
        assert unicodedata.is_normalized("NFC", text)
        # What cannot be seen is written as an escape; the letters of a word may be joined or not.
        unseen = {letter for letter in text if unicodedata.category(letter) in ("Cf", "Zs", "Cc")} - {" ", "\n"}
        assert not unseen


def test_a_plural_rule_that_cannot_be_read_is_an_error() -> None:
    from consent_middleware.languages import _rule

    with pytest.raises(ValueError, match="no relation of a plural rule"):
        _rule("n = 1 and i % 10 = 2")


def test_there_is_no_language_without_a_file() -> None:
    for tag in ("", "xx", "../en", "EN"):
        with pytest.raises(KeyError):
            language(tag)
