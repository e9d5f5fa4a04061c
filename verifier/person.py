"""The four attributes in a signature certificate's subjectAltName (JPKI: otherName with UTF8String each)."""

from __future__ import annotations

from datetime import date
from typing import Final

from pki import der, oids
from pki.attributes import Attributes, Gender
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed

_SUBJECT_ALT_NAME: Final = der.oid(oids.SUBJECT_ALT_NAME)
_PERSONAL: Final = {
    oids.JPKI_NAME: "name",
    oids.JPKI_NAME_SUBSTITUTES: "name_substitutes",
    oids.JPKI_GENDER: "gender",
    oids.JPKI_DATE_OF_BIRTH: "date_of_birth",
    oids.JPKI_ADDRESS: "address",
    oids.JPKI_ADDRESS_SUBSTITUTES: "address_substitutes",
}


def read_attributes(certificate: Certificate) -> Attributes | None:
    """Name, date of birth, gender and address; None when the certificate carries no such names at all.

    The order of the names is not relied upon. A date of birth is `E YYYY MM DD` with the era's digit first and the
    year of the common era after it; era 0 or zeros for unknown parts cannot become a date and raise Malformed.
    Errors: Malformed when some are missing, double or unreadable.
    """
    found: dict[str, str] = {}
    for oid, text in _other_names(certificate):
        field = _PERSONAL.get(oid)
        if field is None:
            continue
        if field in found:
            raise Malformed("each personal attribute once expected")
        found[field] = text
    if not found:
        return None
    missing = {"name", "gender", "date_of_birth", "address"} - set(found)
    if missing:
        raise Malformed("a certificate with all four personal attributes expected")
    try:
        return Attributes(
            found["name"],
            _date_of_birth(found["date_of_birth"]),
            Gender(found["gender"]),
            found["address"],
            found.get("name_substitutes", ""),
            found.get("address_substitutes", ""),
        )
    except (InvalidValue, ValueError) as bad:
        raise Malformed("personal attributes in their forms expected") from bad


def _date_of_birth(text: str) -> date:
    if len(text) != 9 or not (text.isascii() and text.isdigit()):
        raise Malformed("a date of birth of nine digits expected")
    return date(int(text[1:5]), int(text[5:7]), int(text[7:9]))


def _other_names(certificate: Certificate) -> list[tuple[str, str]]:
    """GeneralName [0] { type-id OBJECT IDENTIFIER, value [0] EXPLICIT UTF8String }"""
    names: list[tuple[str, str]] = []
    extension = certificate_extension(certificate, _SUBJECT_ALT_NAME)
    if extension is None:
        return names
    for general_name in der.read_whole(extension).expect(der.SEQUENCE, "GeneralNames").iterate():
        if general_name.tag != 0xA0:
            continue
        parts = general_name.children()
        if len(parts) != 2 or parts[1].tag != 0xA0:
            raise Malformed("an otherName of a type and a value expected", general_name.start)
        values = parts[1].children()
        if len(values) == 1 and values[0].tag == der.UTF8_STRING:
            try:
                names.append((parts[0].oid(), values[0].value.decode("utf-8")))
            except UnicodeDecodeError as bad:
                raise Malformed("text in UTF-8 expected", values[0].start) from bad
    return names


def certificate_extension(certificate: Certificate, oid: bytes) -> bytes | None:
    """extnValue of the extension with that encoded identifier, None if absent. Errors: Malformed, also if double."""
    fields = der.read_whole(certificate.tbs).children()
    if fields[-1].tag != 0xA3:
        return None
    (extensions,) = fields[-1].children()
    found = None
    for extension in extensions.iterate():
        parts = extension.children()
        if parts and parts[0].raw == oid:
            if found is not None:
                raise Malformed("an extension that occurs twice", extension.start)
            found = parts[-1].octets()
    return found
