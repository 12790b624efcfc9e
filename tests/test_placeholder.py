"""What stands in the place of a withheld embed: safe whatever the page says, and a form wherever it stands."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from consent_middleware import Category
from consent_middleware.assets import asset
from consent_middleware.messages import MESSAGES
from consent_middleware.placeholder import Place, placeholder

STYLE = asset("embed.css")
PLACE = Place(
    language="en",
    words=MESSAGES["en"],
    choice_url="/_consent/choice",
    settings_url="/_consent/settings",
    style_url=f"/_consent{STYLE.path}",
    next_path="/films?a=1&b=2",
    fingerprint="f" * 8,
    once="o" * 22,
)
CATEGORY = Category(name="marketing", label={"en": "Marketing", "fr": "Publicité"})


def rendered(place: Place = PLACE, category: Category = CATEGORY, **embed: str) -> bytes:
    return placeholder(place, category, **{"host": "video.example", "title": "", "width": "", "height": "", **embed})


def inside(markup: str) -> LexborNode:
    """What a browser makes of the shadow root: the content of its template, parsed as a document of its own."""
    content = re.search('<template shadowrootmode="open">(.*)</template>', markup, re.DOTALL)
    assert content is not None
    root = LexborHTMLParser(content[1]).body
    assert root is not None
    return root


def fields_of(form: LexborNode) -> dict[str, str]:
    return {field.attributes["name"] or "": field.attributes["value"] or "" for field in form.css("input")}


def test_it_is_a_form_to_the_choice_endpoint_that_leads_back() -> None:
    form = inside(rendered(title="A film").decode()).css_first("form")
    assert form is not None
    assert (form.attributes["method"], form.attributes["action"]) == ("post", "/_consent/choice")
    assert fields_of(form) == {
        "action": "grant",
        "category": "marketing",
        "next": "/films?a=1&b=2",
        "fingerprint": "f" * 8,
        "once": "o" * 22,
    }
    assert "A film (video.example)" in form.text()
    assert [button.text() for button in form.css("button")] == ["Accept “Marketing” and load it"]


def test_it_names_the_category_in_the_sites_own_language_where_it_has_no_other() -> None:
    category = Category(name="films", label={"de": "Filme", "fr": "Les films"})
    place = replace(PLACE, default_language="fr")
    assert "Les films" in rendered(place, category).decode()


def test_where_there_are_no_shadow_roots_it_is_a_link_to_the_settings() -> None:
    tree = LexborHTMLParser(rendered().decode())
    [link] = tree.css("body > span > a")
    assert link.attributes["href"] == "/_consent/settings"


@pytest.mark.parametrize("language", sorted(MESSAGES))
def test_it_speaks_every_language_that_we_have(language: str) -> None:
    markup = rendered(Place(**{**_as_dict(PLACE), "language": language, "words": MESSAGES[language]}))
    direction = "rtl" if language in ("ar", "he") else "ltr"
    assert f'<span data-consent-embed lang="{language}" dir="{direction}">'.encode() in markup
    assert markup.isascii()


def _as_dict(place: Place) -> dict[str, Any]:
    return {name: getattr(place, name) for name in Place.__slots__}


HOSTILE = st.text(st.sampled_from("<>\"'&\0/=` \ud800é{}%;-!") | st.characters(), max_size=40)


@given(host=HOSTILE, title=HOSTILE, width=HOSTILE, height=HOSTILE, path=HOSTILE)
def test_nothing_from_the_page_becomes_markup(host: str, title: str, width: str, height: str, path: str) -> None:
    place = Place(**{**_as_dict(PLACE), "next_path": path})
    markup = rendered(place, host=host, title=title, width=width, height=height)
    assert markup.isascii()
    text = markup.decode()
    own = rendered(Place(**{**_as_dict(PLACE), "next_path": "x"})).decode()
    tags = re.compile("</?[a-z]+")
    assert tags.findall(text) == tags.findall(own)
    assert text.count("<") == text.count(">") == own.count("<")


PAGES = [
    "<p>before {} after</p><form id=later><input name=b></form>",
    "<form id=outer><input name=a>{}<input name=b></form>",
    "<p>x<span>{}</span>y</p>",
    "<table><tr><td>{}</td></tr></table>",
    "<ul><li>{}</li></ul>",
    "<button>{}</button>",
]


@pytest.mark.parametrize("page", PAGES)
def test_the_page_around_it_is_parsed_as_without_it(page: str) -> None:
    """A form of ours in a paragraph would end it; in a form of the page it would end that one."""
    tree = LexborHTMLParser("<!doctype html>" + page.format(f"<b></b>{rendered().decode()}<i></i>"))
    plain = LexborHTMLParser("<!doctype html>" + page.format("<b></b><span></span><i></i>"))
    for stand_in in tree.css("b + span"):
        for child in list(stand_in.iter(include_text=True)):
            child.decompose()
        for name in list(stand_in.attributes):
            del stand_in.attrs[name]
    assert tree.html == plain.html


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        ("560", "315", ("560", "315")),
        ("560px", " 315 ", ("560", "315")),
        ("100%", "", ("300", "150")),
        ("0", "99999", ("1", "150")),
        ("9999", "-1", ("4000", "150")),
        ("1e3", "٣", ("300", "150")),
    ],
)
def test_it_keeps_the_embeds_place(width: str, height: str, size: tuple[str, str]) -> None:
    canvas = inside(rendered(width=width, height=height).decode()).css_first("canvas")
    assert canvas is not None
    assert (canvas.attributes["width"], canvas.attributes["height"]) == size


def test_the_style_names_itself_by_its_content() -> None:
    assert re.fullmatch(r"embed-[0-9a-f]{12}\.css", STYLE.name)
    assert b".cm-embed" in STYLE.body
    assert f'href="/_consent{STYLE.path}"'.encode() in rendered()
