"""Libraries that half the web is made with work under the guard, and load nothing that waits for consent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.handmade import Handmade
from support.npm import npm_file
from support.third_parties import Reply, ThirdParties

LIBRARIES = {
    "jquery.js": ("jquery@4.0.0", "dist/jquery.min.js"),
    "htmx.js": ("htmx.org@2.0.6", "dist/htmx.min.js"),
    "alpine.js": ("alpinejs@3.17.5", "dist/cdn.min.js"),
    "react.js": ("react@18.3.1", "umd/react.production.min.js"),
    "react-dom.js": ("react-dom@18.3.1", "umd/react-dom.production.min.js"),
}
Open = Callable[..., Any]


@pytest.fixture
def open_with(visitor: Any, asking: Handmade, strangers: ThirdParties) -> Open:
    """Open a page that loads these libraries; what it complains about is in ``complaints``."""
    strangers.replies.clear()
    complaints: list[str] = []
    visitor.complaints = complaints
    visitor.page.on("pageerror", lambda error: complaints.append(str(error)))

    def open_with(body: str, *names: str) -> Any:
        for name in names:
            asking.files[f"/{name}"] = ("text/javascript", npm_file(*LIBRARIES[name]))
        scripts = "".join(f'<script src="/{name}"></script>' for name in names)
        asking.pages["/"] = scripts + body
        visitor.visit("/")
        return visitor.page

    return open_with


def asked(visitor: Any, strangers: ThirdParties) -> list[str]:
    visitor.settle()
    return [url.removeprefix("https://") for url in strangers.asked]


def test_jquery(open_with: Open, visitor: Any, asking: Handmade, strangers: ThirdParties) -> None:
    strangers.replies["stats.example/lib.js"] = Reply("text/javascript", b"window.stats = true")
    asking.files["/part"] = ("text/html", b"<b id=part>part</b><script>window.inPart = true</script>")
    asking.files["/own.js"] = ("text/javascript", b"window.own = true")
    page = open_with('<table id="t"><tbody></tbody></table><div id="box"></div>', "jquery.js")
    result = page.evaluate("""async () => {
        $("#t tbody").append("<tr><td>1</td><td><img src='https://stats.example/1'></td></tr>");
        $("#box").html("<p>text</p><script>window.inHtml = true<\\/script>").attr("data-x", "1").prop("hidden", false);
        $("<img>", { src: "https://stats.example/2" }).appendTo("#box");
        $("<script>").attr("src", "https://stats.example/lib.js").appendTo("body");
        const loaded = await $.getScript("/own.js").then(() => window.own, () => "failed");
        const refused = await $.getScript("https://stats.example/lib.js").then(() => "loaded", () => "failed");
        await new Promise((done) => $("#box").append("<i>").find("i").load("/part", done));
        const answer = await $.ajax("https://ads.example/track").then(() => "sent", (request) => request.status);
        return [loaded, refused, answer, $("#t td").length, $("#part").text(), inPart, inHtml, window.stats === true];
    }""")
    assert result == [True, "failed", 0, 2, "part", True, True, False]
    assert asked(visitor, strangers) == [] and visitor.complaints == []
    page.evaluate("() => void consent.choose('save', ['analytics'])")
    assert set(asked(visitor, strangers)) == {"stats.example/1", "stats.example/2", "stats.example/lib.js"}
    assert page.evaluate("() => window.stats") is True


def test_htmx(open_with: Open, visitor: Any, asking: Handmade, strangers: ThirdParties) -> None:
    part = '<p id="new">new</p><script>window.ran = true</script><img src="https://stats.example/1">'
    asking.files["/part"] = ("application/octet-stream", part.encode())  # a gate that reads pages does not see it
    page = open_with('<button hx-get="/part" hx-target="#box">Get</button><div id="box">old</div>', "htmx.js")
    page.get_by_role("button", name="Get").click()
    page.locator("#new").wait_for()
    assert page.evaluate("() => window.ran") is True
    assert asked(visitor, strangers) == [] and visitor.complaints == []
    page.evaluate("() => void consent.choose('save', ['analytics'])")
    assert asked(visitor, strangers) == ["stats.example/1"]


def test_alpine(open_with: Open, visitor: Any, strangers: ThirdParties) -> None:
    page = open_with(
        """<div x-data="{ count: 1, source: 'https://stats.example/1', shown: false }">
            <button @click="count++; shown = true">More</button><b id="count" x-text="count"></b>
            <img :src="source"><template x-if="shown"><iframe :src="source + '/frame'"></iframe></template>
            <i x-html="shown ? `<img src='https://ads.example/2'>` : ''"></i></div>""",
        "alpine.js",
    )
    page.get_by_role("button", name="More").click()
    page.locator("#count", has_text="2").wait_for()
    assert page.locator("iframe").count() == 1
    assert asked(visitor, strangers) == [] and visitor.complaints == []
    page.evaluate("() => void consent.choose('save', ['analytics'])")
    assert sorted(asked(visitor, strangers)) == ["stats.example/1", "stats.example/1/frame"]


def test_react(open_with: Open, visitor: Any, strangers: ThirdParties) -> None:
    page = open_with(
        """<div id="root"></div><script>
        const { createElement: e, useState, useEffect } = React;
        function Shop() {
          const [count, setCount] = useState(0);
          useEffect(() => { fetch("https://stats.example/effect").catch(() => (window.failed = true)); }, []);
          return e("div", null,
            e("button", { onClick: () => setCount(count + 1) }, "Count"), e("b", { id: "count" }, count),
            e("img", { src: "https://stats.example/" + (count ? "later" : "first") }),
            e("img", { src: count ? "/own.png" : "https://ads.example/x", id: "moved" }),
            e("p", { dangerouslySetInnerHTML: { __html: "<img src='https://ads.example/html'>" } }),
            e("script", { src: "https://stats.example/react.js", async: true }));
        }
        ReactDOM.createRoot(document.querySelector("#root")).render(e(Shop));
        </script>""",
        "react.js",
        "react-dom.js",
    )
    page.get_by_role("button", name="Count").click()
    page.locator("#count", has_text="1").wait_for()
    assert page.locator("#moved").get_attribute("src") == "/own.png"
    assert page.evaluate("() => window.failed") is True
    assert asked(visitor, strangers) == [] and visitor.complaints == []
    page.evaluate("() => void consent.choose('save', ['analytics', 'marketing'])")
    assert {"stats.example/later", "ads.example/html"} <= set(asked(visitor, strangers))
    page.get_by_role("button", name="Count").click()
    page.locator("#count", has_text="2").wait_for()
    assert visitor.complaints == []
