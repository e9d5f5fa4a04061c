"""The second person is missing, is the first, or came too late."""

from dataclasses import dataclass

from enrollment.errors.root import EnrollmentError


@dataclass(eq=False)
class NeedsApproval(EnrollmentError):
    code = "enrollment.needs-approval"
    why = "{affair} needs a second operator"
    todo = "have a supervisor approve it with their own card"
    affair: str


@dataclass(eq=False)
class SamePerson(EnrollmentError):
    code = "enrollment.same-person"
    why = "who proposed may not decide, nor may the same card"
    todo = "ask another supervisor"
    operator: str


@dataclass(eq=False)
class ApprovalExpired(EnrollmentError):
    code = "enrollment.approval-expired"
    why = "the proposal was not decided in time"
    todo = "propose it again"
    approval: str
