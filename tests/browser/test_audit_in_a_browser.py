"""The audit with a browser: what scripts of a shop write and whom they ask, gated and not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from consent_middleware import ConsentWSGI, Policy
from consent_middleware.audit import Limits, Options, Reach, Report, State, audit
from consent_middleware.audit.browser import BrowserMissing, Browsing
from shop import store
from support import planted
from support.servers import serving
from support.third_parties import ThirdParties


def shop_under(policy: Policy) -> Any:
    from shop.flask_app import app

    inside: Any = app.wsgi_app
    return ConsentWSGI(inside.app, policy, secret_keys=store.SECRET_KEY)


def audited(
    application: Any,
    chromium: str,
    strangers: ThirdParties,
    scripts: dict[State, str] | None = None,
    policy: Policy | None = None,
) -> Report:
    names = f"--host-resolver-rules=MAP * 127.0.0.1:{strangers.port}, EXCLUDE 127.0.0.1"
    browsing = Browsing(
        chromium=chromium,
        arguments=(names, "--ignore-certificate-errors"),
        scripts=scripts or {},
        settle=0.5,
        pages=2,
        trusts_all=True,
    )
    with serving(application) as url:
        policy = policy or Policy.load(store.POLICY)
        reach = Reach(pages=4, resources=2)  # tests/audit goes as far as the shop does
        return audit(url, Options(policy=policy, limits=Limits(pause=0), reach=reach, browsing=browsing))


def keys(report: Report) -> set[tuple[str, str]]:
    return {finding.key for finding in report.findings if finding.id.startswith("consent.A4")}


def test_every_kind_that_only_a_browser_sees_is_found_once_and_nothing_else(
    chromium: str, strangers: ThirdParties
) -> None:
    strangers.replies |= planted.REPLIES
    policy = Policy.from_dict(planted.POLICY)
    report = audited(planted.application, chromium, strangers, policy=policy)
    assert {finding.key for finding in report.findings} == {
        (f"consent.{id}", subject) for id, subject in planted.SUBJECTS.items()
    }
    assert all("?" not in finding.evidence for finding in report.findings)


def test_where_nothing_is_withheld_exactly_what_scripts_do_is_found(chromium: str, strangers: ThirdParties) -> None:
    report = audited(shop_under(replace(Policy.load(store.POLICY), mode="report")), chromium, strangers)
    found = {finding.key: finding for finding in report.findings}
    assert keys(report) == {
        ("consent.A401", "_ga"),
        ("consent.A401", "_gid"),
        ("consent.A402", "_ga"),
        ("consent.A402", "_gid"),
        ("consent.A404", "twk_token"),
        *(("consent.A406", name) for name in ("google-ads", "google-analytics", "meta-pixel", "tawk-to")),
        ("consent.A408", "doubleclick.net"),
        ("consent.A408", "facebook.com"),
    }
    contact = found["consent.A406", "google-analytics"]
    assert "started by" in contact.evidence
    assert "?" not in contact.evidence
    assert {place.state for place in contact.places} == {State.NONE, State.REFUSED}
    cookies = {cookie.name: cookie for cookie in report.cookies}
    assert cookies["_ga"].by == "script"
    assert cookies["_ga"].lifetime == "400 days"


@pytest.mark.parametrize("cache", ["vary", "shared"])
def test_an_enforced_policy_leaves_scripts_nothing_to_do(
    chromium: str, strangers: ThirdParties, cache: Literal["vary", "shared"]
) -> None:
    policy = Policy.load(store.POLICY)
    policy = replace(policy, html=replace(policy.html, cache=cache))
    report = audited(shop_under(policy), chromium, strangers)
    assert report.findings == ()
    assert {"consent.A401", "consent.A406"} <= {kind.id for kind in report.checked}
    assert len(report.states) == 3


def test_a_script_can_make_the_choice_of_another_tool(chromium: str, strangers: ThirdParties) -> None:
    page = b"""<!doctype html><title>x</title><script>
        if (document.cookie.includes('theirs=yes')) document.cookie = '_ga=1; path=/; max-age=60';
        </script>"""

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html"), ("Cache-Control", "no-store")])
        return [page]

    accept = "document.cookie = 'theirs=yes; path=/'; document.cookie = '_ga=1; path=/; max-age=60'"
    report = audited(application, chromium, strangers, {State.NONE: accept})
    assert ("consent.A401", "_ga") in keys(report)
    assert ("consent.A403", "theirs") in keys(report)


def test_no_browser_is_said(strangers: ThirdParties, tmp_path: Path) -> None:
    with pytest.raises(BrowserMissing, match="no browser could be started"):
        audited(shop_under(Policy.load(store.POLICY)), str(tmp_path / "nowhere"), strangers)
