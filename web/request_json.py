"""JSON of a request's body, read in its one meaning: what two readers could take differently is refused (RFC 8259)."""

import json
from typing import Final

from pki.errors import Malformed


def read_json(octets: bytes) -> object:
    """The value that `octets` hold: UTF-8, each name once in its object, only numbers that are some, only characters.

    Two members of one name would let a client be answered about another document than the one it believes it sent.
    Errors: Malformed, which repeats nothing of what was sent.
    """
    try:
        text = octets.decode()
        value: object = _READER.decode(text)
        if "\\u" in text:
            # half of a surrogate pair can be escaped; it is no character, and nobody could be told about it
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as bad:
        raise Malformed("a body of JSON in UTF-8 expected, with each name once") from bad
    return value


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name occurs twice")
    return fields


def _no_constant(text: str) -> object:
    raise ValueError(text)  # NaN and the infinities


_READER: Final = json.JSONDecoder(object_pairs_hook=_each_once, parse_constant=_no_constant)
