"""The browser's own word: Global Privacy Control, and Do Not Track where the policy reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.site import Site

OpenSite = Callable[..., Site]

GPC_JSON = "/.well-known/gpc.json"


def stand(site: Site, *headers: tuple[str, str]) -> tuple[str, str]:
    state = site.state(headers=headers)
    return state["categories"]["marketing"], state["source"]


@pytest.mark.parametrize(
    ("values", "refuses"),
    [
        (["1"], True),
        (["1,1"], True),
        (["0, 1"], True),
        ([" 1 "], True),
        (["0"], False),
        (["true"], False),
        (["1x"], False),
        (["11"], False),
        (["01"], False),
        (["1;q=0"], False),
        ([""], False),
        (["1", "1"], True),
        (["0", "1"], True),
        (["1", "0"], True),
        (["true", "0"], False),
        (["\uff11".encode().decode("latin-1")], False),
    ],
)
@pytest.mark.parametrize("name", ["Sec-GPC", "DNT"])
def test_only_a_plain_one_refuses(
    open_site: OpenSite, policy: dict[str, Any], name: str, values: list[str], refuses: bool
) -> None:
    """Acceptance row 25."""
    policy["policy"]["dnt"] = True
    expected = ("denied", "gpc") if refuses else ("unset", "default")
    assert stand(open_site(policy), *((name, value) for value in values)) == expected


def test_do_not_track_is_not_read_unasked(site: Site) -> None:
    assert stand(site, ("DNT", "1")) == ("unset", "default")


def test_where_it_is_read_responses_vary_on_it(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"]["dnt"] = True
    assert open_site(policy).visit(sets=["_ads=1"]).get("vary") == "Cookie, Sec-GPC, DNT"


def test_the_signal_writes_no_cookie_on_any_visit_and_goes_with_the_header(site: Site) -> None:
    """Acceptance row 25."""
    for _ in range(3):
        answer = site.visit(sets=["_ads=1; Max-Age=99"], headers=[("Sec-GPC", "1")])
        assert (answer.set_cookies, site.jar) == ([], {})
    assert stand(site) == ("unset", "default")


def test_a_choice_before_and_after_the_signal_wins_over_it(site: Site) -> None:
    site.choose("save", "marketing")
    assert stand(site, ("Sec-GPC", "1")) == ("granted", "visitor")
    site.choose("withdraw", headers=[("Sec-GPC", "1"), ("Sec-Fetch-Site", "same-origin")])
    assert stand(site) == ("denied", "visitor")


def test_the_signal_is_in_the_proof_of_a_choice(open_site: OpenSite) -> None:
    class Ledger(list[Any]):
        def append(self, records: Any) -> None:
            self.extend(records)

    ledger = Ledger()
    site = open_site(ledger=ledger)
    site.choose("accept-all", headers=[("Sec-GPC", "1"), ("Sec-Fetch-Site", "same-origin")])
    assert [record.gpc for record in ledger] == [True]


# The support resource


def test_the_support_resource_says_since_when(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"]["gpc_json"] = True
    site = open_site(policy)
    answer = site.visit(GPC_JSON)
    assert (answer.status, answer.get("content-type")) == (200, "application/json")
    assert json.loads(answer.body) == {"gpc": True, "lastUpdate": "2026-11-21"}
    assert answer.get("cache-control") == "public, max-age=86400"
    assert not site.script.was_called
    assert site.visit(GPC_JSON, carrying=["_ads=1"]).set_cookies == []
    assert (site.visit(GPC_JSON, method="HEAD").body, site.visit(GPC_JSON, method="POST").status) == (b"", 405)


def test_the_support_resource_of_a_policy_without_a_day_tells_none(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["policy"] |= {"gpc_json": True, "version": "third"}
    assert json.loads(open_site(policy).visit(GPC_JSON).body) == {"gpc": True}


@pytest.mark.parametrize("path", ["/.well-known/gpc.json/", "/.well-known/gpc", "/x/.well-known/gpc.json"])
def test_what_only_looks_like_it_is_the_applications(open_site: OpenSite, policy: dict[str, Any], path: str) -> None:
    policy["policy"]["gpc_json"] = True
    assert open_site(policy).visit(path).body == b"hello"


def test_it_is_the_applications_where_the_policy_does_not_ask_for_it_or_below_a_mount(
    open_site: OpenSite, policy: dict[str, Any], site: Site
) -> None:
    assert site.visit(GPC_JSON).body == b"hello"
    policy["policy"]["gpc_json"] = True
    assert open_site(policy).visit(GPC_JSON, root="/shop").body == b"hello"
