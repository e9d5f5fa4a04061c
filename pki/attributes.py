"""The four attributes of a resident (基本4情報) as registers and signature certificates carry them."""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from pki.errors import InvalidValue

MAX_NAME = 100
MAX_ADDRESS = 200


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Gender(StrEnum):
    """The digit that a signature certificate carries; readers meet both 3 and 9 for unknown."""

    MALE = "1"
    FEMALE = "2"
    UNKNOWN = "3"
    NOT_APPLICABLE = "9"


def _check_text(text: str, flags: str, limit: int, what: str) -> None:
    if not 0 < len(text) <= limit:
        raise InvalidValue(f"the {what} has 1 to {limit} characters")
    if _CONTROL.search(text):
        raise InvalidValue(f"the {what} must not contain control characters")
    if flags and (len(flags) != len(text) or set(flags) - {"0", "1"}):
        raise InvalidValue(f"the substitute flags of the {what} are one 0 or 1 for each of its characters")


@dataclass(frozen=True, slots=True)
class Attributes:
    """Name, date of birth, gender and address of one person.

    `name_substitutes` and `address_substitutes` hold one '0' or '1' a character ('1': a substitute stands for a
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
        _check_text(self.address, self.address_substitutes, MAX_ADDRESS, "address")

    def __repr__(self) -> str:
        return "Attributes(…)"

    def moved_to(self, address: str, address_substitutes: str = "") -> "Attributes":
        """The same person at another address."""
        return Attributes(
            self.name, self.date_of_birth, self.gender, address, self.name_substitutes, address_substitutes
        )
