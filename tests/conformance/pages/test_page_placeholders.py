"""What stands in the place of a withheld embed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from support.gated_pages import (
    HTML,
    VIDEO,
)
from support.site import Site

OpenSite = Callable[..., Site]


def test_a_withheld_embed_can_be_loaded_by_its_own_button(site: Site) -> None:
    path = "/films?a=1&b=%22%3E"
    answer = site.visit(path, answers=[HTML], page=VIDEO)
    form = re.search(rb'<form class="cm-embed" method="post" action="([^"]*)">(.*?)</form>', answer.body)
    assert form is not None
    assert form[1] == b"/_consent/choice?language=en"
    assert b"A film (video.example.net)" in form[2]
    assert b'<canvas width="560" height="315"' in form[2]
    fields = [(n.decode(), unescaped(v)) for n, v in re.findall(rb'name="(\w+)" value="([^"]*)"', form[2])]
    sent = site.send_form(fields)
    assert (sent.status, sent.get("location")) == (303, path)
    assert site.visit(path, answers=[HTML], page=VIDEO).body == VIDEO


def unescaped(value: bytes) -> str:
    return value.decode().replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def test_a_placeholder_speaks_the_visitors_language(site: Site) -> None:
    french = site.visit(answers=[HTML], page=VIDEO, headers=[("Accept-Language", "fr-CH, en;q=0.5")]).body
    assert b'lang="fr"' in french
    tags = {
        site.visit(answers=[HTML, ("ETag", '"a"')], page=VIDEO, headers=[("Accept-Language", language)]).get("etag")
        for language in ("fr", "en", "de", "de-CH", "xx")
    }
    assert len(tags) == 3


def test_a_placeholder_leads_to_the_mount_point(site: Site) -> None:
    answer = site.visit("/films", root="/shop", answers=[HTML], page=VIDEO)
    assert b'action="/shop/_consent/choice?language=en"' in answer.body
    assert b'name="next" value="/shop/films"' in answer.body
    style = re.search(rb'href="(/shop/_consent/assets/embed-[0-9a-f]{12}\.css)"', answer.body)
    assert style is not None
    sheet = site.visit(style[1].decode().removeprefix("/shop"), root="/shop")
    assert sheet.status == 200
    assert sheet.get("content-type") == "text/css; charset=utf-8"
    assert "immutable" in (sheet.get("cache-control") or "")
    assert sheet.get("vary") == "Accept-Encoding"  # and never Cookie: everybody gets the same


def test_undeclared_embeds_have_no_placeholder(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["html"] = {"third_party_hosts": "withhold"}
    body = open_site(policy).visit(answers=[HTML], page=b'<iframe src="https://nobody.example.com/"></iframe>').body
    assert b"<form" not in body
    assert b' src="https' not in body
