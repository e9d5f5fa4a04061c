"""What a clerk types of a name, an address, a day: brought into the register's form, or refused in words.

A register keeps names as their holders write them, and a certificate carries fewer characters
(`enrollment.characters`): so the clerk is told of each one that a certificate will show differently, before it is sent
up, and shows it to the person.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from enrollment.characters import certified
from enrollment.wareki import parse_day
from pki.attributes import Attributes, Gender, seen_characters
from pki.errors import InvalidValue

_HALF_WIDTH: Final = re.compile("[\uff61-\uff9f]")
_READING: Final = re.compile("[ァ-ヺー・\u3000]+")
_HIRAGANA: Final = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)}
_SOMEBODY: Final = Attributes("例", date(2000, 1, 1), Gender.UNKNOWN, "例")
"""Nobody: what is typed is tried on them."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What changes; None stays as it is. `reading`: of a name that changes, in katakana. `repr` shows none of it."""

    name: str | None = None
    reading: str | None = None
    address: str | None = None
    gender: Gender | None = None
    born: date | None = None

    def __repr__(self) -> str:
        return "Typed(…)"

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return (self.name, self.address, self.gender, self.born) == (None, None, None, None)

    def entry(self) -> dict[str, str]:
        """As it is kept while the work is open."""
        found = {
            "name": self.name,
            "reading": self.reading,
            "address": self.address,
            "gender": self.gender.value if self.gender else None,
            "born": self.born.isoformat() if self.born else None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def applied_to(self, old: Attributes) -> Attributes:
        """The same person with what changes. Errors: InvalidValue."""
        return Attributes(
            self.name or old.name,
            self.born or old.date_of_birth,
            self.gender or old.gender,
            self.address or old.address,
            "" if self.name else old.name_substitutes,
            "" if self.address else old.address_substitutes,
        )


def typed_from(entry: dict[str, str]) -> Typed:
    """Read back what `Typed.entry` kept."""
    return Typed(
        entry.get("name"),
        entry.get("reading"),
        entry.get("address"),
        Gender(entry["gender"]) if "gender" in entry else None,
        date.fromisoformat(entry["born"]) if "born" in entry else None,
    )


def name_of(text: str) -> str:
    """A name: full-width, family and given name parted by one U+3000. Errors: InvalidValue."""
    if _HALF_WIDTH.search(text):
        raise InvalidValue("half-width kana are not names: write them in full width")
    return "\u3000".join(text.split())


def reading_of(text: str, name: str) -> str:
    """How a name is read: kana, as many parts as the name, in katakana. Errors: InvalidValue."""
    wide = unicodedata.normalize("NFKC", text) if _HALF_WIDTH.search(text) else text
    reading = "\u3000".join(wide.translate(_HIRAGANA).split())
    if not _READING.fullmatch(reading):
        raise InvalidValue("a reading is written in kana only")
    if len(reading.split("\u3000")) != len(name.split("\u3000")):
        raise InvalidValue("a reading has as many parts as the name")
    return reading


def address_of(text: str) -> str:
    """An address. Errors: InvalidValue."""
    if _HALF_WIDTH.search(text):
        raise InvalidValue("half-width kana are not in addresses: write them in full width")
    return text.strip()


def typed(name: str, reading: str, address: str, gender: str, born: str) -> Typed:
    """What the fields of the form say; an empty one changes nothing. Errors: InvalidValue, in words."""
    found = Typed(
        name_of(name) if name else None,
        reading_of(reading, name_of(name)) if name else None,
        address_of(address) if address else None,
        _gender(gender) if gender else None,
        parse_day(born) if born else None,
    )
    if found.is_empty:
        raise InvalidValue("something that changes")
    found.applied_to(_SOMEBODY)  # lengths, control characters, private use
    return found


def faults(name: str, reading: str, address: str, gender: str, born: str) -> list[str]:
    """What is wrong with the fields, each as the key of its sentence (`fault-…`); `typed` refuses the same."""
    found = []
    if _HALF_WIDTH.search(name + address):
        found.append("half-width")
    elif name:
        found += _fault(lambda: Typed(name=name_of(name)).applied_to(_SOMEBODY), "name")
        found += _fault(lambda: reading_of(reading, name_of(name)), "reading")
    if address and "half-width" not in found:
        found += _fault(lambda: Typed(address=address_of(address)).applied_to(_SOMEBODY), "address")
    if gender:
        found += _fault(lambda: _gender(gender), "gender")
    if born:
        found += _fault(lambda: parse_day(born), "born")
    return found if found or name or address or gender or born else ["nothing"]


def _fault(check: Callable[[], object], key: str) -> list[str]:
    try:
        check()
    except InvalidValue:
        return [key]
    return []


def _gender(text: str) -> Gender:
    try:
        return Gender(text)
    except ValueError:
        raise InvalidValue("a gender out of the list") from None


def substitutes(text: str) -> list[tuple[str, str]]:
    """Each character that a certificate carries another one for, with that one; a chosen form counts with its
    character."""
    shown, flags = certified(text)
    return [(seen, near) for seen, near, flag in zip(seen_characters(text), shown, flags, strict=False) if flag == "1"]


def masked(entry: dict[str, str], *, protected: bool) -> dict[str, str | None]:
    """What was written down, as it is shown: of a protected person only that there is a new address, not which."""
    return {name: None if protected and name == "address" else value for name, value in entry.items()}
