"""What the middleware refuses to start with, and what it says of what it does."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from consent_middleware import ConfigurationError, ConsentWSGI, Policy
from consent_middleware.engine import Engine
from consent_middleware.reports import Reporter

KEY = "a key for tests"


async def later(request: object) -> bool:
    return False


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("secret_keys", value) for value in (None, 5, "", b"", [], [""], ["key", None])),
        *(
            ("prefix", value)
            for value in ("", "/", "x", "/x/", "//x", "/a b", "/x?y", "/x#y", "/..", "/a/./b", "/é", 5)
        ),
        *(("prefix", f"/x{character}y") for character in "\r\n\t;%"),
        *(("necessary", value) for value in ("*", [""], [5], 5, ["a*b"], ["session", "*"])),
        *(("clock", value) for value in (5, "now", later)),
        *(("applies", value) for value in (5, "eu", later)),
        ("ledger", 5),
    ],
)
def test_what_it_cannot_start_with_is_named(option: str, value: Any) -> None:
    options = {"secret_keys": KEY, option: value}
    with pytest.raises(ConfigurationError, match=rf"^{option}: "):
        ConsentWSGI(lambda environ, start_response: [], **options)


def test_one_necessary_name_may_stand_alone() -> None:
    engine = Engine(secret_keys=KEY, necessary="sess_*")
    assert engine.kind_of("sess_1") is not None
    assert engine.kind_of("_fbp") is None


class TestReporter:
    def test_each_name_is_told_once_for_each_reason(self, caplog: pytest.LogCaptureFixture) -> None:
        reporter = Reporter()
        for code in ("consent.C002", "consent.C003", "consent.C003"):
            reporter.report(logging.WARNING, code, "_ga", "was withheld")
        assert caplog.messages == [f"{code}: cookie '_ga' was withheld" for code in ("consent.C002", "consent.C003")]

    def test_names_that_visitors_make_up_silence_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        reporter = Reporter()
        for number in range(5000):
            reporter.report(logging.WARNING, "consent.C003", f"junk{number}", "was withheld", by_visitor=True)
        assert len(caplog.messages) == 100
        reporter.report(logging.WARNING, "consent.C003", "tracker", "was withheld")
        assert "tracker" in caplog.messages[-1]


class TestContact:
    def test_a_policy_that_tells_of_no_contact_is_told_at_start_up(self, caplog: pytest.LogCaptureFixture) -> None:
        Engine(secret_keys="a key for tests, long enough to be one")
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert caplog.messages[0].startswith("consent.C008: policy 'default' does not tell visitors whom to ask")

    def test_one_with_a_contact_starts_without_a_word(self, caplog: pytest.LogCaptureFixture) -> None:
        Engine(Policy(contact="dpo@example.org"), secret_keys="a key for tests, long enough to be one")
        assert caplog.messages == []
