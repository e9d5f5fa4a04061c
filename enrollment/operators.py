"""Operators: who works at which desk, in which roles, with which card, until when."""

from dataclasses import dataclass
from enum import StrEnum

from enrollment.errors import OperatorNotValid, RoleMissing, SelfDealing
from enrollment.person import PersonId
from pki.instant import Instant, Validity


class Role(StrEnum):
    """What an operator may be trusted with."""

    CLERK = "clerk"
    SUPERVISOR = "supervisor"
    PROTECTION = "protection"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of `owner`, bound to one desk and one card.

    `card_fingerprint`: SHA-256 of the operator's certificate, hex. `person` is the operator's own record where it is
    known, so that nobody acts on themselves.
    """

    operator: str
    owner: str
    roles: frozenset[Role]
    card_fingerprint: str
    counter: str
    validity: Validity
    person: PersonId | None = None

    def require(self, role: Role, at: Instant, subject: PersonId | None = None) -> None:
        """Errors: OperatorNotValid outside the appointment, RoleMissing, SelfDealing if `subject` is the operator."""
        self.require_valid(at)
        if role not in self.roles:
            raise RoleMissing(self.operator, role.value)
        if subject is not None and self.person == subject:
            raise SelfDealing(self.operator)

    def require_valid(self, at: Instant) -> None:
        """Errors: OperatorNotValid outside the appointment."""
        if not self.validity.contains(at):
            raise OperatorNotValid(self.operator)
