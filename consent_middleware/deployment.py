"""What the environment says about one deployment of a site, beside the policy that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches

from .errors import ConfigurationError
from .policy import Policy

MODE = "CONSENT_MODE"
"""The environment variable that overrides the policy's ``mode``: "report" or "enforce"."""

DEVELOPMENT = "CONSENT_DEVELOPMENT"
"""The environment variable that says of a machine that it is for development: "1" or "0", the default."""

_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


def as_deployed(policy: Policy, environ: Mapping[str, str]) -> Policy:
    """Return the policy in the mode that the environment asks for. Raises ConfigurationError for a word that is none.

    Without a word, or with an empty one as container files often set it, the policy's own mode stands.
    """
    match environ.get(MODE, ""):
        case "":
            return policy
        case "report" | "enforce" as mode:
            return policy if mode == policy.mode else replace(policy, mode=mode)
        case word:
            near = get_close_matches(word.strip().lower(), ("report", "enforce"), n=1)
            hint = f'did you mean "{near[0]}"?' if near else "write one of them, or unset it to follow the policy file"
            raise ConfigurationError(f'{MODE}: {word!r} in the environment is neither "report" nor "enforce"; {hint}')


def is_for_development(environ: Mapping[str, str]) -> bool:
    """Whether the environment says, in so many words, that nobody but developers uses this deployment.

    Nothing else is taken for it: debug switches of frameworks have been left on in production often enough. Raises
    ConfigurationError for a word that is neither yes nor no.
    """
    word = environ.get(DEVELOPMENT, "").strip().lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise ConfigurationError(
        f'{DEVELOPMENT}: {word!r} in the environment is neither yes nor no; write "1" on a machine where you develop, '
        "and unset it everywhere else"
    )
