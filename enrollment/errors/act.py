"""What an operator did is not signed by their card as it must be."""

from dataclasses import dataclass

from enrollment.errors.root import EnrollmentError


@dataclass(eq=False)
class ActNotSigned(EnrollmentError):
    """In this municipality nothing is done without the officer's card. `subject` and `content`: what the missing act
    must say; empty where it is not an act that is missing."""

    code = "enrollment.act-not-signed"
    why = "operator {operator} has not signed this ({what}) with their card"
    todo = "sign exactly this act with the card, then do it within five minutes"
    operator: str
    what: str
    subject: str = ""
    content: str = ""


@dataclass(eq=False)
class ActRefused(EnrollmentError):
    code = "enrollment.act-refused"
    why = "the signed act cannot be accepted: {because}"
    todo = "make the act anew at the desk and sign it with your own card"
    because: str
