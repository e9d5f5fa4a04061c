"""Status words of ISO/IEC 7816-4, 5.6 and of GlobalPlatform."""

from collections.abc import Mapping

_NAMES: Mapping[int, str] = {
    0x9000: "done",
    0x6281: "part of the data may be corrupt",
    0x6282: "end of file reached",
    0x6283: "selected file deactivated",
    0x6285: "selected file terminated",
    0x6300: "not verified",
    0x6400: "execution error, memory unchanged",
    0x6581: "memory failure",
    0x6700: "wrong length",
    0x6881: "logical channel not supported",
    0x6882: "secure messaging not supported",
    0x6883: "last command of the chain expected",
    0x6884: "command chaining not supported",
    0x6982: "security status not satisfied",
    0x6983: "authentication method blocked",
    0x6984: "reference data not usable",
    0x6985: "conditions of use not satisfied",
    0x6986: "command not allowed, no file selected",
    0x6987: "secure messaging objects missing",
    0x6988: "secure messaging objects incorrect",
    0x6A80: "incorrect data",
    0x6A81: "function not supported",
    0x6A82: "file or application not found",
    0x6A84: "not enough memory",
    0x6A86: "incorrect P1-P2",
    0x6A88: "referenced data not found",
    0x6B00: "offset outside the file",
    0x6D00: "instruction not supported",
    0x6E00: "class not supported",
    0x6F00: "no precise diagnosis",
}


class StatusWord(int):
    """Two octets as an int, 0x0000–0xFFFF; an int, so that it compares with plain numbers."""

    __slots__ = ()

    @property
    def sw1(self) -> int:
        return self >> 8

    @property
    def sw2(self) -> int:
        return self & 0xFF

    @property
    def ok(self) -> bool:
        return self == 0x9000

    @property
    def retries_left(self) -> int | None:
        """x of 63Cx (ISO/IEC 7816-4, 5.6: counter), else None."""
        return self & 0x0F if self & 0xFFF0 == 0x63C0 else None

    @property
    def blocked(self) -> bool:
        """Whether this, after a VERIFY, means a locked PIN: 6983 by ISO, 6984 as JPKI cards say, or 63C0."""
        return self in (0x6983, 0x6984, 0x63C0)

    @property
    def more(self) -> int | None:
        """Octets still to fetch by GET RESPONSE (61xx; 00 means 256 or more), else None."""
        return (self.sw2 or 256) if self.sw1 == 0x61 else None

    @property
    def exact_length(self) -> int | None:
        """The Ne that the card wants the command repeated with (6Cxx), else None."""
        return (self.sw2 or 256) if self.sw1 == 0x6C else None

    @property
    def meaning(self) -> str:
        if (retries := self.retries_left) is not None:
            return f"wrong, {retries} tries left"
        if self.sw1 == 0x61:
            return "more data"
        if self.sw1 == 0x6C:
            return "wrong Le"
        return _NAMES.get(self, "unnamed")

    @property
    def octets(self) -> bytes:
        return self.to_bytes(2, "big")

    def __str__(self) -> str:
        return f"{int(self):04X} ({self.meaning})"

    def __repr__(self) -> str:
        return f"StatusWord(0x{int(self):04X})"

    def __format__(self, spec: str) -> str:
        return str(self) if not spec else format(int(self), spec)


DONE = StatusWord(0x9000)
