"""Questions about records of access, incidents, and booked visits."""

from dataclasses import dataclass

from enrollment.errors.root import EnrollmentError


@dataclass(eq=False)
class UnknownCase(EnrollmentError):
    code = "enrollment.unknown-case"
    why = "there is no such question or record of access"
    todo = "take the number from the list of who looked"
    case: str


@dataclass(eq=False)
class UnknownIncident(EnrollmentError):
    code = "enrollment.unknown-incident"
    why = "there is no incident {incident}"
    todo = "check the number"
    incident: str


@dataclass(eq=False)
class AnswerUnfit(EnrollmentError):
    code = "enrollment.answer-unfit"
    why = "an answer has 1 to {longest} characters"
    todo = "say in a few sentences who looked and why"
    longest: int


@dataclass(eq=False)
class SameAnswerer(EnrollmentError):
    code = "enrollment.same-answerer"
    why = "whoever answered first does not answer again"
    todo = "have another supervisor look into it"
    case: str


@dataclass(eq=False)
class ScopeUnfit(EnrollmentError):
    code = "enrollment.scope-unfit"
    why = "an incident's scope ends after it begins, and names a function, a recipient, affairs or records"
    todo = "narrow it down to what went wrong: everything of a span of time is no answer"


@dataclass(eq=False)
class SlotUnfit(EnrollmentError):
    code = "enrollment.slot-unfit"
    why = "that time cannot be booked: the desk is closed or the last place was just taken"
    todo = "choose another time from the list"


@dataclass(eq=False)
class UnknownBooking(EnrollmentError):
    code = "enrollment.unknown-booking"
    why = "there is no such visit"
    todo = "look at the number on the ticket; without a visit, take a number at the desk"
