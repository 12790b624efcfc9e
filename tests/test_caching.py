"""What caches are told, and what they were told already."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_middleware.caching import is_shared, keep_private, vary_on
from consent_middleware.http import Headers

TYPE = ("Content-Type", "text/html")


def control(*values: str) -> Headers:
    return [TYPE, *(("Cache-Control", value) for value in values)]


@pytest.mark.parametrize(
    ("values", "shared"),
    [
        ([], False),
        (["public"], True),
        (["max-age=60, PUBLIC"], True),
        (["max-age=60"], False),
        (["s-maxage=600"], True),
        (["S-MaxAge = 600"], True),
        (["proxy-revalidate"], True),
        (["private"], False),
        (["no-store"], False),
        (["publicity"], False),
        (["private", "public"], True),
        (["", ",,"], False),
    ],
)
def test_what_the_application_shares_is_what_it_says_it_shares(values: list[str], shared: bool) -> None:
    assert is_shared(control(*values)) is shared
    assert is_shared([(name.lower(), value) for name, value in control(*values)]) is shared


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ["private"]),
        ([""], ["private"]),
        (["max-age=60"], ["max-age=60, private"]),
        (["public"], ["private"]),
        (["public, max-age=60, immutable"], ["max-age=60, immutable, private"]),
        (["s-maxage=600, max-age=60, proxy-revalidate"], ["max-age=60, private"]),
        (["PUBLIC , Max-Age=60"], ["Max-Age=60, private"]),
        (["max-age=60", "public"], ["max-age=60, private"]),
        (["private"], ["private"]),
        (["Private, max-age=60"], ["Private, max-age=60"]),
        (["no-store"], ["no-store"]),
        (["public, no-store"], ["public, no-store"]),
        (["no-cache"], ["no-cache, private"]),
        (['private="Set-Cookie"'], ['private="Set-Cookie", private']),
        (['no-cache="Set-Cookie, X-A", public'], ['no-cache="Set-Cookie, X-A", private']),
    ],
)
def test_shared_caches_are_told_to_keep_out(values: list[str], expected: list[str]) -> None:
    kept = keep_private(control(*values))
    assert [value for name, value in kept if name == "Cache-Control"] == expected
    assert kept[0] == TYPE


@pytest.mark.parametrize("name", ["CDN-Cache-Control", "cloudflare-cdn-cache-control", "Surrogate-Control"])
@pytest.mark.parametrize("value", ["private", "max-age=60"])
def test_what_only_speaks_to_caches_in_between_goes(name: str, value: str) -> None:
    assert name not in dict(keep_private([*control(value), (name, "max-age=3600")]))


@pytest.mark.parametrize("name", ["X-Surrogate-Control", "Surrogate-Key", "CDN-Cache", "Cache-Control-CDN"])
def test_other_fields_stay(name: str) -> None:
    assert (name, "x") in keep_private([*control(), (name, "x")])


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ([], ["Cookie, Sec-GPC"]),
        (["Accept"], ["Accept", "Cookie, Sec-GPC"]),
        (["Cookie"], ["Cookie", "Sec-GPC"]),
        (["cookie, SEC-GPC"], ["cookie, SEC-GPC"]),
        (["Accept , Cookie", "sec-gpc"], ["Accept , Cookie", "sec-gpc"]),
        (["*"], ["*"]),
        (["Accept, *"], ["Accept, *"]),
        (["Cookies"], ["Cookies", "Cookie, Sec-GPC"]),
    ],
)
def test_what_a_response_varies_on_is_said_once(stated: list[str], expected: list[str]) -> None:
    varied = vary_on([TYPE, *(("vary", value) for value in stated)], ("Cookie", "Sec-GPC"))
    assert [value for name, value in varied if name.lower() == "vary"] == expected
    assert varied[0] == TYPE


def test_what_needs_no_change_is_the_same_list() -> None:
    headers = [TYPE, ("Vary", "Cookie")]
    assert vary_on(headers, ("Cookie",)) is headers


directives = st.sampled_from(["public", "private", "no-store", "no-cache", "max-age=1", "s-maxage=2", "", "x=y"])
values = st.lists(st.lists(directives).map(", ".join), max_size=3)


@given(values)
def test_doing_it_again_changes_nothing(values: list[str]) -> None:
    once = vary_on(keep_private(control(*values)), ("Cookie", "Sec-GPC"))
    assert vary_on(keep_private(once), ("Cookie", "Sec-GPC")) == once


@given(values)
def test_no_shared_cache_is_invited_any_more(values: list[str]) -> None:
    kept = keep_private(control(*values))
    words = {word.strip() for name, value in kept if name == "Cache-Control" for word in value.split(",")}
    assert words & {"private", "no-store"}
