"""What the guard refuses at run time, and that everything else is as the browser has it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consent_middleware import Policy
from consent_middleware.guard import guard_script
from support.handmade import DECLARED, HOST, POLICY, Handmade
from support.third_parties import ThirdParties

STATS, ADS = "https://stats.example/", "https://ads.example/"
GUARD = guard_script(Policy.from_dict(POLICY), DECLARED)


class Page:
    """A page with the guard in it, and the requests that left it."""

    def __init__(self, visitor: Any, site: Handmade, strangers: ThirdParties) -> None:
        self.visitor, self.site, self.strangers = visitor, site, strangers
        self.errors: list[str] = []
        visitor.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, body: str = "", *, allowed: str = "necessary", guarded: bool = True) -> Page:
        tag = f'<script src="/guard.js" data-consent-allowed="{allowed}"></script>'
        self.site.files["/guard.js"] = ("text/javascript", GUARD)
        self.site.head = tag if guarded else ""
        self.site.pages["/"] = body
        self.visitor.page.goto(self.visitor.origin + "/")
        return self

    def run(self, script: str, argument: Any = None) -> Any:
        """Run a function of the page."""
        return self.visitor.page.evaluate(script, argument)

    def choose(self, action: str) -> None:
        """Choose by the back door, and leave."""
        self.visitor.page.goto(self.visitor.origin + "/_consent/settings")
        self.visitor.press(action)

    @property
    def asked(self) -> list[str]:
        """Every request to a third party, without what all of them begin with, once all has gone quiet."""
        self.visitor.settle()
        return [url.removeprefix("https://") for url in self.strangers.asked]

    @property
    def cookies(self) -> set[str]:
        return {name for _, name in self.visitor.jar}


@pytest.fixture
def page(quiet_visitor: Any, quiet: Handmade, strangers: ThirdParties) -> Page:
    return Page(quiet_visitor, quiet, strangers)


# Requests

MAKE = """
    const make = (tag, given) => Object.assign(document.createElement(tag), given);
    const add = (tag, given) => document.body.appendChild(make(tag, given));
    const svg = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);
