"""Who may not do this, or not here, or not now."""

from dataclasses import dataclass

from enrollment.errors.root import EnrollmentError


@dataclass(eq=False)
class NotYours(EnrollmentError):
    """A record belongs to another municipality than the one that asks."""

    code = "enrollment.not-yours"
    why = "the record belongs to another municipality"
    todo = "ask the municipality that keeps this resident"
    owner: str


@dataclass(eq=False)
class NoReceipt(EnrollmentError):
    code = "enrollment.no-receipt"
    why = "this read was not recorded beforehand"
    todo = "record who reads what and why first; the receipt of that record opens the read"
    record: str


@dataclass(eq=False)
class RoleMissing(EnrollmentError):
    code = "enrollment.role-missing"
    why = "operator {operator} lacks the role {role}"
    todo = "ask somebody who holds that role"
    operator: str
    role: str


@dataclass(eq=False)
class OperatorNotValid(EnrollmentError):
    code = "enrollment.operator-not-valid"
    why = "operator {operator} may not work at this time"
    todo = "have the appointment renewed"
    operator: str


@dataclass(eq=False)
class OutOfScope(EnrollmentError):
    code = "enrollment.out-of-scope"
    why = "counter {counter} does not handle {affair}"
    todo = "send the person to a counter of the municipality"
    counter: str
    affair: str


@dataclass(eq=False)
class NotDesignated(EnrollmentError):
    code = "enrollment.not-designated"
    why = "the designation of counter {counter} does not cover this day"
    todo = "send the person to a counter of the municipality, or renew the designation"
    counter: str


@dataclass(eq=False)
class SelfDealing(EnrollmentError):
    code = "enrollment.self-dealing"
    why = "an officer may not act on their own record"
    todo = "ask a colleague"
    operator: str


@dataclass(eq=False)
class NotGranted(EnrollmentError):
    code = "enrollment.not-granted"
    why = "nobody was given the right to do this ({affair}) for this person"
    todo = "have the representation recorded at a counter, or let the person come themselves"
    affair: str
