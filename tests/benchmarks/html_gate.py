"""How fast the HTML gate is beside other ways to walk a page: round-robin in one process, best times, ratios.

    python tests/benchmarks/html_gate.py [--rounds 12] [page.html ...]

The rules are the whole built-in catalogue, and the visitor has consented to nothing. The gate remembers its verdicts on
tags and scripts, so how much it has seen before matters:

* *cold*: every verdict is forgotten before each page, so that a page profits from nothing but its own repetitions;
* *first visit*: every verdict is forgotten before the first page of a round, and pages profit from those before them;
* *warm*: the pages were gated before, as behind a site.

Compiled rules and patterns stay, for they are work of the start-up. python-lolhtml is given the same rules and the same
memory: cold, its verdicts on addresses are forgotten before each page and those on scripts are not kept.

Last come the worst pages, made to hurt: seconds for each megabyte. Competitors that are not installed are left out.
Absolute numbers depend on the machine; compare the ratios.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections.abc import Callable
from functools import lru_cache, partial
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

from timing import ROOT, print_table  # first: it puts the checkout on sys.path

from consent_middleware.catalogue import entries  # isort: skip
from consent_middleware.html import HTMLGate, Rules, literals  # isort: skip
from consent_middleware.html.literals import Finder  # isort: skip

SHARED_PAGES = ROOT.parent / "shared" / "pages"

SERVICES = [entry.service for entry in entries().values()]
RULES = [(service.category, service.scripts, service.inline) for service in SERVICES]
WITHHELD = frozenset(service.category for service in SERVICES) - {"necessary", "security"}
SNIPPET = b"<script src=/_consent/guard.js></script>"

HURTFUL = {
    "html tags": b"<html>",
    "html tags with a language": b"<html lang>",
    "end tags before the head": b"</g></b>",
    "less-thans": b"<",
    "images": b"<img>",
    "images with sources": b"<img src=//google-analytics.com/%61>",
    "comments": b"<!---->",
    "noscripts": b"<noscript><img>",
    "nested svg": b"<svg>",
    "svg paths": b"<svg><path d='M0 0'/>",
    "svg scripts": b"<svg><script>",
    "svg g and desc": b"<svg><g><desc></g>",
    "svg and math": b"<svg></math>",
    "svg left by an end tag": b"<svg></a>",
    "svg and font": b"<svg><font>",
    "points of integration": b"<math><mi><svg><desc>",
    "math left by a breakout": b"<math><tr><br>",
    "math left by an end tag": b"<math></b>",
    "svg with less-thans": b"<svg><g <<<<<<<<>< < < < <",
    "svg with comments": b"<svg><use/><!-- > --><?>",
    "math left behind a point": b"<math><annotation-xml><br>",
    "links in svg": b"<svg><desc><link>",
    "images in svg": b"<svg><desc><img>",
    "noscripts in svg": b"<svg><desc><noscript></noscript>",
    "scripts with comments": b"<script><!--</script>",
    "scripts in odd spelling": b"<script a'></script>",
    "bases": b"<base>",
    "ends of the body": b"</body>",
    "closed noscripts": b"<noscript><object></noscript>",
    "closed noscripts with comments": b"<noscript><object><!--<--></noscript>",
}
"""What costs the gate most, of what one can repeat."""

Task = Callable[[bytes], object]


def made_up_pages(count: int = 12) -> list[bytes]:
    """Pages of the usual mixture, for where no real ones are at hand."""
    chance = random.Random(7)
    return [_made_up_page(chance) for _ in range(count)]


def _made_up_page(chance: random.Random) -> bytes:
    words = ["the", "a", "of", "consent", "visitor", "page", "choice", "cookie", "server", "stream", "gate", "policy"]
    hosts = ["www.google-analytics.com", "connect.facebook.net", "static.hotjar.com"]
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
            parts.append(f"<script async src='https://{chance.choice(hosts)}/t.js'></script>")
        if chance.random() < 0.02:
            parts.append("<script>gtag('js', new Date())</script>")
    return "\n".join([*parts, "</html>"]).encode()


def pages(paths: list[Path]) -> list[bytes]:
    found = paths or sorted(SHARED_PAGES.glob("*.html"))
    return [path.read_bytes() for path in found] or made_up_pages()


def gate(rules: Rules, page: bytes, chunk: int = 1 << 30, withheld: frozenset[str] = WITHHELD) -> list[bytes]:
    machine = HTMLGate(rules, withheld, page="https://site.example/", inject_head=SNIPPET, inject_body_end=SNIPPET)
    pieces = [machine.feed(page[at : at + chunk]) for at in range(0, len(page), chunk)]
    pieces.append(machine.close())
    return pieces


def _no_native_finder(literals: list[bytes]) -> Finder | None:
    return None


def rules_without_native() -> Rules:
    native = literals.native_finder
    literals.native_finder = _no_native_finder
    try:
        rules = Rules(RULES)
        rules.marker_finder(WITHHELD)
        return rules
    finally:
        literals.native_finder = native


def our_tasks(first: bytes) -> dict[str, Task]:
    """The gate in all its moods; ``first`` is the page before which a first visit forgets."""

    def cold(rules: Rules) -> Task:
        def run(page: bytes) -> object:
            rules.forget()
            return gate(rules, page)

        return run

    def first_visit(rules: Rules) -> Task:
        def run(page: bytes) -> object:
            if page is first:
                rules.forget()
            return gate(rules, page)

        return run

    tasks: dict[str, Task] = {}
    makers = {"pure": rules_without_native}
    if literals.native_finder([b"x"]) is not None:
        makers["ahocorasick_rs"] = lambda: Rules(RULES)
    for name, make in makers.items():
        tasks[f"gate, {name}, cold"] = cold(make())
        tasks[f"gate, {name}, first visit"] = first_visit(make())
        tasks[f"gate, {name}, warm"] = partial(gate, make())
    pure = rules_without_native()
    tasks["gate, pure, warm, 16 KiB chunks"] = partial(gate, pure, chunk=16384)
    tasks["gate, all consented, with injections"] = partial(gate, pure, withheld=frozenset())
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

    def task(find: Callable[[bytes], bytes | None], *, is_warm: bool = False) -> Task:
        category_of_url = lru_cache(maxsize=None)(rules.category_of_url)
        find = lru_cache(maxsize=None)(find) if is_warm else find

        def withheld(url: str) -> bool:
            return category_of_url(url) is not None

        def run(page: bytes) -> object:
            if not is_warm:
                category_of_url.cache_clear()
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
        "python-lolhtml, hosts + inline (ahocorasick_rs), cold": task(finders[0]),
        "python-lolhtml, hosts + inline (re), cold": task(finders[1]),
        "python-lolhtml, hosts + inline, warm": task(finders[0], is_warm=True),
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
    """Seconds for all inputs: of each, the best of all rounds; every task takes its turn in every round."""
    best = {name: [float("inf")] * len(inputs) for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            gc.collect()
            for number, page in enumerate(inputs):
                started = time.process_time()
                task(page)
                best[name][number] = min(best[name][number], time.process_time() - started)
    return {name: sum(each) for name, each in best.items()}


def show_pages(inputs: list[bytes], rounds: int) -> None:
    size = sum(map(len, inputs))
    best = measure({**our_tasks(inputs[0]), **their_tasks()}, inputs, rounds)
    print(f"{len(inputs)} pages, {size / 1e6:.1f} MB, the best of {rounds} rounds\n")
    reference = best["html.parser, re-emitting"]
    rows = [
        (name, f"{size / each / 1e6:.1f}", f"{each / size * 1e11:.0f}", f"{reference / each:.2f}")
        for name, each in sorted(best.items(), key=lambda each: each[1])
    ]
    print_table(("", "MB/s", "us per 100 KB", "x html.parser"), rows)


def show_hurtful(rounds: int = 3) -> None:
    task = partial(gate, rules_without_native())
    pages = {name: (piece * (1_000_000 // len(piece) + 1))[:1_000_000] for name, piece in HURTFUL.items()}
    seconds = {name: measure({name: task}, [page], rounds)[name] for name, page in pages.items()}
    rows = [(name, f"{each:.2f}") for name, each in sorted(seconds.items(), key=lambda each: -each[1])]
    print_table(("One megabyte of", "seconds"), rows)


def main() -> None:
    arguments = argparse.ArgumentParser(description="How fast the HTML gate is beside others.")
    arguments.add_argument("pages", nargs="*", type=Path)
    arguments.add_argument("--rounds", type=int, default=12)
    options = arguments.parse_args()
    show_pages(pages(options.pages), options.rounds)
    show_hurtful()


if __name__ == "__main__":
    main()
