"""JSON of a request's body, read in its one meaning: what two readers could take differently is refused (RFC 8259)."""

import json
from typing import Final

from pydantic_core import from_json

from pki.errors import Malformed
from pki.json_text import NameTwice, each_once, no_constant


def read_json(octets: bytes) -> object:
    """The value that `octets` hold: UTF-8, each name once in its object, only numbers that are some, only characters.

    Two members of one name would let a client be answered about another document than the one it believes it sent.
    Errors: Malformed, which repeats nothing of what was sent.
    """
    try:
        return _read_escaped(octets) if b"\\" in octets else _read_plain(octets)
    except (ValueError, RecursionError) as bad:
        raise Malformed("a body of JSON in UTF-8 expected, with each name once") from bad


def _read_plain(octets: bytes) -> object:
    """For bodies of base64, which are mostly long texts: by the reader that is quick with those.

    Where nothing is escaped, every quotation mark begins or ends a text or a name. A name that stood twice was kept
    once, so that there are more marks than texts and names that are left.
    """
    value: object = from_json(octets, allow_inf_nan=False, cache_strings="keys")
    texts, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            texts += 1
        elif isinstance(one, dict):
            texts += len(one)
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    if octets.count(b'"') != 2 * texts:
        raise NameTwice("a name stands twice in one object")
    return value


def _read_escaped(octets: bytes) -> object:
    text = octets.decode()
    value: object = _READER.decode(text)
    if "\\u" in text:
        # half of a surrogate pair can be escaped; it is no character, and nobody could be told about it
        json.dumps(value, ensure_ascii=False).encode()
    return value


_READER: Final = json.JSONDecoder(object_pairs_hook=each_once, parse_constant=no_constant)
