"""An OCSP answer, read once (RFC 6960 4.2.1, RFC 9654); whether it may be accepted is `ocsp_checking`'s.

OCSPResponse ::= SEQUENCE { responseStatus, [0] SEQUENCE { responseType, OCTET STRING { BasicOCSPResponse } } }
BasicOCSPResponse ::= SEQUENCE { tbsResponseData, signatureAlgorithm, signature, [0] SEQUENCE OF Certificate }
ResponseData ::= SEQUENCE { [0] version, responderID, producedAt, SEQUENCE OF SingleResponse, [1] extensions }
SingleResponse ::= SEQUENCE { certID, certStatus, thisUpdate, [0] nextUpdate, [1] extensions }
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from pki import oids
from pki.errors import Malformed
from pki.revocation import Reason
from verifier.crl import Entry
from verifier.crl import extensions as read_extensions
from verifier.extensions import key_of
from verifier.walk import SEQUENCE, element, expect, integer, moment, only, row

MAX_OCTETS: Final = 1 << 20
_BASIC: Final = key_of(oids.OCSP_BASIC)
_NONCE: Final = key_of(oids.OCSP_NONCE)
_ARCHIVE_CUTOFF: Final = key_of(oids.OCSP_ARCHIVE_CUTOFF)
_PROCESSED: Final = frozenset({_NONCE, _ARCHIVE_CUTOFF, key_of(oids.OCSP_CRL_REFERENCE)})
HASHES: Final = {
    key_of(oids.SHA1): "sha1",
    key_of(oids.SHA256): "sha256",
    key_of(oids.SHA384): "sha384",
    key_of(oids.SHA512): "sha512",
}


@dataclass(frozen=True, slots=True)
class SingleResponse:
    """What the responder says of one certificate. `revoked` None: good, unless `unknown`."""

    hash_name: str | None
    """None for a hash that is not known here: such an answer matches no certificate."""
    name_hash: bytes
    key_hash: bytes
    serial: int
    unknown: bool
    revoked: Entry | None
    this_update: int
    next_update: int | None
    has_unknown_critical: bool
    archive_cutoff: int | None = None
    """RFC 6960 4.4.4: what expired at that second or later is still known to the responder."""

    def speaks_of(self, not_after: int, skew: int) -> bool:
        """Whether a certificate that ends at `not_after` would be said to be revoked if it were."""
        return self.this_update <= not_after + skew or (
            self.archive_cutoff is not None and self.archive_cutoff <= not_after
        )


@dataclass(frozen=True, slots=True)
class ParsedOcsp:
    """One OCSPResponse. `failure` is its responseStatus in words when it carries no answer."""

    fingerprint: bytes
    failure: str | None = None
    tbs: bytes = b""
    algorithm: bytes = b""
    signature: bytes = b""
    responder_name: bytes | None = None
    """responderID byName: an encoded Name."""
    responder_key: bytes | None = None
    """responderID byKey: SHA-1 of the key's bits."""
    produced_at: int = 0
    answers: tuple[SingleResponse, ...] = ()
    nonce: bytes | None = None
    has_unknown_critical: bool = False
    certificates: tuple[bytes, ...] = ()


