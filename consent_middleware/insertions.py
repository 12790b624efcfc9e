"""What we put into a page: the guard and our script where its head begins, the banner and its data where it ends.

Everything that a policy decides is rendered once, everything that a visitor decides once for all who decided alike; a
page costs two replacements.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from html import escape
from typing import NamedTuple
from urllib.parse import quote

from .assets import Asset, asset, made
from .banner import Addresses, banner, way_back
from .consent_mode import ConsentMode
from .decision import Standing
from .guard import guard_script
from .messages import label_of
from .own_cookies import hint_name
from .policy import Policy
from .policy_page import policy_url

# What differs from page to page, in pieces that are kept for many; no markup of ours holds such characters.
_NONCE, _NEXT, _QUERY, _ONCE = "\x00nonce\x00", "\x00next\x00", "\x00query\x00", "\x00once\x00"
_KEPT = 128


class View(NamedTuple):
    """For whom, and where, something is put into a page. Equal views are given the same."""

    standing: Standing
    root: str
    """The path at which the application is mounted."""
    is_framed: bool
    """Whether the page is shown inside another: its scripts are guarded all the same, but nobody is asked there."""
    takes_inline: bool
    """Whether the page's Content-Security-Policy lets a script of ours stand in the page itself."""
    scheme: str = "https"


def _no_markup(language: str) -> bytes:
    return b""


class Insertion(NamedTuple):
    """Markup for one page: for its head, and for its end in a language that may not be known before."""

    head: bytes
    body_end: Callable[[str], bytes]
    has_body_end: bool


NOTHING = Insertion(b"", _no_markup, has_body_end=False)
"""For pages that are not to be touched."""


