"""Commands and answers of ISO/IEC 7816-4: cases 1–4, short and extended (5.1, 5.2).

case 1   CLA INS P1 P2
case 2   CLA INS P1 P2  Le                        extended: 00 LeLe
case 3   CLA INS P1 P2  Lc data                   extended: 00 LcLc data
case 4   CLA INS P1 P2  Lc data Le                extended: 00 LcLc data LeLe
"""

from dataclasses import dataclass, replace

from cardio.status_word import StatusWord
from pki.errors import Malformed

CHAINED = 0x10
"""Bit 5 of CLA: not the last command of a chain (ISO/IEC 7816-4, 5.1.1)."""


@dataclass(frozen=True, slots=True)
class CommandApdu:
    """One command; `ne`: octets wanted back at most; 0 none (no Le), 256 = short Le 00, 65536 = extended 0000.

    `extended` only asks for the extended form where the short one would do; longer data or `ne` force it by themselves.
    """

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    ne: int = 0
    extended: bool = False

    def __post_init__(self) -> None:
        if (self.cla | self.ins | self.p1 | self.p2) & ~0xFF or len(self.data) > 0xFFFF or not 0 <= self.ne <= 65536:
            raise Malformed("command header, data or Ne out of range", None)

    @property
    def header(self) -> bytes:
        return bytes((self.cla, self.ins, self.p1, self.p2))

    @property
    def chained(self) -> bool:
        return bool(self.cla & CHAINED) and self.cla < 0xE0

    def encode(self) -> bytes:
        """The command's octets."""
        data, ne, header = self.data, self.ne, bytes((self.cla, self.ins, self.p1, self.p2))
        if not (self.extended or len(data) > 255 or ne > 256) or not (data or ne):
            body = bytes((len(data),)) + data if data else b""
            return header + body + (bytes((ne & 0xFF,)) if ne else b"")
        body = len(data).to_bytes(2, "big") + data if data else b""
        return header + b"\x00" + body + ((ne & 0xFFFF).to_bytes(2, "big") if ne else b"")

    def with_ne(self, ne: int) -> "CommandApdu":
        return replace(self, ne=ne)

    def __repr__(self) -> str:
        # No data: it may be a PIN.
        return f"CommandApdu({self.header.hex().upper()} Nc={len(self.data)} Ne={self.ne})"


def parse_command(raw: bytes) -> CommandApdu:
    """The command in `raw`.

    Errors: Malformed if it is none of the seven forms above.
    """
    if len(raw) < 4:
        raise Malformed("command shorter than its header", len(raw))
    cla, ins, p1, p2 = raw[:4]
    body = raw[4:]
    if not body:
        return CommandApdu(cla, ins, p1, p2)
    if len(body) == 1:
        return CommandApdu(cla, ins, p1, p2, ne=body[0] or 256)
    if body[0]:
        nc = body[0]
        if len(body) == 1 + nc:
            return CommandApdu(cla, ins, p1, p2, body[1:])
        if len(body) == 2 + nc:
            return CommandApdu(cla, ins, p1, p2, body[1:-1], body[-1] or 256)
        raise Malformed("Lc does not fit the command's length", 4)
    if len(body) == 3:
        return CommandApdu(cla, ins, p1, p2, ne=int.from_bytes(body[1:], "big") or 65536, extended=True)
    nc = int.from_bytes(body[1:3], "big")
    if nc and len(body) == 3 + nc:
        return CommandApdu(cla, ins, p1, p2, body[3:], extended=True)
    if nc and len(body) == 5 + nc:
        ne = int.from_bytes(body[-2:], "big") or 65536
        return CommandApdu(cla, ins, p1, p2, body[3:-2], ne, extended=True)
    raise Malformed("extended Lc does not fit the command's length", 4)


@dataclass(frozen=True, slots=True)
class ResponseApdu:
    """Data and status word of an answer."""

    data: bytes
    status: StatusWord

    @property
    def ok(self) -> bool:
        return self.status == 0x9000

    def encode(self) -> bytes:
        return self.data + self.status.to_bytes(2, "big")


def parse_response(raw: bytes) -> ResponseApdu:
    """The answer in `raw`.

    Errors: Malformed if there is not even a status word.
    """
    if len(raw) < 2:
        raise Malformed("answer shorter than a status word", len(raw))
    return ResponseApdu(raw[:-2], StatusWord(raw[-2] << 8 | raw[-1]))


def answer(status: int, data: bytes = b"") -> ResponseApdu:
    """An answer as a card writes it."""
    return ResponseApdu(data, StatusWord(status))
