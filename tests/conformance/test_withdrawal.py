"""Withdrawing, refusing and lapsing take effect in the same response, and touch nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from support.site import Site

OpenSite = Callable[..., Site]

OPTIONAL = ["_ga=1", "_ga_ABC=2", "_ads=3", "theme=dark", "chat_id=4", "aud=5"]
NECESSARY = ["session=s", "basket=b"]

TEXT = ("Content-Type", "text/plain")


def accept(site: Site) -> None:
    site.choose("save", "functional", "analytics", "marketing", "chat", "audience")


def places(lines: Iterable[str], name: str) -> set[tuple[str, str]]:
    """Where one cookie is expired: (path, domain), the domain "" for the host alone."""
    found: set[tuple[str, str]] = set()
    for line in lines:
        pair, *attributes = (part.strip() for part in line.split(";"))
        if pair == f"{name}=":
            said = {key.lower(): value for key, _, value in (part.partition("=") for part in attributes)}
            assert said["max-age"] == "0"
            found.add((said["path"], said.get("domain", "")))
    return found


EVERYWHERE = {("/", ""), ("/", "shop.example.org"), ("/", "example.org")}


@pytest.mark.parametrize("action", ["withdraw", "reject-all", "save"])
def test_every_refused_cookie_is_expired_in_the_same_response(site: Site, action: str) -> None:
    """Acceptance row 15."""
    accept(site)
    answer = site.choose(action, carrying=[*OPTIONAL, *NECESSARY])
    for name in ("_ga", "_ga_ABC", "_ads", "theme", "chat_id", "aud"):
        assert places(answer.set_cookies, name) >= EVERYWHERE
    assert not {"session", "basket", "nobody"} & {*answer.cookie_names}
    assert answer.cookie_names[0] == "__Host-consent"


def test_only_what_is_withdrawn_is_expired(site: Site) -> None:
    accept(site)
    answer = site.choose("save", "functional", "analytics", "chat", "audience", carrying=[*OPTIONAL, *NECESSARY])
    assert {*answer.cookie_names} == {"__Host-consent", "_ads", "deep"}


def test_rows_15_and_16_from_the_next_request_on_they_are_not_seen(site: Site) -> None:
    """Acceptance row 16."""
    accept(site)
    site.choose("withdraw", carrying=OPTIONAL)
    site.visit(carrying=[*OPTIONAL, *NECESSARY])
    assert site.script.seen_names == {"__Host-consent", "session", "basket"}


def test_a_cookie_of_another_path_is_expired_unseen(site: Site) -> None:
    accept(site)
    assert places(site.choose("withdraw").set_cookies, "deep") >= {("/deep", ""), ("/deep", "example.org"), ("/", "")}


def test_a_declared_domain_is_reached_from_below_it(open_site: OpenSite, policy: dict[str, Any]) -> None:
    policy["cookies"].append({"name": "wide", "category": "marketing", "domain": ".eu.example.org"})
    site = open_site(policy)
    accept(site)
    lines = site.choose("withdraw", carrying=["wide=1"], host="a.b.eu.example.org:8443").set_cookies
    assert {domain for _, domain in places(lines, "wide")} == {
        "",
        "a.b.eu.example.org",
        "b.eu.example.org",
        "eu.example.org",
        "example.org",
    }


def test_a_cookie_declared_for_two_places_is_expired_at_both(open_site: OpenSite, policy: dict[str, Any]) -> None:
    places_of = [
        {"path": "/a", "domain": "example.org"},
        {"path": "/b"},
        {"path": "/c", "domain": "deep.shop.example.org"},
    ]
    policy["cookies"] += [{"name": "twin", "category": "marketing", **place} for place in places_of]
    site = open_site(policy)
    accept(site)
    for carrying in ([], ["twin=1"]):
        lines = site.choose("withdraw", carrying=carrying).set_cookies
        assert {path for path, _ in places(lines, "twin")} == {"/", "/a", "/b", "/c"}
        accept(site)


def test_a_prefixed_name_is_expired_with_what_its_prefix_needs(site: Site) -> None:
    accept(site)
    lines = site.choose("withdraw", carrying=["__Host-ads=1"]).set_cookies
    assert [line for line in lines if line.startswith("__Host-ads")] == ["__Host-ads=; Max-Age=0; Path=/; Secure"]


def test_a_partitioned_cookie_is_expired_in_its_partition_too(site: Site) -> None:
    accept(site)
    lines = [line for line in site.choose("withdraw", carrying=["part=1"]).set_cookies if line.startswith("part=")]
    partitioned = [line for line in lines if line.endswith("; Secure; SameSite=None; Partitioned")]
    assert len(partitioned) * 2 == len(lines)
    assert places(partitioned, "part") == EVERYWHERE


def test_an_http_only_cookie_is_expired_by_the_server_as_scripts_cannot(site: Site) -> None:
    site.choose("accept-all")
    site.visit(sets=["_ads=1; HttpOnly; Path=/; Secure"])
    assert "_ads" in site.jar
    site.choose("withdraw")
    assert "_ads" not in site.jar


def test_row_17_session_and_basket_survive(site: Site) -> None:
    """Acceptance row 17."""
    site.visit(sets=["session=s; HttpOnly", "basket=b; Max-Age=3600"])
    site.choose("accept-all")
    site.visit(sets=["_ga=1"])
    site.choose("withdraw")
    assert site.jar.keys() == {"session", "basket", "__Host-consent"}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("host", "domains"),
    [
        ("localhost:8000", {""}),
        ("127.0.0.1", {""}),
        ("[::1]:8000", {""}),
        ("SHOP.Example.org.:443", {"", "shop.example.org", "example.org"}),
        ("evil\\example, org", {""}),
        ("example.org; Path=/x", {""}),
        ("-", {""}),
    ],
)
def test_a_strange_host_never_becomes_a_domain(site: Site, scheme: str, host: str, domains: set[str]) -> None:
    lines = site.visit(carrying=["_ga=1"], host=host, scheme=scheme).set_cookies
    assert {domain for _, domain in places(lines, "_ga")} == domains


# From the application


@pytest.mark.parametrize("act", [lambda decision: decision.withdraw(), lambda decision: decision.deny("analytics")])
def test_lines_set_earlier_in_the_response_do_not_leave(site: Site, act: Callable[[Any], None]) -> None:
    accept(site)
    answer = site.visit(sets=["_ga=new; Max-Age=3600", "session=s"], carrying=["_ga=1"], act=act)
    assert "_ga=new; Max-Age=3600" not in answer.set_cookies
    assert places(answer.set_cookies, "_ga") == EVERYWHERE
    assert answer.set_cookies[0] == "session=s"
    assert "__Host-consent" in answer.cookie_names


def test_a_withdrawal_by_the_application_leaves_other_cookies_alone(site: Site) -> None:
    accept(site)
    answer = site.visit(carrying=[*OPTIONAL, *NECESSARY], act=lambda decision: decision.deny("analytics"))
    assert {*answer.cookie_names} == {"__Host-consent", "_ga", "_ga_ABC"}


# Left-over cookies


def test_cookies_without_consent_are_swept_on_an_ordinary_response(site: Site) -> None:
    answer = site.visit(carrying=["_ga=1", "_ads=2", *NECESSARY])
    assert {*answer.cookie_names} == {"_ga", "_ads"}
    assert answer.get("cache-control") == "private"


def test_an_exempt_cookie_is_swept_only_after_an_objection(site: Site) -> None:
    assert site.visit(carrying=["aud=1"]).set_cookies == []
    site.choose("reject-all")
    assert {*site.visit(carrying=["aud=1"]).cookie_names} == {"aud"}


def test_undeclared_cookies_are_hidden_but_never_destroyed(site: Site) -> None:
    assert site.visit(carrying=["nobody=1"]).set_cookies == []
    assert site.script.seen is None


def test_nothing_is_swept_on_a_not_modified_answer(site: Site) -> None:
    assert site.visit(carrying=["_ga=1"], status=304).set_cookies == []
    assert site.script.seen is None


@pytest.mark.parametrize("control", ["public, max-age=60", "s-maxage=600", "max-age=1, PUBLIC"])
def test_nothing_is_swept_on_what_caches_may_share(site: Site, control: str) -> None:
    answer = site.visit(carrying=["_ga=1"], answers=[TEXT, ("Cache-Control", control)])
    assert (answer.set_cookies, answer.get("cache-control"), answer.get("vary")) == ([], control, None)


@pytest.mark.parametrize("status", [200, 302, 403, 404, 500])
def test_every_other_response_sweeps(site: Site, status: int) -> None:
    assert {*site.visit(carrying=["_ga=1"], status=status).cookie_names} == {"_ga"}


def test_one_response_never_carries_more_deletions_than_proxies_take(site: Site) -> None:
    left = {f"_ga_{number:03}": "1" for number in range(200)}
    site.jar |= left
    visits = 0
    while site.jar.keys() & left.keys():
        lines = site.visit().set_cookies
        assert 0 < sum(map(len, lines)) <= 4096
        assert site.script.seen is None
        visits += 1
    assert visits < 20


def test_a_name_too_long_to_be_swept_does_not_keep_the_others(site: Site) -> None:
    long = "_ga_" + "x" * 3000
    assert {*site.visit(carrying=[f"{long}=1", "_ga_1=1", f"{long}y=1", "_ads=1"]).cookie_names} >= {"_ga_1"}
    assert {*site.visit(carrying=[f"{long}=1", f"{long}y=1", "_ads=1"]).cookie_names} == {"_ads"}


def test_the_site_is_never_cleared_as_a_whole(site: Site) -> None:
    """Acceptance row 17."""
    accept(site)
    answers = [site.choose("withdraw", carrying=OPTIONAL), site.choose("reject-all"), site.visit(carrying=OPTIONAL)]
    answers.append(site.visit(act=lambda decision: decision.withdraw(), carrying=OPTIONAL))
    assert all(answer.get("clear-site-data") is None for answer in answers)


def test_withdrawing_where_nothing_was_granted_is_still_recorded_as_a_refusal(site: Site) -> None:
    site.choose("withdraw")
    assert site.state()["categories"]["marketing"] == "denied"
    assert not site.state()["needs_asking"]