class Insertions:
    """What one site's pages are given, built once. ``is_needed`` tells whether that is anything.

    ``cookies`` are the categories of all that is declared or known, by name, exact or with a trailing ``*``.
    """

    def __init__(self, policy: Policy, prefix: str, cookies: Mapping[str, str]) -> None:
        self._policy = policy
        self._prefix = prefix
        self._guard = made("guard.js", guard_script(policy, cookies))
        self._script = asset("consent.js")
        self._style = asset("consent.css")
        self._consent_mode = ConsentMode(policy)
        self._shared = asset("shared.js")
        self.assets: tuple[Asset, ...] = (
            self._guard,
            self._script,
            self._style,
            self._consent_mode.asset,
            self._shared,
        )
        """The files that the pages refer to."""
        self.tells_services = self._consent_mode.is_needed
        """Whether there are services to be told what the visitor consented to, wherever a page is shown."""
        self._shares = policy.html.cache == "shared"
        # A page for everybody comes to life by our scripts alone, whoever does the asking.
        needs_scripts = policy.banner.show or self._shares
        self._has_scripts = needs_scripts and bool(policy.choosable) and policy.mode == "enforce"
        self.is_needed = self._has_scripts or self.tells_services
        self._head = lru_cache(_KEPT)(self._render_head)
        self._body_end = lru_cache(_KEPT)(self._render_body_end)

    @property
    def edition(self) -> str:
        """Names all that is the same for every visitor, for validators of pages."""
        policy = self._policy
        told = [
            sorted(texts.items()) for each in policy.categories.values() for texts in (each.label, each.description)
        ]
        lifetime = str(policy.consent_lifetime)
        files = [each.name for each in self.assets]
        return repr((files, policy.banner, policy.controller, lifetime, policy.policy_url, policy.texts, told))

    def into(self, view: View, *, nonce: str, next_path: str, once: str = "") -> Insertion:
        """Return what belongs into one page.

        ``next_path`` is where a choice made in it leads back to, ``once`` marks it, so that two clicks are one choice.
        """
        tag = f' nonce="{nonce}"'.encode() if nonce else b""

        def body_end(language: str) -> bytes:
            there, query = _ascii(escape(next_path)), quote(next_path, safe="/").encode()
            markup = self._body_end(view, language).replace(_NONCE.encode(), tag).replace(_QUERY.encode(), query)
            return markup.replace(_ONCE.encode(), once.encode()).replace(_NEXT.encode(), there)

        has_body_end = self._has_scripts and not view.is_framed
        return Insertion(self._head(view).replace(_NONCE.encode(), tag), body_end, has_body_end)

    def _render_head(self, view: View) -> bytes:
        return _ascii("".join(self._head_parts(view)))

    def _render_body_end(self, view: View, language: str) -> bytes:
        return _ascii("".join(self._body_end_parts(view, language)))

    def _head_parts(self, view: View) -> Iterator[str]:
        allowed = " ".join(name for name in self._policy.categories if name not in view.standing.withheld)
        if self._shares and self._has_scripts:
            src = escape(self._url(view, self._shared))
            hint = hint_name(self._policy, view.scheme)
            known = f'data-consent-shared="{self._policy.fingerprint}" data-consent-hint="{hint}"'
            yield f'<script src="{src}" {known}{_NONCE}></script>'
        if self.tells_services:
            url = "" if view.takes_inline else self._url(view, self._consent_mode.asset)
            yield self._consent_mode.markup(allowed, nonce=_NONCE, url=url)
        if not self._has_scripts:
            return
        # Who allows everything is in need of the guard all the same, to shorten what scripts keep for too long.
        when = "" if view.standing.withheld else " defer"
        src = escape(self._url(view, self._guard))
        yield f'<script src="{src}" data-consent-allowed="{allowed}"{when}{_NONCE}></script>'
        if not view.is_framed:
            yield f'<script src="{escape(self._url(view, self._script))}" defer{_NONCE}></script>'

    def _body_end_parts(self, view: View, language: str) -> Iterator[str]:
        here = escape(self._here(view))
        to = Addresses(
            choice=f"{here}/choice?language={language}",
            settings=f"{here}/settings",
            policy=escape(policy_url(self._policy, self._here(view), language)),
            style=escape(self._url(view, self._style)),
            next=_NEXT,
            from_here=f"?next={_QUERY}&amp;language={language}",
            tag=_NONCE,
            once=_ONCE,
        )
        if view.standing.needs_asking and self._policy.banner.show:
            yield banner(self._policy, view.standing, language, to, is_hidden=self._shares)
        if self._policy.banner.show:
            yield way_back(self._policy, language, to)
        data = json.dumps(self._data(view, language)).replace("<", "\\u003c").replace(json.dumps(_ONCE)[1:-1], _ONCE)
        yield f'<script type="application/json" data-consent-page>{data}</script>'

    def _data(self, view: View, language: str) -> dict[str, object]:
        standing = view.standing
        categories = {
            name: {
                "status": status,
                "allowed": name not in standing.withheld,
                "required": self._policy.categories[name].required,
                "onRequest": self._policy.categories[name].on_request,
                "label": label_of(self._policy.categories[name], language, self._policy.default_language),
            }
            for name, status in standing.statuses
        }
        return {
            "choice": f"{self._here(view)}/choice?language={language}",
            "settings": f"{self._here(view)}/settings?language={language}",
            "state": f"{self._here(view)}/state",
            "back": self._policy.words(language)["back"],
            "saved": self._policy.words(language)["saved"],
            "fingerprint": self._policy.fingerprint,
            "once": _ONCE,
            "needsAsking": standing.needs_asking,
            "source": standing.source,
            "gpc": standing.gpc,
            "categories": categories,
            "reload": self._policy.html.csp == "enforce" and not self._shares,
            "shared": self._shares,
        }

    def _here(self, view: View) -> str:
        return f"{view.root}{self._prefix}"

    def _url(self, view: View, asset: Asset) -> str:
        return f"{self._here(view)}{asset.path}"


def _ascii(markup: str) -> bytes:
    # The page may be in any encoding that has ASCII in it.
    return markup.encode("ascii", "xmlcharrefreplace")