"""
LOADING = {
    "script.src": "add('script', { src: url })",
    "script.setAttribute": "const it = make('script'); it.setAttribute('SRC', url); document.body.append(it)",
    "module": "add('script', { type: 'module', src: url })",
    "svg script": "const it = svg('script'); it.setAttribute('href', url); document.body.append(it)",
    "new Image": "new Image().src = url",
    "img.srcset": "new Image().srcset = `/own.png 2x, ${url} 1x`",
    "img in innerHTML": "document.body.innerHTML = `<p>text<img src='${url}'></p>`",
    "img in detached innerHTML": "make('div', { innerHTML: `<img src='${url}'>` })",
    "img in insertAdjacentHTML": "document.body.insertAdjacentHTML('beforeend', `<img src='${url}'>`)",
    "img in outerHTML": "add('p').outerHTML = `<img src='${url}'>`",
    "img in a fragment": "add('p').append(document.createRange().createContextualFragment(`<img src='${url}'>`))",
    "script in a fragment": """add('p').append(
        document.createRange().createContextualFragment(`<script src='${url}'><\\/script>`))""",
    "img from DOMParser": """document.body.append(
        new DOMParser().parseFromString(`<body><img src='${url}'></body>`, 'text/html').body.firstChild)""",
    "img in a template": """const it = make('template', { innerHTML: `<img src='${url}'>` });
        document.body.append(it.content.cloneNode(true))""",
    "img in a shadow root": "add('div').attachShadow({ mode: 'open' }).innerHTML = `<img src='${url}'>`",
    "picture": "document.body.innerHTML = `<picture><source srcset='${url}'><img src='/own.png'></picture>`",
    "iframe.src": "add('iframe', { src: url })",
    "iframe.src once in the page": "add('iframe').src = url",
    "iframe.srcdoc": "add('iframe', { srcdoc: `<img src='${url}'>` })",
    "iframe in innerHTML": "document.body.innerHTML = `<iframe src='${url}'></iframe>`",
    "object": "add('object', { data: url })",
    "embed": "add('embed', { src: url })",
    "video": "add('video', { preload: 'auto', src: url })",
    "poster": "add('video', { poster: url })",
    "audio": "new Audio(url).play().catch(() => {})",
    "stylesheet": "add('link', { rel: 'stylesheet', href: url })",
    "preload, href first": "add('link', { href: url, rel: 'preload', as: 'script' })",
    "preconnect": "add('link', { rel: 'preconnect', href: url })",
    "input": "add('input', { type: 'image', src: url })",
    "svg image": """const it = svg('image');
        it.setAttributeNS('http://www.w3.org/1999/xlink', 'xlink:href', url);
        document.body.appendChild(svg('svg')).append(it)""",
    "document.write": "document.write(`<p>text<img src='${url}'></p>`); document.close()",
    "fetch": "return fetch(url).catch(() => {})",
    "fetch of a Request": "return fetch(new Request(url)).catch(() => {})",
    "fetch of a URL": "return fetch(new URL(url)).catch(() => {})",
    "XMLHttpRequest": "const it = new XMLHttpRequest(); it.open('GET', url); it.send()",
    "sendBeacon": "navigator.sendBeacon(url, 'x')",
    "EventSource": "new EventSource(url).onerror = (event) => event.target.close()",
    "ping": "add('a', { ping: url, href: '#x' }).click()",
}


def try_all(page: Page, *, patience: int, **options: Any) -> None:
    """Load something in every way, each from a path of its own; wait for each, at most so many milliseconds."""
    for number, code in enumerate(LOADING.values()):
        page.open(**options)
        page.run(f"async (url) => {{ {MAKE} {code} }}", f"{STATS}{number}")
        for _ in range(0, patience, 50):
            page.visitor.page.wait_for_timeout(50)
            if f"{STATS}{number}" in page.strangers.asked:
                break


def ways(asked: list[str]) -> set[str]:
    return {[*LOADING][int(url.removeprefix("stats.example/"))] for url in asked}


def test_nothing_is_loaded_from_a_gated_host(page: Page) -> None:
    try_all(page, patience=150)
    assert ways(page.asked) == set()
    assert page.strangers.greeted == []
    assert page.errors == []


def test_what_is_allowed_is_loaded_as_ever(page: Page) -> None:
    try_all(page, patience=3000, allowed="necessary analytics")
    assert ways(page.asked) == LOADING.keys() - {"preconnect"}
    assert page.errors == []


def test_a_socket_to_a_gated_host_fails_as_sockets_do(page: Page) -> None:
    page.open()
    closed = """(url) => new Promise((resolve) => {
        const socket = new WebSocket(url, "chat");
        socket.onclose = (event) => resolve([event.code, event.wasClean, socket instanceof WebSocket]);
    })"""
    assert page.run(closed, "wss://stats.example/socket") == [1006, False, True]
    assert page.strangers.greeted == []
    page.run(closed, "wss://free.example/socket")
    assert set(page.strangers.greeted) == {"free.example"}


def test_a_refused_worker_is_one_that_could_not_be_loaded(page: Page) -> None:
    page.open()
    refused = "() => { try { new Worker('/pixel/worker.js'); return 'made' } catch (e) { return e.name } }"
    assert page.run(refused) == "SecurityError"
    assert "/pixel/worker.js" not in page.site.asked


RULES = [
    ("https://stats.example/", "analytics"),
    ("https://a.b.STATS.example.:8443/x", "analytics"),
    ("//user@stats.example/x", "analytics"),
    ("\\\\stats.example\\x", "analytics"),
    ("https://stats.example.org/", ""),
    ("https://notstats.example/", ""),
    ("/?u=https://stats.example/", ""),
    ("https://tags.example/js?id=S-1", "analytics"),
    ("https://tags.example/js?l=x&id=A-1", "marketing"),
    ("https://tags.example/x/../js?id=A-1", "marketing"),
    ("https://tags.example/js?uid=A-1", ""),
    ("https://tags.example/js/more?id=A-1", ""),
    ("https://any.example/dir/own-stats.js?1", "analytics"),
    ("own-stats.js", "analytics"),
    ("https://any.example/not-own-stats.js", ""),
    ("/pixel", "marketing"),
    ("/pixel.gif", "marketing"),
    ("/other", ""),
    ("data:text/plain,stats.example", ""),
    ("blob:https://stats.example/1", ""),
    ("https://%zz/", ""),
]


def test_the_guard_reads_the_rules_as_the_gate_does(page: Page) -> None:
    page.open()
    judged = page.run(
        """(urls) => urls.map((url) => {
            const image = document.createElement("img");
            image.src = url;
            return image.getAttribute("data-consent-category") || "";
        })""",
        [url for url, _ in RULES],
    )
    assert dict(zip([url for url, _ in RULES], judged, strict=True)) == dict(RULES)


def test_the_word_of_the_site_counts_more_than_the_host(page: Page) -> None:
    page.open()
    page.run("""() => {
        document.body.innerHTML = `<img data-consent="necessary" src="https://stats.example/mine">
            <img data-consent="marketing" src="https://free.example/1">
            <img data-consent="mraketing" src="//free.example/2">`;
    }""")
    assert page.asked == ["stats.example/mine"]


# What is left of an element


def test_a_refused_element_waits_in_the_vocabulary_of_the_gate(page: Page) -> None:
    page.open()
    page.run(
        """() => {
        const script = document.createElement("script");
        script.type = "module";
        script.src = "https://stats.example/a.js";
        document.body.append(script);
        document.body.append(document.createElement("p"));
        document.querySelector("p").innerHTML = `<img src="https://ads.example/1" srcset="//stats.example/2 2x">`;
    }"""
    )
    assert page.run("() => document.querySelector('body script').outerHTML") == (
        '<script type="text/plain" data-consent-category="analytics" data-consent-src="https://stats.example/a.js"'
        ' data-consent-type="module" async=""></script>'
    )
    assert page.run("() => document.querySelector('img').outerHTML") == (
        '<img data-consent-category="marketing,analytics" data-consent-src="https://ads.example/1"'
        ' data-consent-srcset="//stats.example/2 2x">'
    )


def test_a_refused_script_or_image_fails_as_one_whose_host_cannot_be_reached(page: Page) -> None:
    page.open()
    fails = """(tag) => new Promise((resolve) => {
        const element = document.createElement(tag);
        element.onerror = (event) => resolve([event.type, event.target === element]);
        element.src = "https://stats.example/a";
        document.body.append(element);
    })"""
    for tag in ("script", "img"):
        assert page.run(fails, tag) == ["error", True]


def test_an_element_that_turns_elsewhere_is_released(page: Page) -> None:
    page.open()
    assert page.run("""() => new Promise((resolve) => {
        const image = new Image();
        image.src = "https://stats.example/a";
        image.onload = () => resolve(image.outerHTML);
        image.src = "https://free.example/b";
    })""") == ('<img data-consent-category="analytics" src="https://free.example/b">')
    assert page.asked == ["free.example/b"]


def test_a_request_that_is_refused_fails_as_the_network_does(page: Page) -> None:
    page.open()
    assert page.run(
        "() => fetch('https://stats.example/').catch((e) => [e.name, e.message, e instanceof TypeError])"
    ) == [
        "TypeError",
        "Failed to fetch",
        True,
    ]
    assert page.run("""() => new Promise((resolve) => {
        const request = new XMLHttpRequest(), seen = [];
        for (const type of ["readystatechange", "load", "error", "loadend"])
          request.addEventListener(type, () => seen.push(type));
        request.addEventListener("loadend", () => resolve([seen, request.status]));
        request.open("POST", "https://stats.example/");
        request.send("x");
    })""") == [["readystatechange", "readystatechange", "error", "loadend"], 0]
    assert page.run("() => navigator.sendBeacon('https://stats.example/', 'x')") is False
    assert page.run("() => navigator.sendBeacon('https://free.example/', 'x')") is True


# Markup


def test_markup_in_which_nothing_is_refused_arrives_as_it_was_written(page: Page) -> None:
    page.open()
    markup = (
        "<p TITLE=stats.example>stats.example<br/><table><td>x</table><textarea>\\n<img src=//stats.example></textarea>"
    )
    expected = page.run(
        "(markup) => { const t = document.createElement('p'); t.innerHTML = markup; return t.innerHTML }", markup
    )
    page.open(guarded=False)
    assert expected == page.run(
        "(markup) => { const t = document.createElement('p'); t.innerHTML = markup; return t.innerHTML }", markup
    )


def test_the_text_of_a_script_is_no_markup(page: Page) -> None:
    text = "window.said = '<img src=\"https://stats.example/x\">';"
    page.open()
    assert page.run(
        """(text) => {
            const script = document.createElement("script");
            script.innerHTML = text;
            document.body.append(script);
            return said;
        }""",
        text,
    ) == text.removeprefix("window.said = '").removesuffix("';")


def test_rows_are_read_in_their_table(page: Page) -> None:
    page.open("<table><tbody></tbody></table>")
    assert page.run("""() => {
        const body = document.querySelector("tbody");
        body.innerHTML = "<tr><td>1<td><img src='https://stats.example/'></tr>";
        return [body.rows.length, body.rows[0].cells.length];
    }""") == [1, 2]
    assert page.asked == []


# Cookies and storage


def test_cookies_of_categories_without_consent_are_not_kept(page: Page) -> None:
    page.choose("accept-all")
    page.open(allowed="necessary functional")
    page.run("""() => {
        const names = ["session", "theme", "theme_x", "_ga", "_ga_1", " _gcl_au ", "nobody", "_gaX", "constructor"];
        for (const name of names) document.cookie = name + "=1; path=/";
        document.cookie = "_ga";
        document.cookie = "=_ga=1";
    }""")
    assert page.cookies == {"__Host-consent", "session", "theme", "theme_x"}


def test_the_cookie_store_is_guarded_too(page: Page) -> None:
    page.choose("accept-all")
    page.open(allowed="necessary functional")
    assert (
        page.run("""async () => [
        await cookieStore.set("_ga", "1"), await cookieStore.set({ name: "_gcl_au", value: "1" }),
        await cookieStore.set("theme", "1"), await cookieStore.set({ name: "session", value: "1" })]""")
        == [None] * 4
    )
    assert page.cookies == {"__Host-consent", "theme", "session"}


def test_a_deletion_always_passes(page: Page) -> None:
    page.open(guarded=False).run(
        "() => { document.cookie = '_ga=1'; document.cookie = 'theme=1'; document.cookie = 'x=1' }"
    )
    page.open(allowed="necessary analytics functional")
    page.run("""async () => {
        document.cookie = "_ga=; max-age=0";
        document.cookie = "theme=; expires=Thu, 01-Jan-1970 00:00:01 GMT";
        await cookieStore.delete("x");
    }""")
    assert page.cookies == set()


def days_left(page: Page) -> dict[str, float]:
    cookies = page.visitor.page.context.cookies()
    now = page.visitor.page.evaluate("() => Date.now() / 1000")
    kept = [cookie for cookie in cookies if cookie["expires"] > 0 and "consent" not in cookie["name"]]
    return {cookie["name"]: round((cookie["expires"] - now) / 86400, 1) for cookie in kept}


def test_no_script_keeps_a_cookie_beyond_the_cap(page: Page) -> None:
    page.open(allowed="necessary functional analytics marketing")
    page.run("""async () => {
        const far = new Date(Date.now() + 1000 * 86400e3).toUTCString();
        document.cookie = "_ga=1; max-age=63072000; path=/";
        document.cookie = `_ga_1=1; Expires=${far}; path=/`;
        document.cookie = "_ga_2=1; max-age=86400; path=/";
        document.cookie = "session=1; path=/";
        await cookieStore.set({ name: "_gcl_1", value: "1", expires: Date.now() + 390 * 86400e3 });
        await cookieStore.set({ name: "_gcl_2", value: "1", expires: Date.now() + 399 * 86400e3 });
    }""")
    assert days_left(page) == {"_ga": 393, "_ga_1": 393, "_ga_2": 1, "_gcl_1": 390, "_gcl_2": 393}


def test_what_was_kept_for_longer_is_cut_short(page: Page) -> None:
    """Row 14: a 400-day _ga does not survive, not even where everything is allowed."""
    page.choose("accept-all")
    page.open(guarded=False)
    page.run(
        "() => { document.cookie = '_ga=GA1.1; max-age=63072000; path=/; domain=shop.test; secure; samesite=strict' }"
    )
    assert days_left(page) == {"_ga": 400}
    page.open(allowed="necessary functional analytics marketing chat")
    page.visitor.page.wait_for_function(
        "async () => (await cookieStore.get('_ga')).expires < Date.now() + 394 * 86400e3"
    )
    assert days_left(page) == {"_ga": 393}
    [cookie] = [each for each in page.visitor.page.context.cookies() if each["name"] == "_ga"]
    assert (cookie["value"], cookie["domain"], cookie["path"], cookie["sameSite"]) == (
        "GA1.1",
        ".shop.test",
        "/",
        "Strict",
    )


def test_storage_of_categories_without_consent_is_not_kept(page: Page) -> None:
    page.open(allowed="necessary analytics")
    page.run("""() => {
        for (const storage of [localStorage, sessionStorage])
          for (const key of ["_st_a", "_ad", "own", "constructor"]) storage.setItem(key, "1");
    }""")
    kept = "() => [Object.keys(localStorage).sort(), Object.keys(sessionStorage).sort()]"
    assert page.run(kept) == [["_st_a", "constructor", "own"]] * 2
    page.run("() => { localStorage._ad = 1; dispatchEvent(new Event('load')) }")
    assert page.run(kept)[0] == ["_st_a", "constructor", "own"]


def test_what_is_left_of_an_earlier_consent_is_swept(page: Page) -> None:
    page.site.pages["/a/b"] = ""
    page.open(allowed="necessary analytics")
    page.run("""() => {
        const homes = ["", "; domain=shop.test", "; domain=page.shop.test", "; secure; samesite=none; partitioned"];
        for (const home of homes) document.cookie = "_ga=1; max-age=9999; path=/" + home;
        history.pushState(null, "", "/a/b");
        document.cookie = "_ga=1; path=/a";
        document.cookie = "session=1";
        localStorage.setItem("_st_x", 1);
        localStorage.setItem("own", 1);
        window[Symbol.for("consent.guard")](["necessary"]);
    }""")
    assert page.cookies == {"session"}
    assert page.run("() => Object.keys(localStorage)") == ["own"]


# As the browser has it

WRAPPED = [
    ("HTMLScriptElement.prototype", "src"),
    ("HTMLImageElement.prototype", "srcset"),
    ("HTMLIFrameElement.prototype", "src"),
    ("HTMLLinkElement.prototype", "href"),
    ("HTMLMediaElement.prototype", "src"),
    ("Element.prototype", "setAttribute"),
    ("Element.prototype", "setAttributeNS"),
    ("Element.prototype", "innerHTML"),
    ("Element.prototype", "insertAdjacentHTML"),
    ("Document.prototype", "cookie"),
    ("Document.prototype", "write"),
    ("Range.prototype", "createContextualFragment"),
    ("DOMParser.prototype", "parseFromString"),
    ("Navigator.prototype", "sendBeacon"),
    ("XMLHttpRequest.prototype", "open"),
    ("Storage.prototype", "setItem"),
    ("CookieStore.prototype", "set"),
    ("window", "fetch"),
    ("window", "WebSocket"),
    ("window", "EventSource"),
    ("window", "Worker"),
    ("window", "Audio"),
]

DESCRIBED = """([owner, name]) => {
    const descriptor = Object.getOwnPropertyDescriptor(eval(owner), name);
    const { enumerable, configurable, writable } = descriptor;
    const said = { enumerable, configurable, writable };
    for (const kind of ["get", "set", "value"]) {
        const it = descriptor[kind];
        if (!it) continue;
        const { name: called, length, prototype } = it;
        said[kind] = {
            called, length, keys: Reflect.ownKeys(it).map(String).sort(), native: /\\[native code\\]/.test(String(it)),
            constructor: prototype && prototype.constructor === it,
        };
    }
    return said;
}"""


def test_every_name_looks_as_the_browser_has_it(page: Page) -> None:
    page.open()
    guarded = [page.visitor.page.evaluate(DESCRIBED, [*it]) for it in WRAPPED]
    page.open(guarded=False)
    assert guarded == [page.visitor.page.evaluate(DESCRIBED, [*it]) for it in WRAPPED]


EXCEPTIONS = [
    "Element.prototype.setAttribute.call({}, 'src', 'x')",
    "document.body.setAttribute('src')",
    "document.createElement('img').setAttribute('', 'x')",
    "Object.getOwnPropertyDescriptor(HTMLScriptElement.prototype, 'src').set.call({}, 'https://stats.example/')",
    "HTMLImageElement.prototype.src",
    "new WebSocket('x:y')",
    "WebSocket('wss://stats.example/')",
    "new EventSource()",
    "new XMLHttpRequest().open('GET')",
    "fetch.call({}, '/')",
    "document.body.insertAdjacentHTML('nowhere', '<img src=https://stats.example/>')",
    "localStorage.setItem('_ad')",
    "navigator.sendBeacon()",
    "document.createElement('img').src = Symbol()",
    "document.createElement('img').src = { toString() { throw new RangeError('mine') } }",
]


def test_mistakes_get_the_exceptions_of_the_browser(page: Page) -> None:
    attempts = [
        f"() => {{ try {{ {it}; return 'fine' }} catch (e) {{ return [e.name, e.message] }} }}" for it in EXCEPTIONS
    ]
    said = [page.open().visitor.page.evaluate(attempt) for attempt in attempts]
    page.open(guarded=False)
    native = [page.visitor.page.evaluate(attempt) for attempt in attempts]
    assert dict(zip(EXCEPTIONS, said, strict=True)) == dict(zip(EXCEPTIONS, native, strict=True))


def test_a_second_guard_changes_nothing(page: Page) -> None:
    page.open('<script src="/guard.js" data-consent-allowed="necessary analytics marketing"></script>')
    page.run("() => { new Image().src = 'https://stats.example/' }")
    assert page.asked == []


def test_the_guard_takes_in_a_later_choice(page: Page) -> None:
    page.open()
    page.run("() => window[Symbol.for('consent.guard')](['necessary', 'analytics'])")
    page.run("() => { new Image().src = 'https://stats.example/1'; new Image().src = 'https://ads.example/1' }")
    assert page.asked == ["stats.example/1"]
    page.run("() => { document.body.innerHTML = '<iframe src=https://stats.example/2></iframe>' }")
    assert page.asked[-1] == "stats.example/2"
    page.strangers.forget()
    page.run("() => window[Symbol.for('consent.guard')](['necessary'])")
    page.run("() => { new Image().src = 'https://stats.example/3' }")
    assert page.asked == []
    assert page.run("() => frames[0].location.href") == "about:blank"


def test_who_allows_everything_gets_the_functions_of_the_browser(page: Page) -> None:
    everything = "necessary functional analytics marketing chat"
    page.open(guarded=False)
    page.run("() => { window.native = HTMLScriptElement.prototype }")
    assert page.open(allowed=everything).run("() => Object.hasOwn(window, 'fetch') && !/proxy/i.test(String(fetch))")
    assert page.run("() => String(Element.prototype.setAttribute)") == "function setAttribute() { [native code] }"


def test_a_guard_that_fails_breaks_nothing_and_grants_nothing(page: Page) -> None:
    page.site.files["/guard.js"] = ("text/javascript", b"")
    for body in (
        b"throw new Error('broken')",
        b"syntax error",
        GUARD.replace(b'"use strict"', b'"use strict"; throw 1'),
    ):
        page.site.head = '<script src="/broken.js" data-consent-allowed="necessary"></script>'
        page.site.files["/broken.js"] = ("text/javascript", body)
        page.site.pages["/"] = '<p>here</p><script src="https://stats.example/a.js"></script>'
        page.visitor.visit("/")
        assert page.visitor.page.locator("p").inner_text() == "here"
        assert page.asked == []


@pytest.mark.parametrize("rule", ["own", "cdn"])
def test_undeclared_hosts_are_refused_where_the_policy_withholds_them(page: Page, rule: str) -> None:
    policy = Policy.from_dict({**POLICY, "html": {"third_party_hosts": "withhold", "own_hosts": ["cdn.example"]}})
    page.open()
    page.site.files["/guard.js"] = ("text/javascript", guard_script(policy, DECLARED))
    page.visitor.page.reload()
    page.run("""() => {
        const urls = ["https://free.example/", "https://img.cdn.example/", "https://sub.page.shop.test/", "/own.png"];
        for (const url of urls)
          document.body.insertAdjacentHTML("beforeend", `<img src="${url}">`);
    }""")
    assert sorted(page.asked) == ["img.cdn.example/", "sub.page.shop.test/"]
    assert "/own.png" in page.site.asked


def test_the_rules_are_a_literal_and_nothing_else() -> None:
    policy = Policy.from_dict({**POLICY, "cookies": [{"name": "a</script><script>", "category": "functional"}]})
    assert b"</script" not in guard_script(policy, {"a</script><script>": "functional"})
    literal = guard_script(policy, DECLARED).decode().rpartition("})(")[2].rpartition(",document.currentScript")[0]
    assert json.loads(literal)["days"] == 393
    assert HOST in json.loads(literal)["hosts"]
