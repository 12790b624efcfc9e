"""Entity tags name the variant of a page, so that no 304 revives another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware.variants import is_marked, mark_tag, unmark_tags

VARIANT, OTHER = "0123abcd", "89efcdab"
OURS, THEIRS = '"a--consent-0123abcd"', '"a--consent-89efcdab"'


@pytest.mark.parametrize(
    ("etag", "marked"),
    [
        ('"a"', OURS),
        (' "a"\t', OURS),
        ('W/"a"', f"W/{OURS}"),
        ('""', '"--consent-0123abcd"'),
        ("a", None),
        ('"a', None),
        ('"a b"', None),
        ('w/"a"', None),
        ("", None),
    ],
)
def test_marking(etag: str, marked: str | None) -> None:
    assert mark_tag(etag, VARIANT) == marked


@pytest.mark.parametrize(
    ("if_none_match", "shown", "shown_for_a_page"),
    [
        (OURS, '"a"', '"a"'),
        (f"W/{OURS}", 'W/"a"', 'W/"a"'),
        (THEIRS, "", ""),
        (f'{THEIRS}, {OURS},W/"c"', '"a", W/"c"', '"a"'),
        ('"c"', '"c"', ""),
        ('"c,d" ,  "e"', '"c,d" ,  "e"', ""),
        ("*", "*", "*"),
        (" * ", " * ", " * "),
        ("c", "c", ""),
        ("", "", ""),
        ('"a--consent-', "", ""),
        ('"a--consent-89efcdab--consent-0123abcd"', THEIRS, THEIRS),
    ],
)
def test_unmarking(if_none_match: str, shown: str, shown_for_a_page: str) -> None:
    assert unmark_tags(if_none_match, VARIANT) == shown
    assert unmark_tags(if_none_match, VARIANT, keeps_unmarked=False) == shown_for_a_page


OPAQUE = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters='"\x7f', exclude_categories=["Cc"])
)


@given(opaque=OPAQUE, weak=st.sampled_from(["", "W/"]))
def test_a_marked_tag_is_the_applications_own_for_its_variant_and_nothing_for_others(opaque: str, weak: str) -> None:
    tag = f'{weak}"{opaque}"'
    marked = mark_tag(tag, VARIANT)
    assert marked is not None
    assert is_marked(marked)
    assert unmark_tags(marked, VARIANT) == tag
    assert unmark_tags(marked, OTHER) == ""


@given(value=st.text(st.sampled_from('"W/, a-*\\') | st.characters(max_codepoint=0xFF)))
def test_nothing_raises(value: str) -> None:
    mark_tag(value, VARIANT)
    assert unmark_tags(value, VARIANT) is value or is_marked(value)
    unmark_tags(value, VARIANT, keeps_unmarked=False)
