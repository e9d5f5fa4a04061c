"""What may be asked of the agent: two closed lists, one for the paired page, one for the service it belongs to.

A page may look, log in and (at home) sign, nothing else. Only the service, over its sealed line, may have a card
managed, or have the card that logged in sign a record of what its operator does; and of commands it may only have those
relayed that cannot carry a PIN.
"""

from enum import StrEnum
from typing import Final

from cardio.agent.refusals import AgentRefused, Refusal
from cardio.jpki import AID


class Mode(StrEnum):
    """Where the agent stands. At HOME a card is managed only once its holder agreed, and nobody asks for PINs."""

    DESK = "desk"
    HOME = "home"


class PageOperation(StrEnum):
    """Over the WebSocket, by the page that holds the ticket."""

    LOOK = "look"
    LOGIN = "login"
    SIGN = "sign"


class LineOperation(StrEnum):
    """Over the sealed line, by the service."""

    LOOK = "look"
    DESCRIBE = "describe"
    HOLD = "hold"
    APDU = "apdu"
    RELEASE = "release"
    ASK_PINS = "ask-pins"
    WRITE_PINS = "write-pins"
    CHECK_PIN = "check-pin"
    SIGN_RECORD = "sign-record"
    FORGET = "forget"
    AGREE = "agree"


PAGE_OPERATIONS: Final = {
    Mode.DESK: frozenset({PageOperation.LOOK, PageOperation.LOGIN}),
    Mode.HOME: frozenset(PageOperation),
}
LINE_OPERATIONS: Final = {
    Mode.DESK: frozenset(LineOperation) - {LineOperation.AGREE},
    Mode.HOME: frozenset(
        {LineOperation.LOOK, LineOperation.AGREE, LineOperation.HOLD, LineOperation.APDU, LineOperation.RELEASE}
    ),
}

_SELECT, _READ, _VERIFY, _GET_RESPONSE = 0xA4, 0xB0, 0x20, 0xC0
_PLAIN: Final = frozenset({_SELECT, _READ, _GET_RESPONSE})
_CHANNEL_OPENING: Final = frozenset({(0x80, 0x50), (0x84, 0x82)})
_SECURED: Final = frozenset({0x04, 0x84})
"""Class octets with secure messaging (ISO/IEC 7816-4 5.4.1): whoever has no session key makes no such command."""
_CHAINING: Final = 0x10


def require_relayable(command: bytes) -> None:
    """See that `command` is one that the service may have sent to a card.

    Allowed: SELECT of the card's application or of its files, READ BINARY (the card itself asks for a PIN where one is
    needed, and none is verified here); how many tries are left; opening the secure channel (INITIALIZE UPDATE,
    EXTERNAL AUTHENTICATE); and whatever is inside it. Not allowed: a PIN, a signature, anything of another application.
    Errors: AgentRefused.
    """
    if len(command) < 4:
        raise AgentRefused(Refusal.APDU_NOT_RELAYED)
    cla, ins, p1 = command[0], command[1], command[2]
    if cla == 0x00 and ins == _SELECT and p1 == 0x04:
        allowed = command[5 : 5 + len(AID)] == AID and command[4] == len(AID)
    elif cla == 0x00 and ins in _PLAIN:
        allowed = True
    elif cla == 0x00 and ins == _VERIFY:
        allowed = len(command) == 4
    else:
        allowed = (cla, ins) in _CHANNEL_OPENING or cla & ~_CHAINING in _SECURED
    if not allowed:
        raise AgentRefused(Refusal.APDU_NOT_RELAYED)
