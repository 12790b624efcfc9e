"""What is kept of a decision: a signed receipt in the visitor's jar, and a record for the ledger."""

from __future__ import annotations

from collections.abc import Mapping

from .decision import Decision
from .engine import Engine
from .http import Request
from .own_cookies import HINT_NAME, choice_name, own_line
from .record import Record, State
from .seal import Receipt


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
        lifetime = self._engine.policy.consent_lifetime
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
        return own_line(engine.policy, self._request, HINT_NAME, value, age)

    def record(self) -> Record:
        """Return what the ledger keeps of the decision."""
        decision, engine, receipt = self._decision, self._engine, self._new_receipt()
        act = decision.acts[-1]
        now, previous = decision.visit.now, decision.visit.receipt
        choices = {name: choice.granted for name, choice in decision.choices.items()}
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
            host=self._request.host,
            gpc=decision.gpc,
        )

    def _new_receipt(self) -> Receipt:
        previous = self._receipt or self._decision.visit.receipt
        who = previous.who if previous else self._engine.token()
        self._receipt = Receipt(who, self._decision.acts[-1].source, self._decision.choices)
        return self._receipt


def _state_of(mechanism: str, choices: Mapping[str, bool]) -> State:
    if any(choices.values()):
        return "given" if all(choices.values()) else "partial"
    return "withdrawn" if mechanism in ("withdraw", "deny") else "refused"
