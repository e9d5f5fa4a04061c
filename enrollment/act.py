"""An act of an operator as it is written down and signed: what, to whom, with which content, by whom, where, when."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from enrollment.canonical import Json, canonical, digest
from pki import officer_signature
from pki.errors import InvalidValue
from pki.instant import Instant


class What(StrEnum):
    """What is signed for. In-person evidence has a signature of its own (`enrollment.evidence`)."""

    FILE = "file"
    PROPOSE = "propose"
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    CORRECT = "correct"
    OFFICIAL_CHANGE = "official-change"
    ATTRIBUTE_CHANGE = "attribute-change"
    TRANSFER_OUT = "transfer-out"
    SUSPEND = "suspend"
    RESUME = "resume"
    REPORT_LOSS = "report-loss"
    CHANGE_CARD = "change-card"
    END_OF_SERVICE = "end-of-service"
    REINSTATE = "reinstate"
    CONFIRM_CHECK = "confirm-check"
    GRANT = "grant"
    REVOKE_GRANT = "revoke-grant"
    NOTE_RESIDENCE = "note-residence"
    LETTER_RETURNED = "letter-returned"
    CONTINUE_CARD = "continue-card"
    PIN_RESET = "pin-reset"
    PROTECTION = "protection"
    POLICY = "policy"
    BEGIN_WORK = "begin-work"
    CARD_WORK = "card-work"
    RECORD_CHECK = "record-check"
    REFUSE_CHECK = "refuse-check"
    SEE_ADDRESS = "see-address"
    GIVE_UP = "give-up"
    GIVE_CODE = "give-code"
    ANSWER_CASE = "answer-case"
    INCIDENT = "incident"
    CLOSE_DAY = "close-day"
    RECEIVE_STOCK = "receive-stock"


@dataclass(frozen=True, slots=True)
class Act:
    """`content`: SHA-256 in hex over all parameters of what is done; `nonce`: 32 hex digits, once an operator."""

    what: What
    subject: str
    content: str
    operator: str
    counter: str
    at: Instant
    nonce: str

    def body(self) -> dict[str, Json]:
        """The record that is signed."""
        return {
            "at": self.at.iso(),
            "content": self.content,
            "counter": self.counter,
            "nonce": self.nonce,
            "operator": self.operator,
            "subject": self.subject,
            "type": "jitsuin-act-v1",
            "what": self.what.value,
        }

    def octets(self) -> bytes:
        """The record as it is written down and hashed."""
        return canonical(self.body())

    def to_be_signed(self) -> bytes:
        """What the officer's card signs: the record behind its prefix, so that it is never taken for anything else."""
        return officer_signature.ACT + self.octets()

    def digest(self) -> str:
        """The act's name: SHA-256 of `octets()`, hex."""
        return digest(self.body())


def parse_act(record: Mapping[str, Any]) -> Act:
    """Read back what `Act.body()` wrote. Errors: InvalidValue, also for anything more or less than that."""
    try:
        act = Act(
            What(record["what"]),
            str(record["subject"]),
            str(record["content"]),
            str(record["operator"]),
            str(record["counter"]),
            Instant.parse(record["at"]),
            str(record["nonce"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidValue("this is no act of an officer") from error
    if act.body() != dict(record):
        raise InvalidValue("this is no act of an officer")
    return act
