"""Days as people in Japan write and say them: 昭和55年2月17日, S55.2.17, 令和元年５月１日, 2026年11月23日, 2026-11-23.

A day before an era's first or after its last is no day of that era; the answer names the right one. Before 1873 the
calendar was another, and nobody who lives was born then.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Final

from pki.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class Era:
    """An era: its names, its first day, and the day after its last (None: it goes on)."""

    name: str
    letter: str
    begins: date
    ends: date | None

    def contains(self, day: date) -> bool:
        """Whether `day` belongs to it."""
        return self.begins <= day and (self.ends is None or day < self.ends)


ERAS: Final = (
    Era("明治", "M", date(1873, 1, 1), date(1912, 7, 30)),
    Era("大正", "T", date(1912, 7, 30), date(1926, 12, 25)),
    Era("昭和", "S", date(1926, 12, 25), date(1989, 1, 8)),
    Era("平成", "H", date(1989, 1, 8), date(2019, 5, 1)),
    Era("令和", "R", date(2019, 5, 1), None),
)
_FIRST_YEARS: Final = {"明治": 1868, "大正": 1912, "昭和": 1926, "平成": 1989, "令和": 2019}

_KANJI = {character: number for number, character in enumerate("〇一二三四五六七八九")} | {"零": 0}
_NUMBER = r"(元|[0-9]{1,4}|[〇零一二三四五六七八九十百千]{1,7})"
_WRITTEN = re.compile(rf"(?:(明治|大正|昭和|平成|令和|[MTSHR]))?{_NUMBER}(?:年|[-./]){_NUMBER}(?:月|[-./]){_NUMBER}日?")


def parse_day(text: str) -> date:
    """Read a day in any of these forms; full-width digits and letters, and blanks, do not matter.

    Errors: InvalidValue, saying in words what is wrong; never a guess.
    """
    plain = "".join(unicodedata.normalize("NFKC", text).split()).upper()
    found = _WRITTEN.fullmatch(plain)
    if found is None:
        raise InvalidValue("a day is written like 昭和55年2月17日, S55.2.17 or 1980-02-17")
    era, year, month, number = found.groups()
    if era is None:
        if len(year) != 4 or set(year) & set("十百千元"):
            raise InvalidValue("a year without an era has four digits, like 1980-02-17")
        return _day(_number(year), _number(month), _number(number))
    known = next(one for one in ERAS if era in (one.name, one.letter))
    count = _number(year)
    if count < 1:
        raise InvalidValue("an era has no year nought; the first is written 元年 or 1年")
    day = _day(_FIRST_YEARS[known.name] + count - 1, _number(month), _number(number))
    if not known.contains(day):
        raise InvalidValue(f"that day does not lie in {known.name}: it is {japanese(day)}")
    return day


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise InvalidValue("there is no such day in that month") from None


def _number(text: str) -> int:
    if text == "元":
        return 1
    if text.isascii():
        return int(text)
    if not set(text) & set("十百千"):
        return int("".join(str(_KANJI[character]) for character in text))
    total = digit = 0
    for character in text:
        weight = {"十": 10, "百": 100, "千": 1000}.get(character)
        if weight is None:
            digit = _KANJI[character]
        else:
            total, digit = total + (digit or 1) * weight, 0
    return total + digit


def japanese(day: date) -> str:
    """昭和55年2月17日; the first year of an era is 元年. Days before the eras known here are written by their year."""
    for era in ERAS:
        if era.contains(day):
            count = day.year - _FIRST_YEARS[era.name] + 1
            return f"{era.name}{'元' if count == 1 else count}年{day.month}月{day.day}日"
    return f"{day.year}年{day.month}月{day.day}日"
