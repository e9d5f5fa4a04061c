"""The applications that a My Number Card has beside JPKI, as far as the virtual card answers for them.

Names, files and PINs are those of public clients. Ours hold nothing of anybody: files under a PIN are refused, and the
PINs were never set. They are here so that a program which looks for them before or after JPKI meets what it would meet
on a real card, and so that JPKI's own state is seen to end with their selection.

    D392100031000101 0408  text (券面事項入力補助)   0001 number 0002 four items …      PIN 0011, codes 0014, 0015
    D392100031000101 0402  surface (券面事項確認)    0001 … 0005                         codes 0013, 0012
    D392100031000101 0401  Juki (住基)                                                  PIN 001C
    D392100031000101 0100  common                    0001, a record: serial, town, end
    A0000001510000         GlobalPlatform issuer security domain
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cardio.apdu import CommandApdu, ResponseApdu, answer
from cardio.virtual_card import Refusal


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One application. `secret`: files whose PIN comes first; `tries`: PIN files, which were never set."""

    secret: frozenset[int] = frozenset()
    tries: frozenset[int] = frozenset()
    records: Mapping[int, str] = field(default_factory=dict)
    """File → the form of its record, with the card's serial put in."""


TEXT = bytes.fromhex("D3921000310001010408")
SURFACE = bytes.fromhex("D3921000310001010402")
JUKI = bytes.fromhex("D3921000310001010401")
COMMON = bytes.fromhex("D3921000310001010100")
SECURITY_DOMAIN = bytes.fromhex("A0000001510000")

NEIGHBOURS: Mapping[bytes, Neighbour] = {
    TEXT: Neighbour(frozenset(range(0x0001, 0x0008)), frozenset((0x0011, 0x0014, 0x0015))),
    SURFACE: Neighbour(frozenset((0x0001, 0x0002, 0x0003, 0x0005)), frozenset((0x0012, 0x0013))),
    JUKI: Neighbour(frozenset(), frozenset((0x001C,))),
    # 01 1C, then serial(15) town(5) end(8): 99201 exists nowhere, and the date is no date of a card.
    COMMON: Neighbour(records={0x0001: "{serial}9920199991231"}),
    SECURITY_DOMAIN: Neighbour(),
}


def respond(neighbour: Neighbour, command: CommandApdu, selected: int | None, serial: str) -> ResponseApdu:
    """The answer of a selected neighbour; `selected` is its current file. Errors: Refusal."""
    match command.cla, command.ins:
        case 0x00, 0xB0:
            raise Refusal(0x6986 if selected is None else 0x6982 if selected in neighbour.secret else 0x6981)
        case 0x00, 0xB2:
            return _record(neighbour, command, selected, serial)
        case 0x00, 0x20:
            if selected not in neighbour.tries:
                raise Refusal(0x6986 if selected is None else 0x6981)
            # Never set: as blocked as a PIN can be. Asked without data, the counter; else the locked answer.
            raise Refusal(0x6984 if command.data else 0x63C0)
    raise Refusal(0x6D00)


def files(neighbour: Neighbour) -> frozenset[int]:
    """What can be selected."""
    return neighbour.secret | neighbour.tries | frozenset(neighbour.records)


def _record(neighbour: Neighbour, command: CommandApdu, selected: int | None, serial: str) -> ResponseApdu:
    """READ RECORD 1 of the current file (P2 04) or of that of a short identifier."""
    file = command.p2 >> 3 or selected
    if file is None:
        raise Refusal(0x6986)
    form = neighbour.records.get(file)
    if form is None:
        raise Refusal(0x6A82)
    if command.p1 != 0x01 or command.p2 & 0x07 != 0x04:
        raise Refusal(0x6A83 if command.p2 & 0x07 == 0x04 else 0x6A86)
    content = form.format(serial=serial[-15:].rjust(15, "0")).encode("ascii")
    return answer(0x9000, b"\x01" + bytes((len(content),)) + content)
