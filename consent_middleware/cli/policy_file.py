"""The policy file that a command is given."""

from __future__ import annotations

from ..errors import PolicyError
from ..policy import Policy
from .command import InputError


def load_policy(file: str) -> Policy:
    """Return the policy. Raises InputError if there is none to be read there, or a mistake in it."""
    try:
        return Policy.load(file)
    except PolicyError as error:
        raise InputError(f"{error}\n(consent check {file} explains)") from error
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from error
