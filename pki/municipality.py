"""A municipality as certificates and registers name it."""

import re
from dataclasses import dataclass

from pki.errors import InvalidValue

_CODE = re.compile(r"[0-9]{5}\Z")
_ROMAN = re.compile(r"[A-Z][A-Za-z' -]{1,62}\Z")


@dataclass(frozen=True, slots=True)
class Municipality:
    """A town, city or ward.

    `code` has five digits (全国地方公共団体コード without the check digit); the roman forms are those of the
    certificate's subject, like `Tokyo-to` and `Shibuya-ku`; `name_ja` is the name people read.
    """

    code: str
    prefecture_roman: str
    municipality_roman: str
    name_ja: str

    def __post_init__(self) -> None:
        if not _CODE.match(self.code):
            raise InvalidValue("a municipality code has five digits")
        if not _ROMAN.match(self.prefecture_roman) or not _ROMAN.match(self.municipality_roman):
            raise InvalidValue("the roman name of a prefecture or municipality has 2 to 63 letters, like Shibuya-ku")
        if not self.name_ja:
            raise InvalidValue("a municipality has a name")
