"""Distinguished names made comparable (RFC 5280 7.1), quickly: by the rules of `pki.names`, without its nodes.

A path compares some ten names. Text that is ASCII, as most is, needs no Unicode tables: case folds and spaces join.
"""

from functools import lru_cache
from typing import Final

from pki import der, names
from pki.errors import Malformed
from verifier.walk import SEQUENCE, expect, only

_ASCII_TYPES: Final = frozenset({0x0C, 0x13, 0x16})
_CONTROLS: Final = bytes(range(0x20)) + b"\x7f"
CanonicalName = tuple[object, ...]
MAX_OCTETS: Final = 16 << 10
"""A longer name is read as none (RFC 5280 appendix A bounds each of its parts to some hundred characters)."""
_USUAL: Final = 1024


def canonical(encoded: bytes) -> CanonicalName:
    """What two encodings of one name have in common: one part for each RDN, equal exactly if the RDNs are.

    Every result is kept, for a path asks for the same few names at every step; of long names only some, which are as
    many as the budget of a request lets through (`Budget.names`).
    Errors: Malformed for what is no Name, or too long for one.
    """
    if len(encoded) > MAX_OCTETS:
        raise Malformed("a name of more than 16 kB", MAX_OCTETS)
    return _usual(encoded) if len(encoded) <= _USUAL else _long(encoded)


def _canonical(encoded: bytes) -> CanonicalName:
    at, end = only(encoded, SEQUENCE, "a Name")
    parts: list[object] = []
    while at < end:
        # one attribute with headers in the short form, as nearly all are, without a call; `size` is the RDN's
        size = encoded[at + 1] if at + 8 < end else 0
        stop, type_end = at + 2 + size, at + 6 + encoded[at + 5] if size > 6 else end
        content = type_end + 2
        if (
            8 <= size < 0x80
            and stop <= end
            and content <= stop
            and encoded[at] == 0x31
            and encoded[at + 2] == SEQUENCE
            and encoded[at + 3] == size - 2
            and encoded[at + 4] == 0x06
            and encoded[type_end] in _ASCII_TYPES
            and encoded[type_end + 1] == stop - content
            and (value := encoded[content:stop]).isascii()
            and len(value.translate(None, _CONTROLS)) == len(value)
        ):
            parts.append((encoded[at + 6 : type_end], b" ".join(value.lower().split())))
        else:
            _, stop = expect(encoded, at, end, 0x31, "a RelativeDistinguishedName")
            parts.append(_fully(encoded[at:stop]))
        at = stop
    return tuple(parts)


_usual: Final = lru_cache(maxsize=8192)(_canonical)
_long: Final = lru_cache(maxsize=256)(_canonical)


def forget() -> None:
    """Keep nothing of what was kept."""
    _usual.cache_clear()
    _long.cache_clear()


def _fully(rdn: bytes) -> object:
    """One RDN with all of Unicode; a single text comes out in the form that the quick way gives it."""
    ((*attributes,),) = names.parse_name(der.sequence(rdn))
    prepared = [
        (der.oid(one.type)[2:], ("", one.raw) if one.text is None else names.prepare(one.text).encode())
        for one in attributes
    ]
    return prepared[0] if len(prepared) == 1 else frozenset(prepared)


def same(one: bytes, other: bytes) -> bool:
    """Whether two encoded names are the same name; octets that are no Name equal only themselves."""
    if one == other:
        return True
    try:
        return canonical(one) == canonical(other)
    except Malformed:
        return False