_STATUS: Final = {1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized"}


def parse_ocsp(der: bytes) -> ParsedOcsp:
    """Read an OCSPResponse in DER. Errors: Malformed."""
    if len(der) > MAX_OCTETS:
        raise Malformed("an OCSP answer of more than a megabyte", MAX_OCTETS)
    fingerprint = sha256(der).digest()
    start, end = only(der, SEQUENCE, "an OCSPResponse")
    first, at = expect(der, start, end, 0x0A, "responseStatus")
    status = integer(der, first, at)
    if status != 0:
        if status not in _STATUS:
            raise Malformed("a responseStatus that exists expected", first)
        return ParsedOcsp(fingerprint, failure=_STATUS[status])
    first, stop = expect(der, at, end, 0xA0, "responseBytes")
    first, last = expect(der, first, stop, SEQUENCE, "ResponseBytes")
    kind, after = expect(der, first, last, 0x06, "responseType")
    if der[kind:after] != _BASIC:
        raise Malformed("a basic OCSP response expected", kind)
    first, after = expect(der, after, last, 0x04, "response")
    if not after == last == stop == end:
        raise Malformed("octets after the response", after)
    return _basic(der[first:after], fingerprint)


def _basic(der: bytes, fingerprint: bytes) -> ParsedOcsp:
    start, end = only(der, SEQUENCE, "a BasicOCSPResponse")
    data, stop = expect(der, start, end, SEQUENCE, "ResponseData")
    _, after = expect(der, stop, end, SEQUENCE, "signatureAlgorithm")
    first, last = expect(der, after, end, 0x03, "signature")
    if first == last:
        raise Malformed("a signature expected", first)
    certificates: tuple[bytes, ...] = ()
    if last < end:
        start_of_list, stop_of_list = expect(der, last, end, 0xA0, "certs")
        content, over = expect(der, start_of_list, stop_of_list, SEQUENCE, "certs")
        if not over == stop_of_list == end:
            raise Malformed("octets after the certificates", over)
        certificates = tuple(der[at:to] for _, at, _, to in row(der, content, over))
    at = data
    if der[at : at + 1] == b"\xa0":
        number, to = expect(der, at, stop, 0xA0, "version")
        first_of, last_of = expect(der, number, to, 0x02, "version")
        if integer(der, first_of, last_of) != 0 or last_of != to:
            raise Malformed("ResponseData of version 1 expected", at)
        at = to
    tag, content, to = element(der, at, stop)
    name = key = None
    if tag == 0xA1:
        _, over = expect(der, content, to, SEQUENCE, "a Name")
        name = der[content:over]
    elif tag == 0xA2:
        inner, over = expect(der, content, to, 0x04, "KeyHash")
        key = der[inner:over]
    else:
        raise Malformed("a responderID expected", at)
    if over != to:
        raise Malformed("octets after the responderID", over)
    moment_at, at = expect(der, to, stop, 0x18, "producedAt")
    produced_at = moment(0x18, der[moment_at:at])
    content, at = expect(der, at, stop, SEQUENCE, "responses")
    answers = tuple(_single(der, *found) for found in row(der, content, at))
    nonce, unknown = None, False
    if at < stop:
        content, over = expect(der, at, stop, 0xA1, "responseExtensions")
        if over != stop:
            raise Malformed("octets after responseExtensions", over)
        for identifier, critical, value in read_extensions(der, content, over):
            if identifier == _NONCE:
                nonce = value
            elif critical and identifier not in _PROCESSED:
                unknown = True
    return ParsedOcsp(
        fingerprint,
        None,
        der[start:stop],
        der[stop:after],
        b"" if der[first] else der[first + 1 : last],
        name,
        key,
        produced_at,
        answers,
        nonce,
        unknown,
        certificates,
    )


def _single(der: bytes, tag: int, at: int, start: int, end: int) -> SingleResponse:
    if tag != SEQUENCE:
        raise Malformed("a SingleResponse expected", at)
    first, after = expect(der, start, end, SEQUENCE, "a CertID")
    algorithm, content = expect(der, first, after, SEQUENCE, "hashAlgorithm")
    oid, past = expect(der, algorithm, content, 0x06, "hashAlgorithm")
    if past != content and der[past:content] != b"\x05\x00":
        raise Malformed("a hash with parameters", past)
    parts = row(der, content, after)
    if [part[0] for part in parts] != [0x04, 0x04, 0x02]:
        raise Malformed("a CertID of two hashes and a number expected", first)
    status, content, at = element(der, after, end)
    revoked = None
    if status == 0xA1:
        revoked = _revoked(der, content, at)
    elif status not in (0x80, 0x82) or content != at:
        raise Malformed("a certStatus expected", after)
    content, at = expect(der, at, end, 0x18, "thisUpdate")
    this_update = moment(0x18, der[content:at])
    next_update, unknown, cutoff = None, False, None
    if at < end and der[at] == 0xA0:
        content, stop = expect(der, at, end, 0xA0, "nextUpdate")
        inner, over = expect(der, content, stop, 0x18, "nextUpdate")
        if over != stop:
            raise Malformed("octets after nextUpdate", over)
        next_update, at = moment(0x18, der[inner:over]), stop
    if at < end:
        content, stop = expect(der, at, end, 0xA1, "singleExtensions")
        if stop != end:
            raise Malformed("octets after singleExtensions", stop)
        for identifier, critical, value in read_extensions(der, content, stop):
            if identifier == _ARCHIVE_CUTOFF:
                first, last = only(value, 0x18, "ArchiveCutoff")
                cutoff = moment(0x18, value[first:last])
            unknown |= critical and identifier not in _PROCESSED
    return SingleResponse(
        HASHES.get(der[oid:past]),
        der[parts[0][2] : parts[0][3]],
        der[parts[1][2] : parts[1][3]],
        integer(der, parts[2][2], parts[2][3]),
        status == 0x82,
        revoked,
        this_update,
        next_update,
        unknown,
        cutoff,
    )


def _revoked(der: bytes, at: int, end: int) -> Entry:
    """RevokedInfo ::= SEQUENCE { revocationTime, [0] CRLReason }, implicitly tagged"""
    first, last = expect(der, at, end, 0x18, "revocationTime")
    reason = Reason.UNSPECIFIED
    if last < end:
        content, stop = expect(der, last, end, 0xA0, "revocationReason")
        inner, over = expect(der, content, stop, 0x0A, "CRLReason")
        if over != stop or stop != end:
            raise Malformed("octets after revocationReason", over)
        try:
            reason = Reason(integer(der, inner, over))
        except ValueError as bad:
            raise Malformed("a CRLReason that exists expected", inner) from bad
    return Entry(moment(0x18, der[first:last]), reason, None)
