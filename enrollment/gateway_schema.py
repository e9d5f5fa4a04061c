"""What may pass the gate between a municipality's resident record and us: seven kinds of message, no free text.

Octets are parsed, every field is validated against its own rule, and the message is built anew from the values: no
octet that came in goes further. A field more or less, a second key of one name, a fraction, a letter that names and
addresses do not use: the message stops here.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from enrollment.canonical import Json, canonical
from enrollment.errors import GatewayRefused
from pki.attributes import MAX_ADDRESS, MAX_NAME, Attributes, Gender, seen_characters
from pki.errors import InvalidValue
from pki.instant import Instant
from pki.json_text import NameTwice, each_once

MAX_OCTETS: Final = 8 * 1024
SCHEMA: Final = 1
_MAX_FLAGS: Final = 4 * MAX_ADDRESS
"""One a code point, and a character that is seen may have several."""


class MessageKind(StrEnum):
    """The allow-list."""

    ATTRIBUTES_CHANGED = "attributes-changed"
    MOVE = "move"
    DEATH = "death"
    HOUSEHOLD = "household"
    CORRECTION = "correction"
    RETRACTION = "retraction"
    PROTECTION = "protection"


@dataclass(frozen=True, slots=True)
class GatewayMessage:
    """One message as it goes on, built anew. `values` holds exactly the fields of its kind; `repr` shows none."""

    kind: MessageKind
    message: str
    owner: str
    person: str
    sent_at: Instant
    values: Mapping[str, Json]

    def octets(self) -> bytes:
        """The canonical octets: what is kept, and what the sender should have signed."""
        return canonical(
            {
                "kind": self.kind.value,
                "message": self.message,
                "owner": self.owner,
                "person": self.person,
                "schema": SCHEMA,
                "sent_at": self.sent_at.iso(),
                "values": dict(self.values),
            }
        )

    def __repr__(self) -> str:
        return f"GatewayMessage({self.kind}, {self.message})"


def _refuse(reason: str) -> GatewayRefused:
    return GatewayRefused(reason)


def _hex32(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 32 or set(value) - set("0123456789abcdef"):
        raise _refuse("an id is 32 hex digits")
    return value


def _municipality(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 5 or set(value) - set("0123456789"):
        raise _refuse("a municipality has five digits")
    return value


_CATEGORIES = frozenset({"Lu", "Ll", "Lo", "Lm", "Mn", "Mc", "Nd", "Nl", "No", "Pd", "Co", "So"})
_ALSO = frozenset(" \u3000・，、．。（）()'’,.／")


def _is_written(character: str) -> bool:
    """Planes 2 and 3 hold ideographs and nothing else: also those that this Python's tables do not know yet."""
    if "\U00020000" <= character <= "\U0003fffd" and ord(character) & 0xFFFF < 0xFFFE:
        return True
    return character in _ALSO or unicodedata.category(character) in _CATEGORIES


