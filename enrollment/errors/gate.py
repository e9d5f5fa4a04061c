"""What came from outside and may not pass."""

from dataclasses import dataclass

from enrollment.errors.root import EnrollmentError


@dataclass(eq=False)
class GatewayRefused(EnrollmentError):
    """A message does not pass the gate; it lies in quarantine."""

    code = "enrollment.gateway-refused"
    why = "the message is not one that may pass: {what}"
    todo = "send it again in the form of the schema; nothing of it was taken over"
    what: str


@dataclass(eq=False)
class GatewayFlooded(EnrollmentError):
    """More messages than agreed; nothing is kept of those above."""

    code = "enrollment.gateway-flooded"
    why = "municipality {owner} sends more than {limit} messages a minute"
    todo = "send the same message again a minute later"
    owner: str
    limit: int


@dataclass(eq=False)
class Braked(EnrollmentError):
    code = "enrollment.braked"
    why = "changes from municipality {owner} are stopped: {because}"
    todo = "look at what came in; a supervisor lets it go on"
    owner: str
    because: str


@dataclass(eq=False)
class SnapshotDamaged(EnrollmentError):
    code = "enrollment.snapshot-damaged"
    why = "the snapshot cannot be believed: {what}"
    todo = "take another copy, or an older snapshot"
    what: str
