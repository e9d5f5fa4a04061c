"""Support measures: masks, releases, outputs."""

from dataclasses import dataclass

from enrollment.errors.root import EnrollmentError


@dataclass(eq=False)
class AlreadyProtected(EnrollmentError):
    code = "enrollment.already-protected"
    why = "a support measure is in force for this person already"
    todo = "renew it, or ask the desk that keeps it"
    counter: str


@dataclass(eq=False)
class NotProtected(EnrollmentError):
    code = "enrollment.not-protected"
    why = "no support measure is in force for this person"
    todo = "look at the person's record"


@dataclass(eq=False)
class OutputBlocked(EnrollmentError):
    code = "enrollment.output-blocked"
    why = "nothing with this person's address may be printed or exported"
    todo = "ask desk {contact_desk}; only two people together can let the address be seen"
    contact_desk: str


@dataclass(eq=False)
class StillCooling(EnrollmentError):
    code = "enrollment.still-cooling"
    why = "the release has not been approved by two people, or the time to think is not over ({release_after})"
    todo = "wait for that time; anybody may stop the release until then"
    release_after: str
