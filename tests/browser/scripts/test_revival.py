"""What was withheld comes to life after a choice, in the page as it stands and as the parser would have done it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from support.handmade import Handmade
from support.third_parties import Reply, ThirdParties

STATS = "https://stats.example/"


class Revived:
    """A page in front of a visitor who has chosen nothing, and chooses in it."""

    def __init__(self, visitor: Any, site: Handmade, strangers: ThirdParties) -> None:
        self.visitor, self.site, self.strangers = visitor, site, strangers
        self.loads = 0
        self.errors: list[str] = []
        visitor.page.on("load", lambda _: setattr(self, "loads", self.loads + 1))
        visitor.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def serves(self, path: str, script: str, *, delay: float = 0, kind: str = "text/javascript") -> None:
        """Let a third party answer with this."""
        self.strangers.replies[path] = Reply(kind, script.encode(), delay=delay)

    def open(self, body: str, path: str = "/") -> None:
        self.site.pages[path] = body
        self.visitor.visit(path)
        self.loads = 1

    def choose(self, action: str = "accept-all", *categories: str) -> None:
        self.visitor.page.evaluate("([action, names]) => void consent.choose(action, names)", [action, categories])
        self.visitor.settle()

    def run(self, script: str) -> Any:
        return self.visitor.page.evaluate(script)

    @property
    def asked(self) -> list[str]:
        return [url.removeprefix("https://") for url in self.strangers.asked]


@pytest.fixture
def page(visitor: Any, asking: Handmade, strangers: ThirdParties) -> Revived:
    strangers.replies.clear()
    return Revived(visitor, asking, strangers)


PUSH = "(window.order = window.order || []).push"


def test_scripts_run_in_the_order_of_the_document(page: Revived) -> None:
    for name, delay in (("slow", 0.4), ("deferred", 0.3), ("module", 0), ("later", 0), ("async", 0)):
        page.serves(f"stats.example/{name}.js", f"{PUSH}('{name}')", delay=delay)
    page.open(f"""
        <script src="{STATS}slow.js"></script>
        <script data-consent="analytics">{PUSH}("inline " + order)</script>
        <script defer src="{STATS}deferred.js"></script>
        <script type="module" src="{STATS}module.js"></script>
        <script async src="{STATS}async.js"></script>
        <script src="{STATS}later.js"></script>
        <script data-consent="analytics">{PUSH}("last")</script>
    """)
    assert page.run("() => window.order") is None and page.asked == []
    page.choose()
    page.visitor.page.wait_for_function("() => order.length === 7")
    order = page.run("() => order")
    order.remove("async")
    assert order == ["slow", "inline slow", "later", "last", "deferred", "module"]
    assert page.loads == 1 and page.errors == []


def test_only_what_is_allowed_comes_to_life(page: Revived) -> None:
    page.open(f"""
        <script data-consent="analytics">{PUSH}("analytics")</script>
        <script data-consent="marketing">{PUSH}("marketing")</script>
        <img src="{STATS}1"><img src="https://ads.example/2">
        <img src="{STATS}3" srcset="https://ads.example/4 2x">
    """)
    page.choose("save", "analytics")
    assert page.run("() => order") == ["analytics"]
    assert page.asked == ["stats.example/1"]
    page.choose("save", "analytics", "marketing")
    assert page.run("() => order") == ["analytics", "marketing"]
    assert sorted(page.asked) == ["ads.example/2", "stats.example/1", "stats.example/3"]
    assert page.loads == 1


ELEMENTS = {
    "img": f'<img src="{STATS}1">',
    "srcset": f'<img src="/own.png" srcset="{STATS}1 1x">',
    "picture": f'<picture><source srcset="{STATS}1"><img src="/own.png"></picture>',
    "iframe": f'<iframe src="{STATS}1"></iframe>',
    "hidden iframe": f'<iframe hidden src="{STATS}1"></iframe>',
    "srcdoc": f"""<iframe srcdoc="<img src='{STATS}1'>"></iframe>""",
    "object": f'<object data="{STATS}1"></object>',
    "embed": f'<embed src="{STATS}1">',
    "video": f'<video preload="auto" src="{STATS}1"></video>',
    "video with sources": f'<video preload="auto"><source src="{STATS}1"></video>',
    "poster": f'<video poster="{STATS}1"></video>',
    "stylesheet": f'<link rel="stylesheet" href="{STATS}1">',
    "svg image": f'<svg><image xlink:href="{STATS}1" width="9" height="9"/></svg>',
    "svg script": f'<svg><script href="{STATS}1"></script></svg>',
    "background": f'<table><tr><td><body background="{STATS}1"></table>',
    "meta": f'<meta http-equiv="refresh" content="0;url={STATS}1">',
}


def test_every_element_comes_to_life(page: Revived) -> None:
    for number, markup in enumerate(ELEMENTS.values()):
        page.open(markup.replace(f"{STATS}1", f"{STATS}{number}"), f"/{number}")
        page.choose("withdraw")
        assert page.asked == []
        page.choose("save", "analytics")
        assert f"stats.example/{number}" in page.asked, [*ELEMENTS][number]
        page.visitor.page.goto(page.visitor.origin + "/_consent/settings")
        page.visitor.press("withdraw")
        page.visitor.forget()


def test_scripts_in_templates_are_alive_for_whoever_clones_them(page: Revived) -> None:
    page.open(f"<template><p></p><script src='{STATS}t.js'></script></template>")
    page.choose()
    assert page.asked == []
    page.run("() => document.body.append(document.querySelector('template').content.cloneNode(true))")
    page.visitor.settle()
    assert page.asked == ["stats.example/t.js"]


def test_attributes_stay_and_the_nonce_does_too(page: Revived) -> None:
    page.site.headers["Content-Security-Policy"] = "script-src 'nonce-abc' 'strict-dynamic'"
    page.serves("stats.example/a.js", "document.currentScript.dataset.ran = 1")
    page.open(f"""
        <script nonce="abc" src="{STATS}a.js" id="one" crossorigin="anonymous" referrerpolicy="no-referrer"
          fetchpriority="low" data-own="x"></script>
        <script nonce="abc" data-consent="analytics" id="two">document.currentScript.dataset.ran = 1</script>
    """)
    page.choose()
    assert page.run("() => [...one.attributes].map((it) => it.name + '=' + it.value).sort().join(' ')") == (
        "crossorigin=anonymous data-own=x data-ran=1 fetchpriority=low id=one nonce= referrerpolicy=no-referrer"
        f" src={STATS}a.js"
    )
    assert page.run("() => [one.nonce, two.nonce, two.dataset.ran, two.type]") == ["abc", "abc", "1", ""]
    assert page.loads == 1


def test_a_script_that_is_not_what_its_integrity_says_does_not_run(page: Revived) -> None:
    page.serves("stats.example/a.js", "window.ran = true")
    page.open(f'<script crossorigin src="{STATS}a.js" integrity="sha384-{"A" * 64}"></script>')
    page.choose()
    assert page.asked == ["stats.example/a.js"]
    assert page.run("() => window.ran") is None


def test_document_write_writes_where_the_script_stands(page: Revived) -> None:
    page.serves(
        "stats.example/written.js", f"{PUSH}('written'); window.said = document.querySelector('#two').id", delay=0.2
    )
    page.open(f"""<p id="one"></p>
        <script data-consent="analytics">
          document.write("<b id=two>");
          document.writeln("2</b><script src='{STATS}written.js'><\\/script><i id=three></i>");
        </script>
        <script data-consent="analytics">{PUSH}("next")</script>
        <p id="four"></p>""")
    page.choose()
    page.visitor.page.wait_for_function("() => window.order?.length === 2")
    assert page.run("() => [...document.querySelectorAll('body [id]')].map((it) => it.id)") == [
        "one",
        "two",
        "three",
        "four",
    ]
    assert page.run("() => order") == ["written", "next"]
    assert page.run("() => Object.hasOwn(document, 'write')") is False


def test_whoever_waits_for_the_page_to_be_loaded_is_not_kept_waiting(page: Revived) -> None:
    page.serves(
        "stats.example/a.js", f"addEventListener('load', {{ handleEvent() {{ {PUSH}('async load') }} }})", delay=0.2
    )
    page.open(f"""
        <script>addEventListener("load", () => {PUSH}("own"))</script>
        <script data-consent="analytics">
          document.addEventListener("DOMContentLoaded", function () {{ {PUSH}(this === document) }});
          window.onload = () => {PUSH}("onload");
          addEventListener("click", () => {PUSH}("click"));
        </script>
        <script async src="{STATS}a.js"></script>
    """)
    page.choose()
    page.visitor.page.wait_for_function("() => order.length === 4")
    assert page.run("() => order") == ["own", True, "async load", "onload"]
    page.run("() => document.body.click()")
    assert page.run("() => order[4]") == "click"


def test_what_the_guard_refused_comes_to_life_too(page: Revived) -> None:
    page.serves("stats.example/a.js", f"{PUSH}('ran')")
    page.open("""<div id="box"></div><script>
        const script = document.createElement("script");
        script.onload = () => (window.order = window.order || []).push("loaded");
        script.src = "https://stats.example/a.js";
        box.append(script);
        box.insertAdjacentHTML("beforeend", "<img src='https://stats.example/b'>");
        box.appendChild(document.createElement("iframe")).src = "https://stats.example/c";
    </script>""")
    assert page.asked == []
    page.choose()
    assert sorted(page.asked) == ["stats.example/a.js", "stats.example/b", "stats.example/c"]
    assert page.run("() => order") == ["ran", "loaded"]


def test_what_the_site_disarmed_itself_runs_with_its_category(page: Revived) -> None:
    page.open(f"""
        <script type="text/plain" data-consent="analytics">{PUSH}("marked")</script>
        <script type="text/plain" data-consent="analytics" data-consent-type="module">{PUSH}("module")</script>
        <script type="text/plain" data-category="analytics">{PUSH}("of somebody else")</script>
        <img data-consent="analytics" data-consent-src="{STATS}1">
    """)
    assert page.run("() => window.order") is None
    page.choose()
    assert page.run("() => order") == ["marked", "module"]
    assert page.asked == ["stats.example/1"]
    page.visitor.page.reload()
    page.visitor.settle()
    assert page.run("() => order") == ["marked", "module"]


def test_import_maps_come_first(page: Revived) -> None:
    page.open(f"""
        <script type="module" data-consent="analytics">import "stats"; {PUSH}("module")</script>
        <script type="text/plain" data-consent="analytics" data-consent-type="importmap">
          {{"imports": {{"stats": "data:text/javascript,(window.order = []).push('mapped')"}}}}</script>
    """)
    page.choose()
    page.visitor.page.wait_for_function("() => window.order?.length === 2")
    assert page.run("() => order") == ["mapped", "module"]


def test_a_script_that_throws_does_not_hold_up_the_others(page: Revived) -> None:
    page.open(f"""
        <script data-consent="analytics">throw new Error("theirs")</script>
        <script src="{STATS}missing.js"></script>
        <script data-consent="analytics">{PUSH}("ran")</script>
    """)
    page.choose()
    assert page.run("() => order") == ["ran"]
    assert "theirs" in page.errors


def test_where_the_page_s_policy_forbids_it_the_page_is_loaded_anew(page: Revived) -> None:
    """Once: what its own policy forbids there as well stays forbidden."""
    page.site.headers["Content-Security-Policy"] = "script-src 'nonce-abc'"
    page.open('<script data-consent="analytics">document.body.id = "ran"</script>')
    page.choose()
    page.visitor.page.wait_for_function("() => consent.allows('analytics')")
    page.visitor.settle()
    assert page.loads == 2
    assert page.run("() => document.body.id") == ""


def test_under_trusted_types_the_page_is_loaded_anew(page: Revived) -> None:
    page.site.headers["Content-Security-Policy"] = "require-trusted-types-for 'script'"
    page.open('<script data-consent="analytics">document.body.id = "ran"</script>')
    page.choose()
    page.visitor.page.wait_for_function("() => document.body.id === 'ran'")
    assert page.loads == 2


# Style sheets

STYLES = {
    "an element": "<style>body { background: url(https://stats.example/1) }</style>",
    "an element with a nonce": '<style nonce="abc">body { background: url("https://stats.example/1") }</style>',
    "an import": "<style>@import '//stats.example/1';</style>",
    "an attribute": """<p style="background: url('//stats.example/1'); color: red">Text</p>""",
    "two categories": "<p style='background: url(//ads.example/2)'>A</p><b style='background: url(//stats.example/1)'>",
}


@pytest.fixture
def styled(
    arrive: Callable[..., Any], handmade_sites: Mapping[str, Handmade], strangers: ThirdParties
) -> Iterator[Revived]:
    """A page of a site whose policy withholds what style sheets load, too."""
    strangers.replies.clear()
    handmade_sites["styled"].forget()
    visitor = arrive("styled")
    yield Revived(visitor, handmade_sites["styled"], strangers)
    visitor.page.context.close()


@pytest.mark.parametrize("markup", STYLES.values(), ids=STYLES)
def test_what_a_style_sheet_loads_comes_to_life_in_place(styled: Revived, markup: str) -> None:
    styled.open(markup)
    assert styled.asked == []
    styled.choose("save", "functional")
    assert styled.asked == []
    styled.choose("grant", "analytics")
    assert styled.asked == ["stats.example/1"]
    assert styled.loads == 1


def test_style_sheets_that_wait_for_nothing_are_left_alone(styled: Revived) -> None:
    """A style element that is written anew would lose what scripts have put into its sheet."""
    styled.open(
        "<style id=own>p { color: red }</style><p style='background: url(data:image/png,//x)'>Text</p>"
        "<script>own.sheet.insertRule('p { margin: 7px !important }')</script>"
        "<p style='background: url(//stats.example/1)'>"
    )
    styled.choose("save", "analytics")
    assert styled.run("() => [own.sheet.cssRules.length, document.querySelector('p').getAttribute('style')]") == [
        2,
        "background: url(data:image/png,//x)",
    ]


# What visitors may write into pages: sanitizers like DOMPurify and Bleach let data attributes pass


@pytest.mark.parametrize(
    "written",
    [
        '<img data-consent-category="necessary" data-consent-onerror="hacked = 1" data-consent-src="/nothing.png">',
        '<b data-consent="necessary" data-consent-onfocus="hacked = 1" data-consent-tabindex="0" id="it">It</b>',
        '<a data-consent-category="necessary" data-consent-href="javascript:void(hacked = 1)" id="it">It</a>',
        '<svg><a data-consent="" data-consent-xlink:href="javascript:void(hacked = 1)" id="it"></a></svg>',
        '<div data-consent-page>{"settings": "https://stats.example/", "categories": {}}</div>',
    ],
)
def test_data_attributes_that_visitors_write_become_no_scripts(page: Revived, written: str) -> None:
    page.open(f'{written}<img src="https://stats.example/1.png">')
    page.choose()
    page.run("""() => {
        const it = document.getElementById("it");
        it?.focus();
        it?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    }""")
    page.visitor.settle()
    assert page.run("() => window.hacked") is None
    assert page.run("() => consent.state.settings") == "/_consent/settings?language=en"
    assert page.asked == ["stats.example/1.png"]


def test_marks_that_make_no_sense_are_in_nobodys_way(page: Revived) -> None:
    page.open(f"""
        <b data-consent-category="%">It</b><i data-consent-category="" data-consent-hidden>It</i>
        <p id="kept">Kept</p><iframe src="{STATS}film"></iframe>
        <script>document.querySelector("iframe").previousElementSibling.remove()</script>
        <img src="{STATS}1.png">""")
    page.choose()
    assert sorted(page.asked) == ["stats.example/1.png", "stats.example/film"]
    assert page.run("() => kept.isConnected") and page.errors == []
