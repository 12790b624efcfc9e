"""What the environment says of a deployment: in so many words, or it is an error at start-up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consent_middleware import ConfigurationError, ConsentWSGI, Policy
from consent_middleware.deployment import as_deployed, is_for_development
from consent_middleware.engine import Engine
from consent_middleware.errors import PolicyError
from consent_middleware.policy import ReportSettings

KEY = "a key for tests, long enough to be one"


@pytest.mark.parametrize("own", ["enforce", "report"])
@pytest.mark.parametrize("word", ["enforce", "report", "", None])
def test_a_word_in_the_environment_overrides_the_mode(own: str, word: str | None) -> None:
    policy = Policy.from_dict({"policy": {"controller": "a", "contact": "b", "mode": own}})
    environ = {} if word is None else {"CONSENT_MODE": word}
    assert as_deployed(policy, environ).mode == (word or own)
    assert replace(as_deployed(policy, environ), mode=policy.mode) == policy


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("reprot", 'did you mean "report"?'),
        ("Enforce", 'did you mean "enforce"?'),
        ("off", "write one of them"),
        (" ", "write one"),
    ],
)
def test_any_other_word_is_named_at_start_up(monkeypatch: pytest.MonkeyPatch, word: str, hint: str) -> None:
    monkeypatch.setenv("CONSENT_MODE", word)
    with pytest.raises(ConfigurationError) as raised:
        ConsentWSGI(lambda environ, start_response: [], secret_keys=KEY)
    assert str(raised.value).startswith(f"CONSENT_MODE: {word!r} in the environment is neither")
    assert hint in str(raised.value)


def test_the_environment_is_what_the_middleware_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSENT_MODE", "report")
    assert not ConsentWSGI(lambda environ, start_response: [], secret_keys=KEY).engine.enforces


@pytest.mark.parametrize(
    ("word", "is_said"),
    [
        ("1", True),
        ("true", True),
        (" Yes ", True),
        ("on", True),
        ("0", False),
        ("false", False),
        ("No", False),
        ("", False),
    ],
)
def test_development_is_said_in_so_many_words(word: str, is_said: bool) -> None:
    assert is_for_development({"CONSENT_DEVELOPMENT": word}) is is_said
    assert (Engine(secret_keys=KEY, environ={"CONSENT_DEVELOPMENT": word}).summary is not None) is is_said


def test_nothing_else_is_taken_for_development() -> None:
    debugging = {"FLASK_DEBUG": "1", "FLASK_ENV": "development", "DJANGO_DEBUG": "1", "DEBUG": "1", "ENV": "dev"}
    assert not is_for_development(debugging)
    with pytest.raises(ConfigurationError, match="CONSENT_DEVELOPMENT: 'maybe'"):
        is_for_development({"CONSENT_DEVELOPMENT": "maybe"})


def test_the_policy_file_says_who_else_is_told() -> None:
    tables = {"policy": {"controller": "a", "contact": "b"}}
    assert Policy.from_dict(tables).reports == ReportSettings(header=False, metrics="auto")
    told = Policy.from_dict({**tables, "reports": {"header": True, "metrics": "off"}})
    assert told.reports == ReportSettings(header=True, metrics="off")
    assert told.fingerprint == Policy.from_dict(tables).fingerprint


@pytest.mark.parametrize(
    ("reports", "place"),
    [
        ({"metrics": "statsd"}, "reports.metrics"),
        ({"header": "yes"}, "reports.header"),
        ({"page": True}, "reports.page"),
    ],
)
def test_a_setting_that_is_none_is_named(reports: dict[str, object], place: str) -> None:
    with pytest.raises(PolicyError) as raised:
        Policy.from_dict({"policy": {"controller": "a", "contact": "b"}, "reports": reports})
    assert [mistake.place for mistake in raised.value.mistakes] == [place]
