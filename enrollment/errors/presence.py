"""What was shown at a desk does not prove that the person was seen."""

from dataclasses import dataclass

from enrollment.errors.root import EnrollmentError


@dataclass(eq=False)
class EvidenceTooWeak(EnrollmentError):
    code = "enrollment.evidence-too-weak"
    why = "what was shown does not prove the person: {missing}"
    todo = "ask for one photo document of the first kind, or two documents, and compare the photo"
    missing: str


@dataclass(eq=False)
class EvidenceUsed(EnrollmentError):
    code = "enrollment.evidence-used"
    why = "this record of an in-person check was already used for something else"
    todo = "record what is seen now as new evidence"
    evidence: str


@dataclass(eq=False)
class NotPresent(EnrollmentError):
    code = "enrollment.not-present"
    why = "the person did not come themselves"
    todo = "only the holder in person can be checked; a proxy's visit proves nothing about the holder"
    counter: str


@dataclass(eq=False)
class NotConfirmed(EnrollmentError):
    code = "enrollment.not-confirmed"
    why = "the municipality has not confirmed this check, or the confirmation is used or too old"
    todo = "ask the municipality for its confirmation while the person waits"
    counter: str


@dataclass(eq=False)
class KioskNeverAnchors(EnrollmentError):
    code = "enrollment.kiosk-never-anchors"
    why = "a kiosk sees nobody: it cannot make an in-person check"
    todo = "go to a municipal counter or a designated post office"
    counter: str


@dataclass(eq=False)
class MunicipalDeskNeeded(EnrollmentError):
    code = "enrollment.municipal-desk-needed"
    why = "the policy asks for a check at a municipal counter this time"
    todo = "go to a counter of the municipality"
    counter: str
