"""The commands of ISO/IEC 7816-4 and -8 that applications are made of, as functions of a Channel."""

from dataclasses import replace

from cardio import pin_pad
from cardio.apdu import CommandApdu
from cardio.channel import Channel
from cardio.errors import LastTry, NotThisKind, PinBlocked, ProtocolViolated, Refused, WrongPin
from cardio.pin import Pin
from cardio.pin_pad import PadEntry
from cardio.status_word import StatusWord
from pki.errors import Malformed

READ_PIECE = 256
MAXIMUM_FILE = 1 << 15
"""READ BINARY reaches 15 bits of offset (ISO/IEC 7816-4, 7.2.3)."""


def select_application(channel: Channel, aid: bytes, name: str) -> None:
    """SELECT by name, no control information wanted (P2 0C).

    Errors: NotThisKind if the card does not have it.
    """
    response = channel.send(CommandApdu(0x00, 0xA4, 0x04, 0x0C, aid))
    if response.status in (0x6A82, 0x6A86, 0x6D00, 0x6E00, 0x6999):
        raise NotThisKind(name)
    if not response.ok:
        raise Refused(response.status, "SELECT application")


def select_file(channel: Channel, file_id: int) -> None:
    """SELECT an elementary file under the current application. Errors: Refused."""
    channel.require(CommandApdu(0x00, 0xA4, 0x02, 0x0C, file_id.to_bytes(2, "big")), f"SELECT {file_id:04X}")


def read_binary(channel: Channel, offset: int, length: int, short_id: int | None = None) -> bytes:
    """`length` (1–256) octets of the selected file, or of the file with the short identifier. May give fewer at its
    end.

    Errors: Refused. Shapes: with `short_id` the offset is one octet.
    """
    p1, p2 = (0x80 | short_id, offset) if short_id is not None else (offset >> 8, offset & 0xFF)
    response = channel.send(CommandApdu(0x00, 0xB0, p1, p2, ne=length))
    if response.status == 0x6282 or response.ok:
        if len(response.data) > length:
            raise ProtocolViolated("READ BINARY", what="more data than was asked for")
        return response.data
    raise Refused(response.status, "READ BINARY")


def read_object(channel: Channel, short_id: int | None = None) -> bytes:
    """The DER object that begins the selected file (or that of the short identifier); filler behind it is not read.

    Errors: Refused; Malformed if no DER SEQUENCE begins there.
    """
    head = read_binary(channel, 0, 4, short_id)
    if len(head) < 4 or head[0] != 0x30:
        raise Malformed("no DER sequence at the beginning of the file", 0)
    if head[1] == 0x82:
        total = 4 + (head[2] << 8 | head[3])
    elif head[1] == 0x81:
        total = 3 + head[2]
    elif head[1] < 0x80:
        total = 2 + head[1]
    else:
        raise Malformed("length form not usual for a certificate", 1)
    if total > MAXIMUM_FILE:
        raise Malformed("longer than a file can be", 1)
    # After a read by short identifier that file is the selected one (ISO/IEC 7816-4, 7.2.1).
    return read_exactly(channel, total)


def read_exactly(channel: Channel, length: int) -> bytes:
    """The first `length` octets of the selected file.

    Errors: Refused; Malformed if the file is shorter.
    """
    data = bytearray()
    while len(data) < length:
        piece = read_binary(channel, len(data), min(READ_PIECE, length - len(data)))
        if not piece:
            raise Malformed("file shorter than its object", len(data))
        data += piece
    return bytes(data)


def tries_left(channel: Channel, reference: int = 0x80) -> int | None:
    """How many wrong entries the PIN still allows (VERIFY without data, which costs none); None: the card does not say.

    0 means blocked.
    """
    status = channel.send(CommandApdu(0x00, 0x20, 0x00, reference)).status
    if (left := status.retries_left) is not None:
        return left
    return 0 if status.blocked else None


Entered = Pin | PadEntry
"""A PIN as it was typed here, or one that will be entered on the reader's own keys."""


def verify(channel: Channel, pin: Entered, reference: int = 0x80, *, last_try: bool = False) -> None:
    """VERIFY, after looking how many tries are left. Sent once: nothing here repeats it.

    Errors: PinBlocked and LastTry (nothing sent), WrongPin, PinBlocked, Refused, ConnectionFailed.
    """
    left = tries_left(channel, reference)
    if left == 0:
        raise PinBlocked(pin.rule.slot)
    if left == 1 and not last_try:
        raise LastTry(pin.rule.slot)
    command = CommandApdu(0x00, 0x20, 0x00, reference)
    if isinstance(pin, PadEntry):
        status = pin_pad.verify(channel, pin, command.header)
    else:
        status = channel.send(replace(command, data=pin.octets)).status
    require_pin(status, pin.rule.slot, "VERIFY")


def set_reference(channel: Channel, new: Entered, p1: int, reference: int = 0x80) -> StatusWord:
    """CHANGE REFERENCE DATA with the new PIN alone. The status word is the caller's to read."""
    command = CommandApdu(0x00, 0x24, p1, reference)
    if isinstance(new, PadEntry):
        return pin_pad.modify(channel, new, command.header, with_old=False)
    return channel.send(replace(command, data=new.octets)).status


def require_pin(status: StatusWord, slot: str, command: str) -> None:
    """Turn the status word of a PIN command into nothing or the right error."""
    if status.ok:
        return
    if status.blocked:
        raise PinBlocked(slot)
    if (left := status.retries_left) is not None:
        raise WrongPin(slot, left)
    raise Refused(status, command)
