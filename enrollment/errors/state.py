"""A step that is not possible from where things stand, or that somebody else took first."""

from dataclasses import dataclass

from enrollment.errors.root import EnrollmentError
from pki.errors import Retryable


@dataclass(eq=False)
class WrongState(EnrollmentError):
    """A state machine has no such step."""

    code = "enrollment.wrong-state"
    why = "{what} is {state}; {event} is not possible from there"
    todo = "look at the present state and take one of its next steps"
    what: str
    state: str
    event: str


@dataclass(eq=False)
class Stale(EnrollmentError, Retryable):
    """Somebody else changed the row since it was read; the body may run again."""

    code = "enrollment.stale"
    why = "{what} was changed by somebody else meanwhile"
    todo = "try again"
    what: str


@dataclass(eq=False)
class PlaceTaken(EnrollmentError, Retryable):
    """Another event took this place of the person's ledger first; decide anew."""

    code = "enrollment.place-taken"
    why = "another event of the same person was recorded at the same moment"
    todo = "try again; the decision is taken anew"
    person: str
    position: int


@dataclass(eq=False)
class IdempotencyMismatch(EnrollmentError):
    code = "enrollment.idempotency-mismatch"
    why = "the same idempotency key was used for another request"
    todo = "use a fresh key for a new request"
    key: str


@dataclass(eq=False)
class AlreadyIssued(EnrollmentError):
    code = "enrollment.already-issued"
    why = "this person already holds valid certificates, or an application is under way"
    todo = "renew or re-issue instead, or finish the open application"
    application: str


@dataclass(eq=False)
class AlreadyRegistered(EnrollmentError):
    """A desk, an operator or a card of that name is there already."""

    code = "enrollment.already-registered"
    why = "{name} is registered already, or its card is somebody else's"
    todo = "choose another name, or look at what is registered"
    name: str
