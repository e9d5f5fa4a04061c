"""Certificate serial numbers: drawn at random, read and written without ambiguity."""

import re
from collections.abc import Callable
from typing import Self

from pki.errors import InvalidValue

_OCTETS = 20
_HEX_WITH_SEPARATORS = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})+\Z")
_HEX_MARKED = re.compile(r"0[xX][0-9A-Fa-f]+\Z")
_DECIMAL = re.compile(r"[1-9][0-9]*\Z")
_HEX_WHOLE = re.compile(r"[0-9A-Fa-f]{40}\Z")


class SerialNumber(int):
    """A positive integer of at most 20 octets (RFC 5280 4.1.2.2)."""

    def __new__(cls, value: int) -> Self:
        if not 0 < value < 1 << (8 * _OCTETS - 1):
            raise InvalidValue("a serial number is positive and has at most 20 octets (RFC 5280 4.1.2.2)")
        return super().__new__(cls, value)

    @classmethod
    def draw(cls, random: Callable[[int], bytes]) -> Self:
        """Draw one from 20 given random octets: always 20 octets long, 158 of its bits random.

        The top bit is cleared (the DER stays 20 octets) and the next one set, so that every serial has the same
        length and none tells how many came before it.
        """
        octets = bytearray(random(_OCTETS))
        octets[0] = octets[0] & 0x7F | 0x40
        return cls(int.from_bytes(octets))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `0x1f…`, `1F:2A:…`, forty hexadecimal digits, or decimal.

        Errors: InvalidValue for anything else. A bare run of digits shorter than forty is decimal; a bare run with
        letters in it is refused unless it is forty long, since half of all hexadecimal serials could be either.
        """
        text = text.strip()
        if _HEX_WITH_SEPARATORS.match(text):
            return cls(int(text.replace(":", ""), 16))
        if _HEX_MARKED.match(text):
            return cls(int(text[2:], 16))
        if _HEX_WHOLE.match(text):
            if text.isdigit():
                raise InvalidValue("forty digits may be decimal or hexadecimal: write 0x before a hexadecimal serial")
            return cls(int(text, 16))
        if _DECIMAL.match(text):
            return cls(int(text))
        raise InvalidValue("a serial number is written as 0x…, as colon-separated octets, or in decimal")

    @property
    def hex(self) -> str:
        """Forty lower-case hexadecimal digits, zeros in front: the form in which it is stored."""
        return f"{self:040x}"

    @property
    def both(self) -> str:
        """Hexadecimal and decimal side by side, as people compare them across tools."""
        return f"0x{int(self):x} ({int(self)})"
