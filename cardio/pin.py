"""PINs: which slot allows what, and a value that no log can show."""

import hmac
from dataclasses import dataclass

from cardio.errors import PinMalformed


@dataclass(frozen=True, slots=True)
class PinRule:
    """Length and alphabet of a PIN slot."""

    slot: str
    """What people call it; goes into messages."""
    minimum: int
    maximum: int
    alphabet: str
    tries: int
    """Wrong entries in a row until it is blocked, on a fresh card."""
    upper: bool = False
    """Whether small letters are taken as capitals before sending."""
    pad: int | None = None
    """Octet that fills up to `maximum` on the wire; None: sent as long as it is."""

    @property
    def sentence(self) -> str:
        what = (
            "digits" if self.alphabet == DIGITS else "characters A–Z 0–9" if self.alphabet == CAPITALS else "characters"
        )
        if self.minimum == self.maximum:
            return f"{self.minimum} {what}"
        return f"{self.minimum} to {self.maximum} {what}"


DIGITS = "0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class Pin:
    """A PIN that fits its rule; shown as dots everywhere.

    Errors: PinMalformed, without the text.
    """

    __slots__ = ("_octets", "rule")

    def __init__(self, rule: PinRule, text: str) -> None:
        if rule.upper:
            text = text.upper()
        if not rule.minimum <= len(text) <= rule.maximum or not set(text) <= set(rule.alphabet):
            raise PinMalformed(rule.slot, rule.sentence)
        self.rule = rule
        self._octets = text.encode("ascii")

    @property
    def octets(self) -> bytes:
        """As it is sent to the card."""
        if self.rule.pad is None:
            return self._octets
        return self._octets.ljust(self.rule.maximum, bytes((self.rule.pad,)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pin) and hmac.compare_digest(self._octets, other._octets)

    def __hash__(self) -> int:
        raise TypeError("a PIN is no key of anything")

    def __repr__(self) -> str:
        return "Pin(••••)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a PIN is not written anywhere")
