"""Why the agent refuses: one error with a closed list of reasons, so that a page can say each in plain words."""

from dataclasses import dataclass
from enum import StrEnum

from cardio.errors import CardError


class Refusal(StrEnum):
    """The reasons."""

    NOT_PAIRED = "not-paired"
    WRONG_TICKET = "wrong-ticket"
    SECOND_PAGE = "second-page"
    UNKNOWN_OPERATION = "unknown-operation"
    NOT_IN_THIS_MODE = "not-in-this-mode"
    MALFORMED = "malformed"
    FLOOD = "flood"
    BUSY = "busy"
    NO_CARD = "no-card"
    CHOOSE_READER = "choose-reader"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed-out"
    NOTHING_CHOSEN = "nothing-chosen"
    NOT_HELD = "not-held"
    NOT_AGREED = "not-agreed"
    NOT_LOGGED_IN = "not-logged-in"
    ANOTHER_CARD = "another-card"
    UNKNOWN_ACT = "unknown-act"
    APDU_NOT_RELAYED = "apdu-not-relayed"
    CODE_UNKNOWN = "code-unknown"
    SERVICE_SILENT = "service-silent"


@dataclass(eq=False)
class AgentRefused(CardError):
    """`refusal` says which rule; nothing of what was sent is repeated."""

    refusal: Refusal

    code = "cardio.agent-refused"
    why = "The reader agent refused: {refusal}."
    todo = "Follow what the page beside the reader says."
