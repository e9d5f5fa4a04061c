"""OCSP responses in DER (RFC 6960 4.2), by concatenation: a signature costs 25 µs, so building may not cost more.

OCSPResponse        30  0A 01 status  [0] { 30  id-pkix-ocsp-basic  04 { BasicOCSPResponse } }
BasicOCSPResponse   30  tbsResponseData  AlgorithmIdentifier  signature  [0] { 30 certificates }
ResponseData        30  [2] { SHA-1 of the responder's key }  producedAt  30 responses  [1] extensions?
SingleResponse      30  CertID  status  thisUpdate  [0] nextUpdate  [1] extensions?
status              80 00 good | A1 len { revocationTime [0] { reason }? } revoked | 82 00 unknown
"""

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from ca.crl_encoding import extension
from ca.keys import SigningKey
from pki import der, oids
from pki.algorithms import ALGORITHMS
from pki.certificate import Certificate
from pki.instant import Instant
from pki.revocation import Good, Reason, Revoked, Status

_BASIC = der.oid(oids.OCSP_BASIC)
_NONCE = der.oid(oids.OCSP_NONCE)


class ResponseStatus(IntEnum):
    """OCSPResponseStatus (RFC 6960 4.2.1)."""

    SUCCESSFUL = 0
    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    SIG_REQUIRED = 5
    UNAUTHORIZED = 6


UNSUCCESSFUL: dict[ResponseStatus, bytes] = {
    status: der.sequence(der.enumerated(status)) for status in ResponseStatus if status is not ResponseStatus.SUCCESSFUL
}
"""The whole response for each status but success: five octets, unsigned (RFC 6960 2.3)."""


@dataclass(frozen=True, slots=True)
class SingleAnswer:
    """What is said of one certificate. `next_update` None means that newer news is always to be had (4.2.2.1)."""

    cert_id: bytes
    status: Status
    this_update: Instant
    next_update: Instant | None
    archive_cutoff: Instant | None = None
    """How far back answers are kept: a certificate expired before it may be said good for want of records (4.4.4)."""
    crl: "CrlReference | None" = None
    """The CRL that lists the certificate (4.4.2)."""


@dataclass(frozen=True, slots=True)
class CrlReference:
    """A CRL by where it is, its number and its thisUpdate (CrlID, RFC 6960 4.4.2)."""

    url: str | None
    number: int
    this_update: Instant

    def encode(self) -> bytes:
        """CrlID ::= SEQUENCE { crlUrl [0] EXPLICIT IA5String?, crlNum [1] INTEGER, crlTime [2] GeneralizedTime }."""
        url = b"" if self.url is None else der.context(0, der.ia5(self.url))
        time = der.context(2, der.generalized_time(self.this_update))
        return der.sequence(url, der.context(1, der.integer(self.number)), time)


def _wrap(tag: int, content: bytes) -> bytes:
    """One element around one content. As `der.tlv`, without its joins: this runs a dozen times an answer."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    if size < 0x100:
        return bytes((tag, 0x81, size)) + content
    return der.tlv(tag, content) if size > 0xFFFF else bytes((tag, 0x82, size >> 8, size & 0xFF)) + content


@lru_cache(maxsize=4096)
def _next_update(seconds: int) -> bytes:
    return der.context(0, _generalized(seconds))


@lru_cache(maxsize=4096)
def _generalized(seconds: int) -> bytes:
    return der.generalized_time(Instant(seconds))


def encode_single(answer: SingleAnswer) -> bytes:
    """One SingleResponse. The CertID is the one of the request, octet for octet."""
    extensions = b""
    told = answer.status
    if isinstance(told, Good):
        status = b"\x80\x00"
    elif isinstance(told, Revoked):
        # RFC 5280 5.3.1 for CRLs, and the same sense here: unspecified is left out.
        reason = b"" if told.reason is Reason.UNSPECIFIED else der.context(0, der.enumerated(told.reason))
        status = _wrap(0xA1, _generalized(told.since.seconds) + reason)
        if told.invalidity_date is not None:
            # RFC 6960 4.4.5: CRL entry extensions may stand here too.
            extensions += extension(oids.INVALIDITY_DATE, der.generalized_time(told.invalidity_date))
    else:
        status = b"\x82\x00"
    if answer.archive_cutoff is not None:
        extensions += extension(oids.OCSP_ARCHIVE_CUTOFF, der.generalized_time(answer.archive_cutoff))
    if answer.crl is not None:
        extensions += extension(oids.OCSP_CRL_REFERENCE, answer.crl.encode())
    body = answer.cert_id + status + _generalized(answer.this_update.seconds)
    if answer.next_update is not None:
        body += _next_update(answer.next_update.seconds)
    if extensions:
        body += der.context(1, der.sequence(extensions))
    return _wrap(der.SEQUENCE, body)


class ResponseEncoder:
    """Signs responses with one responder's key; everything that never changes is encoded once."""

    def __init__(self, certificate: Certificate, key: SigningKey, chain: tuple[bytes, ...] = ()) -> None:
        self.certificate = certificate
        self._key = key
        # RFC 6960 4.2.1 KeyHash: SHA-1 over the bits of the key, without tag, length and unused-bits octet.
        digest = hashlib.sha1(certificate.public_key_bits, usedforsecurity=False).digest()
        self._responder_id = der.context(2, der.octet_string(digest))
        self._algorithm = ALGORITHMS[key.shape.signature_algorithm].identifier
        self._certificates = der.context(0, der.sequence(certificate.der, *chain))

    def encode(self, produced_at: Instant, singles: list[bytes], nonce: bytes | None) -> bytes:
        """The successful OCSPResponse around SingleResponses; `nonce` is echoed as it came (RFC 9654 2.1)."""
        body = self._responder_id + _generalized(produced_at.seconds) + _wrap(der.SEQUENCE, b"".join(singles))
        if nonce is not None:
            body += _before_nonce(len(nonce)) + nonce
        data = _wrap(der.SEQUENCE, body)
        signature = _wrap(der.BIT_STRING, b"\0" + self._key.sign(data))
        basic = data + self._algorithm + signature + self._certificates
        return _before_basic(len(basic)) + basic


@lru_cache(maxsize=256)
def _before_nonce(size: int) -> bytes:
    """What stands before a nonce of `size` octets: responseExtensions with the nonce as its only one."""
    nonce = bytes(size)
    inner = _wrap(der.SEQUENCE, _NONCE + _wrap(der.OCTET_STRING, _wrap(der.OCTET_STRING, nonce)))
    return _wrap(0xA1, _wrap(der.SEQUENCE, inner)).removesuffix(nonce)


@lru_cache(maxsize=4096)
def _before_basic(size: int) -> bytes:
    """What stands before the `size` octets inside a BasicOCSPResponse of a successful response."""
    content = bytes(size)
    inner = _wrap(der.SEQUENCE, _BASIC + _wrap(der.OCTET_STRING, _wrap(der.SEQUENCE, content)))
    return _wrap(der.SEQUENCE, b"\x0a\x01\x00" + _wrap(0xA0, inner))[:-size]