def _written(limit: int) -> Callable[[Any], str]:
    """Names and addresses: letters of any script, digits, dashes and a few marks; no markup, no controls, no line."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(seen_characters(value)) <= limit:
            raise _refuse(f"a text has 1 to {limit} characters")
        if not all(map(_is_written, value)):
            raise _refuse("a character that names and addresses do not use")
        if value.strip() != value or unicodedata.category(value[0]).startswith("M"):
            raise _refuse("a text begins and ends with a letter")
        return value

    return read


def _flags(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _MAX_FLAGS or set(value) - {"0", "1"}:
        raise _refuse("substitute flags are 0 and 1")
    return value


def _day(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 10 or not value.isascii() or (value[4], value[7]) != ("-", "-"):
        raise _refuse("a day is written like 2026-11-23")  # neither an era nor a week
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise _refuse("a day is written like 2026-11-23") from None


def _gender(value: Any) -> str:
    try:
        return Gender(value).value
    except (ValueError, TypeError):
        raise _refuse("unknown gender digit") from None


def _time(value: Any) -> Instant:
    if not isinstance(value, str) or len(value) > 40 or not value.isascii():
        raise _refuse("sent_at is not a time")
    try:
        return Instant.parse(value)
    except (InvalidValue, OverflowError):
        raise _refuse("sent_at is not a time") from None


def _relation(value: Any) -> str:
    if not isinstance(value, str) or value not in ("head", "spouse", "child", "parent", "other"):
        raise _refuse("unknown relation")
    return value


def _members(value: Any) -> Json:
    if not isinstance(value, dict) or not 0 < len(value) <= 30:
        raise _refuse("a household has 1 to 30 members")
    return {_hex32(person): _relation(relation) for person, relation in value.items()}


def _version(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise _refuse("a version is a whole number")
    return value


_FOUR: Mapping[str, Callable[[Any], Json]] = {
    "address": _written(MAX_ADDRESS),
    "address_substitutes": _flags,
    "date_of_birth": _day,
    "gender": _gender,
    "name": _written(MAX_NAME),
    "name_substitutes": _flags,
}

FIELDS: Final[Mapping[MessageKind, Mapping[str, Callable[[Any], Json]]]] = {
    MessageKind.ATTRIBUTES_CHANGED: _FOUR,
    MessageKind.MOVE: {**_FOUR, "moved_on": _day, "municipality": _municipality},
    MessageKind.DEATH: {"died_on": _day},
    MessageKind.HOUSEHOLD: {"members": _members, "version": _version},
    MessageKind.CORRECTION: {**_FOUR, "municipality": _municipality, "supersedes": _hex32},
    MessageKind.RETRACTION: {"supersedes": _hex32},
    MessageKind.PROTECTION: {},
}
"""Exactly these fields, each read by its own rule."""


def _no_fraction(_text: str) -> None:
    raise _refuse("no fractions here")


def _no_giant(text: str) -> int:
    if len(text) > 20:
        raise _refuse("a number is too long")
    return int(text)


def attributes_of(values: Mapping[str, Any]) -> Attributes:
    """The four attributes among the values of a message. Errors: GatewayRefused for flags that do not fit the text."""
    try:
        return Attributes(
            values["name"],
            date.fromisoformat(values["date_of_birth"]),
            Gender(values["gender"]),
            values["address"],
            values["name_substitutes"],
            values["address_substitutes"],
        )
    except InvalidValue as error:
        raise _refuse(error.what) from None


def parse_message(octets: bytes) -> GatewayMessage:
    """Errors: GatewayRefused, with a reason that repeats nothing of what came in."""
    if len(octets) > MAX_OCTETS:
        raise _refuse(f"longer than {MAX_OCTETS} octets")
    try:
        record: Any = json.loads(
            octets.decode("utf-8"),  # json would guess at UTF-16 and UTF-32 too
            object_pairs_hook=each_once,
            parse_int=_no_giant,
            parse_float=_no_fraction,
            parse_constant=_no_fraction,
        )
    except NameTwice:
        raise _refuse("one key stands twice") from None
    except (ValueError, RecursionError):
        raise _refuse("not JSON in UTF-8") from None
    envelope = {"kind", "message", "owner", "person", "schema", "sent_at", "values"}
    if not isinstance(record, dict) or record.keys() != envelope:
        raise _refuse("not exactly the fields of the envelope")
    if type(record["schema"]) is not int or record["schema"] != SCHEMA:
        raise _refuse("another version of the schema")
    try:
        kind = MessageKind(record["kind"])
    except (ValueError, TypeError):
        raise _refuse("a kind of message that may not pass") from None
    fields, values = FIELDS[kind], record["values"]
    if not isinstance(values, dict) or values.keys() != fields.keys():
        raise _refuse("not exactly the fields of its kind")
    rebuilt = {name: fields[name](values[name]) for name in sorted(fields)}
    if fields.keys() >= _FOUR.keys():
        attributes_of(rebuilt)
    return GatewayMessage(
        kind,
        _hex32(record["message"]),
        _municipality(record["owner"]),
        _hex32(record["person"]),
        _time(record["sent_at"]),
        rebuilt,
    )
