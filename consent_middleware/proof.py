"""What is kept of a decision: a signed receipt in the visitor's jar, and a record for the ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .decision import Act, Decision
from .engine import Engine
from .http import Request
from .own_cookies import choice_lifetime, choice_name, hint_name, own_line
from .record import Record, State
from .release import release
from .seal import Receipt

_HOST = re.compile(r"[A-Za-z0-9._\[\]:-]{1,255}", re.ASCII)


class Proof:
    """The proof of what was decided in one request; the receipt and the record name the same visitor."""

    __slots__ = ("_decision", "_engine", "_receipt", "_request")

    def __init__(self, engine: Engine, request: Request, decision: Decision) -> None:
        self._engine = engine
        self._request = request
        self._decision = decision
        self._receipt: Receipt | None = None

    def cookie(self) -> str:
        """Return the Set-Cookie line of our cookie, to be sent only with a decision: no choice slides with visits."""
        receipt, now = self._new_receipt(), self._decision.visit.now
        lifetime = choice_lifetime(self._engine.policy)
        age = max(lifetime.end(choice.at) for choice in receipt.choices.values()) - now
        name = choice_name(self._engine.policy, self._request.scheme)
        return own_line(self._engine.policy, self._request, name, self._engine.seal.dumps(receipt), age)

    def hint(self) -> str:
        """Return the Set-Cookie line that tells scripts how the visitor stands, as scripts of ours read it.

        The policy's fingerprint, whether to ask, the categories allowed. It is gone when the first of the choices
        lapses; then scripts ask the server.
        """
        decision, engine = self._decision, self._engine
        standing = decision.standing()
        allowed = [name for name in engine.policy.categories if name not in standing.withheld]
        value = ".".join([engine.policy.fingerprint, str(int(standing.needs_asking)), *allowed])
        lifetime = engine.policy.consent_lifetime
        age = min(lifetime.end(choice.at) for choice in decision.choices.values()) - decision.visit.now
        return own_line(engine.policy, self._request, hint_name(engine.policy, self._request.scheme), value, age)

    def record(self) -> Record:
        """Return what the ledger keeps of the decision."""
        decision, engine, receipt = self._decision, self._engine, self._new_receipt()
        act = decision.acts[-1]
        now, previous = decision.visit.now, decision.visit.receipt
        choices = {name: choice.granted for name, choice in decision.choices.items()}
        language = engine.endpoints.language_for(self._request)
        return Record(
            record_id=engine.seal.id_of(receipt),
            subject=receipt.who,
            previous=previous.id if previous else None,
            state=_state_of(act.mechanism, choices),
            choices=choices,
            decided_at=now,
            expires_at=engine.policy.consent_lifetime.end(now),
            mechanism=act.mechanism,
            source=act.source,
            policy_version=engine.policy.version,
            fingerprint=engine.policy.fingerprint,
            ui_hash=engine.shown_in(language).hash,
            language=language,
            host=_host_in(self._request.host),
            gpc=decision.gpc,
            middleware_version=release(),
        )

    def _new_receipt(self) -> Receipt:
        act, previous = self._decision.acts[-1], self._receipt or self._decision.visit.receipt
        who = previous.who if previous is not None else self._newcomer(act)
        self._receipt = Receipt(who, act.source, self._decision.choices)
        return self._receipt

    def _newcomer(self, act: Act) -> str:
        seal, now = self._engine.seal, self._decision.visit.now
        return seal.pseudonym(act.once, now) if act.once else self._engine.token()


def _host_in(header: str) -> str:
    """What the Host header says, "" if it can name no host: a visitor can write anything there."""
    return header.lower() if _HOST.fullmatch(header) else ""


def _state_of(mechanism: str, choices: Mapping[str, bool]) -> State:
    if any(choices.values()):
        return "given" if all(choices.values()) else "partial"
    return "withdrawn" if mechanism in ("withdraw", "deny") else "refused"
