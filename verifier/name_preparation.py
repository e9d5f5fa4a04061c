"""Distinguished names made comparable (RFC 5280 7.1), quickly: by the rules of `pki.names`, without its nodes.

A path compares some ten names. Text that is ASCII, as most is, needs no Unicode tables: case folds and spaces join.
"""

from typing import Final

from pki import der, names
from pki.errors import Malformed
from verifier.kept import kept
from verifier.walk import SEQUENCE, element, expect, only

_ASCII_TYPES: Final = frozenset({0x0C, 0x13, 0x16})
_CONTROLS: Final = bytes(range(0x20)) + b"\x7f"
CanonicalName = tuple[object, ...]


@kept(most=8192, octets=1024)
def canonical(encoded: bytes) -> CanonicalName:
    """What two encodings of one name have in common: one part for each RDN, equal exactly if the RDNs are.

    Errors: Malformed for what is no Name.
    """
    at, end = only(encoded, SEQUENCE, "a Name")
    parts: list[object] = []
    while at < end:
        start, stop = expect(encoded, at, end, 0x31, "a RelativeDistinguishedName")
        first, last = expect(encoded, start, stop, SEQUENCE, "an AttributeTypeAndValue")
        oid, over = expect(encoded, first, last, 0x06, "an attribute's type")
        tag, content, after = element(encoded, over, last)
        value = encoded[content:after]
        if last == stop and after == last and tag in _ASCII_TYPES and value.isascii() and _is_plain(value):
            parts.append((encoded[oid:over], b" ".join(value.lower().split())))
        else:
            parts.append(_fully(encoded[at:stop]))
        at = stop
    return tuple(parts)


def _is_plain(value: bytes) -> bool:
    return len(value.translate(None, _CONTROLS)) == len(value)


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
