"""Somebody or something that is not registered here."""

from dataclasses import dataclass

from enrollment.errors.root import EnrollmentError


@dataclass(eq=False)
class UnknownPerson(EnrollmentError):
    """No person of this owner has that id."""

    code = "enrollment.unknown-person"
    why = "there is no such person in the registry of this municipality"
    todo = "check the id and the municipality; there is no search across municipalities"
    person: str


@dataclass(eq=False)
class UnknownCounter(EnrollmentError):
    code = "enrollment.unknown-counter"
    why = "counter {counter} is not registered"
    todo = "register the counter before working at it"
    counter: str


@dataclass(eq=False)
class UnknownOperator(EnrollmentError):
    code = "enrollment.unknown-operator"
    why = "operator {operator} is not registered"
    todo = "ask the administrator of the municipality to register the operator's card"
    operator: str


@dataclass(eq=False)
class UnknownApplication(EnrollmentError):
    code = "enrollment.unknown-application"
    why = "there is no application {application}"
    todo = "check the number on the receipt"
    application: str


@dataclass(eq=False)
class UnknownCard(EnrollmentError):
    code = "enrollment.unknown-card"
    why = "this card was never issued here"
    todo = "check the number of the card"
    card_id: str


@dataclass(eq=False)
class UnknownMunicipality(EnrollmentError):
    code = "enrollment.unknown-municipality"
    why = "municipality {municipality} is not registered"
    todo = "check the five digits of the municipality"
    municipality: str


@dataclass(eq=False)
class UnknownCertificate(EnrollmentError):
    code = "enrollment.unknown-certificate"
    why = "the certificate that signed this filing was not issued to anybody here"
    todo = "sign with the signature key of a card issued by this service"
    serial: str


@dataclass(eq=False)
class UnknownFiling(EnrollmentError):
    code = "enrollment.unknown-filing"
    why = "there is no filing {filing}"
    todo = "check the filing id; a refused filing is not kept"
    filing: str


@dataclass(eq=False)
class UnknownEvent(EnrollmentError):
    code = "enrollment.unknown-event"
    why = "the ledger of this person has no event {event}"
    todo = "look at the ledger and name one of its events"
    event: str


@dataclass(eq=False)
class UnknownChannel(EnrollmentError):
    code = "enrollment.unknown-channel"
    why = "channel {channel} is not registered"
    todo = "register whoever shows or prints the municipality's records"
    channel: str


@dataclass(eq=False)
class NoPolicy(EnrollmentError):
    code = "enrollment.no-policy"
    why = "no cap policy is in force for municipality {owner}"
    todo = "adopt a policy; without one nothing may be filed remotely"
    owner: str
