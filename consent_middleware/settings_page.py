"""The settings: every category with all that belongs to it, what was chosen about it, and how to choose anew.

A page of its own, whose ``main`` scripts also show as a dialog over a page of the site. All text in it is escaped here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

from .decision import Decision
from .messages import date_in, description_of, label_of, lifetime_in
from .pages import onward, own_page
from .policy import Category, Policy, Service


@dataclass(frozen=True, slots=True)
class SettingsPlace:
    """Where the settings are read: in which language, our own addresses, and where the visitor came from.

    ``next_path`` is where a choice leads to, ``home_path`` where the link back leads. ``once`` marks the forms of this
    very page, so that two clicks are one choice of one visitor.
    """

    language: str
    choice_url: str
    policy_url: str
    styles: tuple[str, ...]
    next_path: str
    home_path: str
    once: str = ""
    record_url: str = ""
    """Where the visitor's own records are had, "" where there is nothing that could give them back."""
    erase_url: str = ""


def settings_page(
    policy: Policy, decision: Decision, place: SettingsPlace, table_of: Callable[[Category], str]
) -> bytes:
    """Return the page. ``table_of`` gives the table of what a category keeps, as markup, "" if there is nothing."""
    settings = _Settings(policy, decision, place, table_of)
    return own_page(place.language, settings.words["title"], "\n".join(settings.parts()), place.styles)


class _Settings:
    """One visitor's settings in one language."""

    def __init__(
        self, policy: Policy, decision: Decision, place: SettingsPlace, table_of: Callable[[Category], str]
    ) -> None:
        self._policy = policy
        self._decision = decision
        self._place = place
        self._table_of = table_of
        self.words = policy.words(place.language)

    def parts(self) -> Iterator[str]:
        words, place, categories = self.words, self._place, self._policy.categories.values()
        kept = words["kept"].format(lifetime=lifetime_in(str(self._policy.consent_lifetime), place.language))
        yield f"<p>{escape(words['intro'])} {escape(kept)}</p>"
        yield self._standing()
        buttons = [self._buttons("save", "accept-all", "reject-all")]
        if any(choice.granted for choice in self._decision.choices.values()):
            buttons.append(self._buttons("withdraw"))
        yield self._form("\n".join([*map(self._category, categories), *buttons]))
        # A form in a form is none, so these stand behind it, and their buttons name them.
        yield from (
            self._form(_hidden("category", each.name), _form_of(each)) for each in categories if each.on_request
        )
        yield f'<p><a href="{escape(place.policy_url)}">{escape(words["policy"])}</a></p>'
        yield onward(place.home_path, words["back"])
        yield from self._imprint()

    def _standing(self) -> str:
        """What was chosen, when and until when."""
        words, decision, language = self.words, self._decision, self._place.language
        decided, expires = decision.decided_at, decision.expires_at
        if decided is None or expires is None:
            return f'<p role="status" class="cm-status">{escape(words["undecided"])}</p>'
        said = words["decided"].format(decided=date_in(decided, language), expires=date_in(expires, language))
        parts = [f'<p role="status">{escape(said)}</p>']
        if receipt := decision.visit.receipt:
            parts.append(f'<p class="cm-small">{escape(words["receipt"])} <code>{receipt.id}</code></p>')
            parts += self._records() if self._place.record_url else ()
        return f'<div class="cm-status">{"".join(parts)}</div>'

    def _records(self) -> Iterator[str]:
        """What the visitor may do with the records of their choices: have them, or have them erased (GDPR, 15, 17)."""
        words, place = self.words, self._place
        yield (
            f'<p class="cm-small"><a href="{escape(place.record_url)}" download="records.json">'
            f"{escape(words['export'])}</a></p>"
            f'<form method="post" action="{escape(place.erase_url)}"><p class="cm-small" id="about-erase">'
            f"{escape(words['about-erase'])}</p>"
            f'<button aria-describedby="about-erase">{escape(words["erase"])}</button></form>'
        )

    def _form(self, markup: str, name: str = "") -> str:
        identity = f' id="{name}"' if name else ""
        place = self._place
        fields = (("next", place.next_path), ("fingerprint", self._policy.fingerprint), ("once", place.once))
        hidden = "".join(_hidden(field, value) for field, value in fields if value)
        return f'<form method="post" action="{escape(place.choice_url)}"{identity}>{hidden}\n{markup}\n</form>'

    def _buttons(self, *actions: str) -> str:
        # The first one is what the Enter key presses: it must not say more than the visitor has ticked.
        buttons = "".join(
            f'<button name="action" value="{action}">{escape(self.words[action])}</button>' for action in actions
        )
        return f'<div class="cm-actions">{buttons}</div>'

    def _category(self, category: Category) -> str:
        language, default = self._place.language, self._policy.default_language
        label = escape(label_of(category, language, default))
        lines = [escape(description_of(category, language, default)), *self._notes(category)]
        paragraphs = "".join(f"<p>{line}</p>" for line in lines if line)
        return (
            f'<section class="cm-category">{self._switch(category, label)}\n{paragraphs}'
            f"{self._details(category)}{self._own_button(category, label)}</section>"
        )

    def _switch(self, category: Category, label: str) -> str:
        words = self.words
        state = " checked" if self._decision.permits(category.name) else ""
        state += " disabled" if category.required else ""  # what is disabled is not sent either
        return (
            f'<h2><label><span class="cm-label">{label}</span>'
            f'<input type="checkbox" role="switch" name="category" value="{escape(category.name)}"{state}>'
            f'<span class="cm-on" aria-hidden="true">{escape(words["switch-on"])}</span>'
            f'<span class="cm-off" aria-hidden="true">{escape(words["switch-off"])}</span></label></h2>'
        )

    def _notes(self, category: Category) -> Iterator[str]:
        words = self.words
        if category.required:
            yield escape(words["necessary"])
        if category.on_request:
            yield escape(words["on-request"])
        if category.exempt:
            yield escape(words["exempt"])
        if category.gpc and self._decision.gpc and category.name not in self._decision.choices:
            yield escape(words["signal"])

    def _details(self, category: Category) -> str:
        services = [service for service in self._policy.services if service.category == category.name]
        named = ", ".join(map(_named, services))
        table = self._table_of(category)
        if not (named or table):
            return ""
        # The colon is part of these words in every language, and a heading has none.
        heads = [
            self.words[key].rstrip(" \u00a0:：") for key, told in (("services", named), ("cookies", table)) if told
        ]
        listed = f"<p>{escape(self.words['services'])} {named}</p>" if named else ""
        return f"<details><summary>{escape(' · '.join(heads))}</summary>{listed}{table}</details>"

    def _own_button(self, category: Category, label: str) -> str:
        if not category.on_request or self._decision.permits(category.name):
            return ""
        said = escape(self.words["accept-one"]).format(category=label)
        return f'<button name="action" value="grant" form="{_form_of(category)}">{said}</button>'

    def _imprint(self) -> Iterator[str]:
        policy = self._policy
        told = (
            policy.controller,
            policy.contact and f"{self.words['contact']} {policy.contact}",
            policy.version and f"{self.words['version']} {policy.version}",
        )
        yield "".join(f'<p class="cm-small">{escape(line)}</p>' for line in told if line)


def _form_of(category: Category) -> str:
    return f"ask-{category.name}"


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'


def _named(service: Service) -> str:
    said = escape(f"{service.name} ({service.provider})" if service.provider else service.name)
    return f'<a href="{escape(service.policy_url)}">{said}</a>' if service.policy_url else said
