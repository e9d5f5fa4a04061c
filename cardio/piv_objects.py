"""The data objects of a PIV card: who the card is, what it can do, and its certificates.

Source: SP 800-73-4 part 1, 3.1 to 3.3 and appendix A (tables 8 to 42); FASC-N: 3.1.2 there, and
PACS TIG 2.3 (the digits).
"""

import gzip
import zlib
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from cardio import tlv
from pki.errors import InvalidValue, Malformed

APPLICATION = bytes.fromhex("A000000308000010000100")
"""The PIV card application's AID, with version 1.0; SELECT may leave octets out at its end."""
RID_AND_PIX = bytes.fromhex("000010000100")
PROVIDER = bytes.fromhex("A000000308")

CHUID = bytes.fromhex("5FC102")
CAPABILITIES = bytes.fromhex("5FC107")
DISCOVERY = bytes.fromhex("7E")
BIOMETRIC_GROUP = bytes.fromhex("7F61")
FINGERPRINTS = bytes.fromhex("5FC103")
SECURITY_OBJECT = bytes.fromhex("5FC106")
FACIAL_IMAGE = bytes.fromhex("5FC108")
PRINTED_INFORMATION = bytes.fromhex("5FC109")
KEY_HISTORY = bytes.fromhex("5FC10C")
IRIS_IMAGES = bytes.fromhex("5FC121")
PAIRING_CODE = bytes.fromhex("5FC123")
ATTESTATION_CERTIFICATE = bytes.fromhex("5FFF01")

READ_WITH_PIN = frozenset({FINGERPRINTS, FACIAL_IMAGE, PRINTED_INFORMATION, IRIS_IMAGES, PAIRING_CODE})
"""Objects whose contact read rule is "PIN" (part 1 table 2)."""

MAX_CERTIFICATE = 1 << 16
"""A certificate that unpacks to more than this is a bomb, not a certificate."""

_GZIP = 0x01


def certificate_object(certificate: bytes) -> bytes:
    """The content of 53 for a certificate in DER: 70 DER, 71 CertInfo 00 (not compressed), FE empty (table 10)."""
    return tlv.encode(0x70, certificate) + tlv.encode(0x71, b"\x00") + tlv.encode(0xFE)


def parse_certificate_object(content: bytes) -> bytes | None:
    """The certificate in DER out of the content of 53; None if the object is there but empty.

    Errors: Malformed, also for a compressed certificate that unpacks to more than MAX_CERTIFICATE octets.
    """
    certificate = tlv.find(content, 0x70)
    if not certificate:
        return None
    information = tlv.find(content, 0x71) or b"\x00"
    if not information[0] & _GZIP:
        return certificate
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(certificate, MAX_CERTIFICATE)
    except zlib.error as error:
        raise Malformed("a compressed certificate expected", None) from error
    if not unpacker.eof:
        raise Malformed("a compressed certificate of reasonable length expected", None)
    return unpacked


def compress_certificate_object(certificate: bytes) -> bytes:
    """As `certificate_object`, compressed: for cards whose objects are smaller than the certificate."""
    packed = gzip.compress(certificate, mtime=0)
    return tlv.encode(0x70, packed) + tlv.encode(0x71, bytes([_GZIP])) + tlv.encode(0xFE)


def discovery_object(*, pin_usage: int = 0x4000) -> bytes:
    """The whole discovery object 7E: the AID and the PIN usage policy (part 1 3.3.2).

    4000: the card's own PIN satisfies the access rules, there is no global PIN, no on-card comparison.
    """
    return tlv.encode(0x7E, tlv.encode(0x4F, APPLICATION), tlv.encode(0x5F2F, pin_usage.to_bytes(2, "big")))


def application_template() -> bytes:
    """What SELECT answers: 61 { 4F PIX, 79 { 4F provider } } (part 2 table 3)."""
    return tlv.encode(0x61, tlv.encode(0x4F, RID_AND_PIX), tlv.encode(0x79, tlv.encode(0x4F, PROVIDER)))


@dataclass(frozen=True, slots=True)
class CardHolderIdentifier:
    """The CHUID: the card's own identity, as far as this application reads it (part 1 table 9)."""

    guid: UUID
    """The card UUID: it names the card, never the person."""
    expires: date
    fasc_n: bytes
    """25 octets, BCD with odd parity; all nines in a card outside the US government (agency 9999)."""

    def encode(self) -> bytes:
        """The content of 53. The issuer's signature (3E) is empty: see docs/divergences.md."""
        return (
            tlv.encode(0x30, self.fasc_n)
            + tlv.encode(0x34, self.guid.bytes)
            + tlv.encode(0x35, self.expires.strftime("%Y%m%d").encode())
            + tlv.encode(0x3E)
            + tlv.encode(0xFE)
        )


def parse_chuid(content: bytes) -> CardHolderIdentifier:
    """A CHUID from the content of 53. Errors: Malformed."""
    guid, expires, fasc_n = tlv.require(content, 0x34), tlv.require(content, 0x35), tlv.find(content, 0x30) or b""
    try:
        day = date.fromisoformat(expires.decode("ascii"))
        return CardHolderIdentifier(UUID(bytes=guid), day, fasc_n)
    except ValueError as error:
        raise Malformed("a CHUID with card UUID and expiration date expected", None) from error


@dataclass(frozen=True, slots=True)
class FascN:
    """Federal agency smart credential number: the digits that door readers of the US government go by."""

    agency: int = 9999
    system: int = 9999
    credential: int = 999_999
    series: int = 0
    issue: int = 0
    person: int = 9_999_999_999
    organization_category: int = 3
    organization: int = 9999
    association: int = 2

    def encode(self) -> bytes:
        """25 octets: 39 digits and separators and a check digit of five bits each.

        SS agency(4) FS system(4) FS credential(6) FS series(1) FS issue(1) FS person(10) category(1) organization(4)
        association(1) ES LRC; a digit is its four bits, least significant first, and an odd parity bit.
        Errors: InvalidValue for a number with too many digits.
        """
        body = (
            _SS
            + _digits(self.agency, 4)
            + _FS
            + _digits(self.system, 4)
            + _FS
            + _digits(self.credential, 6)
            + _FS
            + _digits(self.series, 1)
            + _FS
            + _digits(self.issue, 1)
            + _FS
            + _digits(self.person, 10)
            + _digits(self.organization_category, 1)
            + _digits(self.organization, 4)
            + _digits(self.association, 1)
            + _ES
        )
        check = 0
        for symbol in body:
            check ^= symbol
        bits = "".join(_symbol(symbol) for symbol in (*body, check))
        return int(bits, 2).to_bytes(25, "big")


_SS, _FS, _ES = (11,), (13,), (15,)


def _digits(number: int, count: int) -> tuple[int, ...]:
    text = f"{number:0{count}d}"
    if len(text) != count or not text.isdigit():
        raise InvalidValue(f"this part of a FASC-N has {count} digits")
    return tuple(int(digit) for digit in text)


def _symbol(value: int) -> str:
    bits = f"{value:04b}"[::-1]
    return bits + ("0" if bits.count("1") % 2 else "1")
