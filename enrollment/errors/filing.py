"""A remote filing that is not accepted."""

from dataclasses import dataclass
from datetime import date

from enrollment.errors.root import EnrollmentError


@dataclass(eq=False)
class FilingMalformed(EnrollmentError):
    code = "enrollment.filing-malformed"
    why = "the filing document is not in its canonical form: {what}"
    todo = "make the document with the current form, sign exactly those octets"
    what: str


@dataclass(eq=False)
class FilingRejected(EnrollmentError):
    """The verifier did not say PASSED; its report is inside."""

    code = "enrollment.filing-rejected"
    why = "the signature of the filing was not accepted: {indication} {sub_indication}"
    todo = "see the checks of the report; sign again with a valid card"
    indication: str
    sub_indication: str
    report: str


@dataclass(eq=False)
class FilingFromFuture(FilingRejected):
    """Signed at a time that is yet to come: the clock of the computer beside the reader is fast."""

    code = "enrollment.filing-from-future"
    why = "the computer that signed the filing believes that it is later than it is"
    todo = "set that computer's clock right and sign again"


@dataclass(eq=False)
class FilingReplayed(EnrollmentError):
    code = "enrollment.filing-replayed"
    why = "filing {filing} was already accepted"
    todo = "look at the result of the first one, or make a new filing"
    filing: str


@dataclass(eq=False)
class FilingVoid(EnrollmentError):
    code = "enrollment.filing-void"
    why = "the filing says itself that it is void by now"
    todo = "make and sign a new filing"
    void_after: str


@dataclass(eq=False)
class FilingMismatch(EnrollmentError):
    code = "enrollment.filing-mismatch"
    why = "the certificate request is not the one named in the signed filing"
    todo = "send the request whose digest was signed"
    filing: str


@dataclass(eq=False)
class NothingChanges(EnrollmentError):
    code = "enrollment.nothing-changes"
    why = "the new address is the address already recorded"
    todo = "nothing needs to be filed"
    filing: str


@dataclass(eq=False)
class RemoteBlocked(EnrollmentError):
    code = "enrollment.remote-blocked"
    why = "this procedure is not possible online for this record: {because}"
    todo = "come in person to a counter of the municipality"
    because: str


@dataclass(eq=False)
class SignatureInvalid(EnrollmentError):
    code = "enrollment.signature-invalid"
    why = "the signature of {signer} does not verify"
    todo = "sign again with the registered key"
    signer: str


@dataclass(eq=False)
class ResidenceUnproven(EnrollmentError):
    code = "enrollment.residence-unproven"
    why = "the evidence does not yet prove the new address"
    todo = "bring one of these: {choices}"
    choices: str


@dataclass(eq=False)
class FilingTooEarly(EnrollmentError):
    code = "enrollment.filing-too-early"
    why = "this can be filed from {opens} on"
    todo = "file it again from that day on"
    opens: date


@dataclass(eq=False)
class FilingTooLate(EnrollmentError):
    """The last day for doing it from afar is over; a counter still takes it."""

    code = "enrollment.filing-too-late"
    why = "this could be filed online until {until}"
    todo = "come in person to a counter of the municipality; there it is still accepted"
    until: date


@dataclass(eq=False)
class CodeWrong(EnrollmentError):
    code = "enrollment.code-wrong"
    why = "this is not the code of the letter; {tries_left} tries are left"
    todo = "read the code from the newest letter once more; without tries left, ask for a new letter"
    tries_left: int


@dataclass(eq=False)
class LetterOver(EnrollmentError):
    """The letter was never sent, is too old, was used, or had its tries used up."""

    code = "enrollment.letter-over"
    why = "this letter is {state}; its code opens nothing any more"
    todo = "ask for a new letter"
    state: str
