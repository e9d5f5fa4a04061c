"""Distinguished names (RFC 5280 4.1.2.4) and when two of them are the same (RFC 5280 7.1).

Name ::= SEQUENCE OF RelativeDistinguishedName; RelativeDistinguishedName ::= SET OF { type OID, value ANY }
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from pki import der, oids
from pki.errors import Malformed

_SHORT = {
    oids.COMMON_NAME: "CN",
    oids.SERIAL_NUMBER: "serialNumber",
    oids.COUNTRY_NAME: "C",
    oids.LOCALITY_NAME: "L",
    oids.STATE_OR_PROVINCE_NAME: "ST",
    oids.ORGANIZATION_NAME: "O",
    oids.ORGANIZATIONAL_UNIT_NAME: "OU",
    oids.EMAIL_ADDRESS: "emailAddress",
    oids.DOMAIN_COMPONENT: "DC",
}
_TEXT = {
    0x0C: "utf-8",
    0x13: "ascii",
    0x16: "ascii",
    0x14: "latin-1",
    0x1E: "utf-16-be",
    0x1C: "utf-32-be",
    0x12: "ascii",
}
_MAPPED_TO_NOTHING = dict.fromkeys(
    [0x00AD, 0x034F, 0x1806, 0x200B, 0x2060, 0xFEFF, 0xFFFC, *range(0x180B, 0x180E), *range(0xFE00, 0xFE10)]
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One type and value; `text` is None when the value is no character string, `raw` its whole encoding."""

    type: str
    text: str | None
    raw: bytes


@lru_cache(maxsize=1024)
def attribute(type_: str, text: str, *, printable: bool = False) -> bytes:
    """A relative distinguished name with one attribute, encoded."""
    value = der.printable(text) if printable else der.utf8(text)
    return der.set_of(der.sequence(der.oid(type_), value))


def name(*rdns: bytes) -> bytes:
    """A Name from encoded relative distinguished names, the most significant first."""
    return der.sequence(*rdns)


def parse_name(encoded: bytes) -> tuple[tuple[Attribute, ...], ...]:
    """The attributes of each relative distinguished name, in the order of the encoding.

    Errors: Malformed for what is no Name.
    """
    rdns = []
    for rdn in der.read_whole(encoded).expect(der.SEQUENCE, "a Name").iterate():
        try:
            rdns.append(_rdn(rdn.expect(der.SET, "a RelativeDistinguishedName").raw))
        except Malformed as error:
            if error.offset is None or rdn.tag != der.SET:
                raise
            raise Malformed(error.what, rdn.start + error.offset) from None
    return tuple(rdns)


@lru_cache(maxsize=1024)
def _rdn(encoded: bytes) -> tuple[Attribute, ...]:
    """The attributes of one RelativeDistinguishedName: of a thousand names most share all but one of theirs."""
    rdn = der.read(encoded)
    found = tuple(map(_attribute, rdn.children()))
    if not found:
        raise Malformed("a RelativeDistinguishedName without attributes", rdn.start)
    return found


def _attribute(pair: der.Node) -> Attribute:
    parts = pair.expect(der.SEQUENCE, "an AttributeTypeAndValue").children()
    if len(parts) != 2:
        raise Malformed("an AttributeTypeAndValue of two parts expected", pair.start)
    text = None
    if encoding := _TEXT.get(parts[1].tag):
        try:
            text = parts[1].value.decode(encoding)
        except UnicodeDecodeError as error:
            raise Malformed("a character string that its type does not allow", parts[1].start) from error
    return Attribute(parts[0].oid(), text, parts[1].raw)


def prepare(text: str) -> str:
    """String preparation as RFC 5280 7.1 asks for (RFC 4518, with case folding): what stays is compared.

    Soft hyphens and other invisible characters go, compatibility forms fold, runs of white space become one space,
    spaces at both ends go.
    """
    mapped = text.translate(_MAPPED_TO_NOTHING)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", mapped).casefold())
    return " ".join(folded.split())


@lru_cache(maxsize=4096)
def canonical(encoded: bytes) -> tuple[frozenset[tuple[str, str | bytes]], ...]:
    """What two encodings of the same name have in common: equal exactly if the names are (RFC 5280 7.1)."""
    return tuple(
        frozenset((part.type, part.raw if part.text is None else prepare(part.text)) for part in rdn)
        for rdn in parse_name(encoded)
    )


def same(one: bytes, other: bytes) -> bool:
    """Whether two encoded names are the same name. Errors: Malformed for what is no Name."""
    return one == other or canonical(one) == canonical(other)


def readable(encoded: bytes) -> str:
    """The name for people, least significant part last: `C=JP, O=…, CN=…`."""
    return ", ".join(
        " + ".join(f"{_SHORT.get(part.type, part.type)}={part.text if part.text is not None else '#'}" for part in rdn)
        for rdn in parse_name(encoded)
    )
