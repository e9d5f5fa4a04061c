"""The four attributes of a resident (基本4情報) as registers and signature certificates carry them."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from pki.errors import InvalidValue

MAX_NAME = 100
MAX_ADDRESS = 200
_LONGEST = 4
"""Code points of one character: more marks than any script puts on a letter are no name."""

_UNUSUAL = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ue000-\uf8ff\ufe00-\ufe0f\ufeff"
    "\ufff0-\uffff\U000e0000-\U000e0fff\U000f0000-\U0010ffff"
    "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u302a-\u302f\u3099\u309a\ufe20-\ufe2f]"
)
"""Variation selectors and combining marks, which belong in names, and what does not: control and invisible characters,
halves of surrogate pairs, and private use (a municipality's own gaiji mean something else everywhere else)."""


class Gender(StrEnum):
    """The digit that a signature certificate carries; readers meet both 3 and 9 for unknown."""

    MALE = "1"
    FEMALE = "2"
    UNKNOWN = "3"
    NOT_APPLICABLE = "9"


def is_variation_selector(character: str) -> bool:
    """Whether it only chooses a form of the character before it (Unicode 23.4; an IVS is such a pair)."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _belongs_to_another(character: str) -> bool:
    return is_variation_selector(character) or unicodedata.combining(character) != 0


def seen_characters(text: str) -> list[str]:
    """The characters that a reader sees: each code point together with its combining marks and variation selector."""
    seen: list[str] = []
    for character in text:
        if seen and _belongs_to_another(character):
            seen[-1] += character
        else:
            seen.append(character)
    return seen


def _check_text(text: str, flags: str, limit: int, what: str) -> None:
    length = len(text)
    if _UNUSUAL.search(text):
        length = _length_of_unusual(text, what)
    if not 0 < length <= limit:
        raise InvalidValue(f"the {what} has 1 to {limit} characters")
    if flags and (len(flags) != len(text) or set(flags) - {"0", "1"}):
        raise InvalidValue(f"the substitute flags of the {what} are one 0 or 1 for each of its characters")


def check_address(address: str, substitutes: str = "") -> None:
    """Errors: InvalidValue for what cannot be written as an address."""
    _check_text(address, substitutes, MAX_ADDRESS, "address")


def _length_of_unusual(text: str, what: str) -> int:
    """How many characters are seen. Errors: InvalidValue unless every unusual one belongs to the one before."""
    seen = seen_characters(text)
    for one in seen:
        if _UNUSUAL.match(one):
            if _belongs_to_another(one[0]):
                raise InvalidValue(f"a variation selector or a mark of the {what} follows no character")
            raise InvalidValue(f"the {what} must not contain control or private characters")
        if len(one) > _LONGEST or sum(map(is_variation_selector, one)) > 1:
            raise InvalidValue(f"a character of the {what} has too many marks or selectors")
    return len(seen)


@dataclass(frozen=True, slots=True)
class Attributes:
    """Name, date of birth, gender and address of one person.

    `name_substitutes` and `address_substitutes` hold one '0' or '1' a code point ('1': a substitute stands for a
    character that the certificate's character set lacks); empty means none. The family name and the given name are
    parted by U+3000. `repr` shows none of it: attributes must not reach logs.
    """

    name: str
    date_of_birth: date
    gender: Gender
    address: str
    name_substitutes: str = ""
    address_substitutes: str = ""

    def __post_init__(self) -> None:
        _check_text(self.name, self.name_substitutes, MAX_NAME, "name")
        check_address(self.address, self.address_substitutes)

    def __repr__(self) -> str:
        return "Attributes(…)"

    def moved_to(self, address: str, address_substitutes: str = "") -> "Attributes":
        """The same person at another address."""
        return Attributes(
            self.name, self.date_of_birth, self.gender, address, self.name_substitutes, address_substitutes
        )
