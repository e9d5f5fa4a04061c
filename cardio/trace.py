"""The APDU log: one line per command (`> hex`) and answer (`< hex`), without PINs, keys or secure-channel payloads.

Masked octets are `**`. Header, length and status word stay readable, so that a log still tells what happened.
"""

from collections.abc import Callable

_SECRET_INSTRUCTIONS = frozenset(
    {
        *(0x20, 0x21),  # VERIFY
        *(0x24, 0x25),  # CHANGE REFERENCE DATA
        *(0x26, 0x28),  # DISABLE and ENABLE VERIFICATION REQUIREMENT
        *(0x2C, 0x2D),  # RESET RETRY COUNTER
        0x32,  # JICSAP change of a PIN
        0xD8,  # PUT KEY
        0xFE,  # Yubico: import a private key
        0xFF,  # Yubico: set the management key
    }
)
_GENERAL_AUTHENTICATE = 0x87
_PIV_MANAGEMENT_KEY = 0x9B
_GET_RESPONSE = 0xC0


def carries_secret(command: bytes) -> bool:
    """Whether the data of `command` must not be shown. Looks at CLA, INS, P2 only: no broken length hides a PIN."""
    if len(command) < 4:
        return False
    return (
        command[1] in _SECRET_INSTRUCTIONS
        or secure_messaging(command[0])
        or (command[1] == _GENERAL_AUTHENTICATE and command[3] == _PIV_MANAGEMENT_KEY)
    )


def secure_messaging(cla: int) -> bool:
    """ISO/IEC 7816-4, 5.4.1: bits 4–3 of a first interindustry or GlobalPlatform class, bit 6 of a further one."""
    if cla == 0xFF:
        return False
    return bool(cla & 0x20) if cla & 0x40 else bool(cla & 0x0C)


def mask_command(command: bytes) -> str:
    """`command` in hex, its data as `**` if it carries a secret."""
    if len(command) <= 5 or not carries_secret(command):
        return command.hex(" ").upper()
    lengths = 7 if command[4] == 0 and len(command) > 7 else 5
    return command[:lengths].hex(" ").upper() + " **" * (len(command) - lengths)


def mask_response(response: bytes) -> str:
    """`response` with only its status word readable."""
    if len(response) <= 2:
        return response.hex(" ").upper()
    return "** " * (len(response) - 2) + response[-2:].hex(" ").upper()


class Trace:
    """Writes lines to `sink`. One trace belongs to one channel: an answer is masked by what its command was."""

    __slots__ = ("_mask_answer", "sink")

    def __init__(self, sink: Callable[[str], object]) -> None:
        self.sink = sink
        self._mask_answer = False

    def command(self, raw: bytes) -> None:
        if len(raw) < 2 or raw[1] != _GET_RESPONSE:  # the rest of an answer is as secret as its beginning
            self._mask_answer = carries_secret(raw)
        self.sink("> " + mask_command(raw))

    def response(self, raw: bytes) -> None:
        self.sink("< " + (mask_response(raw) if self._mask_answer else raw.hex(" ").upper()))

    def failed(self, what: str) -> None:
        """The answer never came."""
        self.sink(f"! {what}")
