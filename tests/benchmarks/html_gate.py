"""How fast the HTML gate is beside other ways to walk a page: round-robin in one process, medians, ratios.

    python tests/benchmarks/html_gate.py [--rounds 7] [page.html ...]

Competitors that are not installed are left out. Absolute numbers depend on the machine; compare the ratios.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

from consent_middleware.html import HTMLGate, Rules, literals

SHARED_PAGES = Path(__file__).parents[2].parent / "shared" / "pages"

ANALYTICS = """
www.google-analytics.com ssl.google-analytics.com stats.g.doubleclick.net www.googletagmanager.com
static.hotjar.com script.hotjar.com www.clarity.ms cdn.matomo.cloud matomo.js piwik.js tag.aticdn.net xiti.com
plausible.io/js/ cdn.usefathom.com cloud.umami.is cdn.mxpnl.com api.mixpanel.com cdn.amplitude.com cdn.segment.com
eu.i.posthog.com us.i.posthog.com cdn.heapanalytics.com edge.fullstory.com script.crazyegg.com omtrdc.net demdex.net
assets.adobedtm.com mc.yandex.ru cdn.optimizely.com dev.visualwebsiteoptimizer.com try.abtasty.com kameleoon.eu
scorecardresearch.com quantserve.com chartbeat.com static.chartbeat.com nr-data.net js-agent.newrelic.com
cdn.parsely.com/keys/ loggly.com pixel.wp.com stats.wp.com statcounter.com histats.com alexametrics.com comscore.com
""".split()
MARKETING = """
doubleclick.net googleadservices.com googlesyndication.com googletagservices.com connect.facebook.net
www.facebook.com/tr www.facebook.com/plugins/ platform.twitter.com analytics.twitter.com static.ads-twitter.com
snap.licdn.com px.ads.linkedin.com s.pinimg.com ct.pinterest.com assets.pinterest.com sc-static.net tr.snapchat.com
analytics.tiktok.com www.redditstatic.com alb.reddit.com bat.bing.com js.hs-scripts.com js.hs-analytics.net
static.klaviyo.com chimpstatic.com amazon-adsystem.com criteo.com criteo.net taboola.com outbrain.com adnxs.com
rubiconproject.com pubmatic.com openx.net casalemedia.com advertising.com moatads.com krxd.net bluekai.com
rlcdn.com mathtag.com adsrvr.org everesttech.net serving-sys.com addthis.com sharethis.com disqus.com/count.js
zergnet.com revcontent.com gigya.com bounceexchange.com optinmonster.com pushcrew.com onesignal.com
www.youtube.com/embed/ player.vimeo.com instagram.com/embed.js embed.tawk.to client.crisp.chat widget.intercom.io
""".split()
ANALYTICS_MARKERS = """
gtag( dataLayer GoogleAnalyticsObject ga('create' ga('send' _gaq gtm.start GTM- google-analytics.com/ga.js
google-analytics.com/analytics.js googletagmanager.com/gtm.js _hjSettings hj( clarity( _paq _mtm pianoAnalytics
ATInternet plausible( fathom mixpanel.init amplitude.init amplitude.getInstance analytics.load( posthog.init heap.load
_fs_org CE_SNAPSHOT_NAME _satellite s_account alloy( yandex_metrika_callbacks _vwo_code _vis_opt_queue ABTasty
Kameleoon _comscore scorecardresearch COMSCORE quantserve _qevents _sf_async_config _cbq NREUM newrelic PARSELY _stq
statcounter _atrk_opts s_code piwik umami optimizely crazyegg.com ssl.google-analytics.com __gaTracker _gat.
""".split()
MARKETING_MARKERS = """
fbq( _fbq FB.init fbAsyncInit connect.facebook.net twq( twttr. platform.twitter.com lintrk _linkedin_partner_id
pintrk( snaptr( ttq. TiktokAnalyticsObject rdt( uetq UET( _hsq _learnq googletag.cmd googletag.pubads adsbygoogle
google_ad_client google_conversion_id google_remarketing_only amzn_assoc apstag criteo_q _taboola OBR. outbrain
adnxs krux _kiq Tawk_API $crisp CRISP_WEBSITE_ID Intercom( intercomSettings $zopim zESettings drift.load
__lc. LiveChatWidget smartsupp( YT.Player onYouTubeIframeAPIReady Vimeo.Player instgrm disqus_shortname addthis_config
stLight. gigya. OneSignal bouncex mathtag adsrvr rubicontag pbjs. moatads bluekai BrightcovePlayer sumo.com mailchimp
""".split()

RULES = (("analytics", ANALYTICS, ANALYTICS_MARKERS), ("marketing", MARKETING, MARKETING_MARKERS))
WITHHELD = frozenset({"analytics", "marketing"})
SNIPPET = b"<script src=/_consent/guard.js></script>"

Task = Callable[[bytes], object]


def made_up_pages(count: int = 12) -> list[bytes]:
    """Pages of the usual mixture, for where no real ones are at hand."""
    chance = random.Random(7)
    return [_made_up_page(chance) for _ in range(count)]


def _made_up_page(chance: random.Random) -> bytes:
    words = "the a of consent visitor page choice cookie server stream gate policy".split()
    parts = ["<!doctype html><html lang=en><head><meta charset=utf-8><title>Page</title>"]
    for number in range(chance.randint(150, 500)):
        text = " ".join(chance.choices(words, k=40))
        script = ";".join(f"var v{n}=window['{chance.choice(words)}']({n})" for n in range(30))
        parts += [
            f'<div class="row r{number}"><h2 id="h{number}">{text[:30]}</h2><p>{text}</p>',
            f'<a href="/article/{number}">{text[:20]}</a><img src="/images/{number}.jpg" alt="{text[:10]}"></div>',
        ]
        if chance.random() < 0.2:
            parts.append(f"<script>{script}</script>")
        if chance.random() < 0.03:
            parts.append(f"<script async src='https://{chance.choice(MARKETING[:3])}/t.js'></script>")
        if chance.random() < 0.02:
            parts.append("<script>gtag('js', new Date())</script>")
    return "\n".join([*parts, "</html>"]).encode()


def pages(paths: list[Path]) -> list[bytes]:
    found = paths or sorted(SHARED_PAGES.glob("*.html"))
    return [path.read_bytes() for path in found] or made_up_pages()


def gate(rules: Rules, page: bytes, chunk: int = 1 << 30, withheld: frozenset[str] = WITHHELD) -> bytes:
    machine = HTMLGate(rules, withheld, page="https://site.example/", inject_head=SNIPPET)
    out = [machine.feed(page[at : at + chunk]) for at in range(0, len(page), chunk)]
    return b"".join([*out, machine.close()])


def rules_without_native() -> Rules:
    native = literals.native_finder
    setattr(literals, "native_finder", lambda words: None)  # noqa: B010  # another function for a moment
    try:
        rules = Rules(RULES)
        rules.marker_finder(WITHHELD)
        return rules
    finally:
        setattr(literals, "native_finder", native)  # noqa: B010


def our_tasks() -> dict[str, Task]:
    pure, native = rules_without_native(), Rules(RULES)
    cold_pure, cold_native = rules_without_native(), Rules(RULES)
    has_native = literals.native_finder([b"x"]) is not None

    def cold(rules: Rules) -> Task:
        def run(page: bytes) -> bytes:
            rules.forget()
            return gate(rules, page)

        return run

    tasks: dict[str, Task] = {
        "gate, pure, cold": cold(cold_pure),
        "gate, pure, warm": lambda page: gate(pure, page),
        "gate, pure, warm, 16 KiB chunks": lambda page: gate(pure, page, 16384),
        "gate, all consented": lambda page: gate(pure, page, withheld=frozenset()),
    }
    if has_native:
        tasks["gate, ahocorasick_rs, cold"] = cold(cold_native)
        tasks["gate, ahocorasick_rs, warm"] = lambda page: gate(native, page)
    return tasks


class _Reemitter(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.out: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.out.append(self.get_starttag_text() or "")

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag: str) -> None:
        self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.out.append(data)

    def handle_comment(self, data: str) -> None:
        self.out.append(f"<!--{data}-->")


def _html_parser(page: bytes) -> object:
    parser = _Reemitter()
    parser.feed(page.decode("utf-8", "replace"))
    parser.close()
    return "".join(parser.out)


def their_tasks() -> dict[str, Task]:
    makers = (_beautiful_soup, _lxml, _selectolax, _turbohtml, _lolhtml)
    tasks: dict[str, Task] = {"html.parser, re-emitting": _html_parser}
    for make in makers:
        try:
            tasks.update(make())
        except ImportError:
            continue
    return tasks


def _beautiful_soup() -> dict[str, Task]:
    soup: Any = import_module("bs4").BeautifulSoup
    return {"BeautifulSoup, html.parser": lambda page: str(soup(page, "html.parser"))}


def _lxml() -> dict[str, Task]:
    etree: Any = import_module("lxml.etree")

    def run(page: bytes) -> object:
        parser = etree.HTMLParser()
        parser.feed(page)
        root = parser.close()
        for element in root.iter():
            element.get("src")
        return etree.tostring(root, method="html")

    return {"lxml, feed and serialise": run}


def _selectolax() -> dict[str, Task]:
    parser: Any = import_module("selectolax.lexbor").LexborHTMLParser

    def run(page: bytes) -> object:
        tree = parser(page)
        for element in tree.css("script,iframe,img,link"):
            element.attributes.get("src")
        return tree.html

    return {"selectolax, parse and serialise": run}


def _turbohtml() -> dict[str, Task]:
    turbohtml: Any = import_module("turbohtml")
    return {"turbohtml, parse and serialise": lambda page: turbohtml.parse(page.decode("utf-8", "replace")).serialize()}


def _lolhtml() -> dict[str, Task]:
    lolhtml: Any = import_module("lolhtml")
    rules = Rules(RULES)
    finders = (rules.marker_finder(WITHHELD), rules_without_native().marker_finder(WITHHELD))

    def task(find: Callable[[bytes], bytes | None]) -> Task:
        hosts: dict[str, bool] = {}

        def withheld(url: str) -> bool:
            verdict = hosts.get(url)
            if verdict is None:
                verdict = hosts[url] = rules.category_of_url(url) is not None
            return verdict

        def run(page: bytes) -> object:
            hosts.clear()
            output = bytearray()
            rewriter = lolhtml.HTMLRewriter(output.extend)
            rewriter.on("script,iframe,img,link", _Tags(withheld))
            rewriter.on("script:not([src])", _Scripts(find))
            try:
                rewriter.write(page)
                rewriter.end()
            except RuntimeError:  # it refuses markup that it calls ambiguous
                pass
            return output

        return run

    return {
        "python-lolhtml, hosts + inline (ahocorasick_rs)": task(finders[0]),
        "python-lolhtml, hosts + inline (re)": task(finders[1]),
    }


class _Tags:
    def __init__(self, withheld: Callable[[str], bool]) -> None:
        self._withheld = withheld

    def element(self, element: Any) -> None:
        for name in ("src", "href"):
            url = element.get_attribute(name)
            if url and self._withheld(url):
                element.set_attribute(f"data-consent-{name}", url)
                element.remove_attribute(name)


class _Scripts:
    def __init__(self, find: Callable[[bytes], bytes | None]) -> None:
        self._find = find
        self._pieces: list[str] = []

    def text(self, chunk: Any) -> None:
        self._pieces.append(chunk.text)
        if chunk.last_in_text_node:
            self._find("".join(self._pieces).encode())
            self._pieces.clear()


def measure(tasks: dict[str, Task], inputs: list[bytes], rounds: int) -> dict[str, float]:
    """Median seconds per round over all inputs, every task once per round."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            started = time.process_time()
            for page in inputs:
                task(page)
            seconds[name].append(time.process_time() - started)
    return {name: statistics.median(each) for name, each in seconds.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("pages", nargs="*", type=Path)
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    inputs = pages(options.pages)
    size = sum(map(len, inputs))
    medians = measure({**our_tasks(), **their_tasks()}, inputs, options.rounds)
    reference = medians["html.parser, re-emitting"]
    print(f"{len(inputs)} pages, {size / 1e6:.1f} MB, {options.rounds} rounds\n")
    print(f"{'':50}{'MB/s':>9}{'us/100 KB':>11}{'x html.parser':>15}")
    for name, median in sorted(medians.items(), key=lambda each: each[1]):
        print(f"{name:50}{size / median / 1e6:9.1f}{median / size * 1e11:11.0f}{reference / median:15.2f}")


if __name__ == "__main__":
    main()
