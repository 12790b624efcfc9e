"""Which of a site's own texts some of its visitors will read in another language, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

from ..languages import TAGS
from ..messages import MESSAGES, language_of, own_text_in
from ..policy import Policy, Texts


def missing_texts(policy: Policy) -> Iterator[str]:
    """Yield a line for each text of the policy that some language of the site lacks.

    The languages are those that the policy names; if it names none, those in which it says anything.
    """
    spoken = _spoken(policy)
    for what, texts in _texts(policy):
        if without := [tag for tag in spoken if not own_text_in(texts, tag)]:
            yield f"{what}: no text in {', '.join(without)}"


def _spoken(policy: Policy) -> tuple[str, ...]:
    if policy.languages != TAGS:
        return policy.languages
    used = {language_of(tag) for _, texts in _texts(policy) for tag in texts}
    return tuple(tag for tag in TAGS if tag in used)


def _texts(policy: Policy) -> Iterator[tuple[str, Texts]]:
    """Each text that visitors may read, with what it is; those that the site leaves to our own words are not there."""
    for category in policy.categories.values():
        if category.label or f"label-{category.name}" not in MESSAGES["en"]:
            yield f"label of {category.name}", category.label
        if category.description or f"about-{category.name}" not in MESSAGES["en"]:
            yield f"description of {category.name}", category.description
    for cookie in policy.cookies:
        yield f"purpose of the cookie {cookie.name}", cookie.purpose
    if policy.policy_url:
        yield "policy_url", policy.policy_url
