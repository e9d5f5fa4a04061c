"""The judge of OCSP responses: one alone, beside issuer, certificate, request and time.

judge_ocsp(der, …) → findings. It never raises for a bad response: what cannot be read is a finding. It is stricter
than the tools that read responses every day (openssl, GnuTLS): a policy that they forgive is a warning here.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca.findings import Finding, Severity
from ca.ocsp import verify_issued
from ca.ocsp_reading import ReadCertId, ReadResponse, ReadSingle, parse_response, response_status
from ca.ocsp_request import NONCE_OCTETS, OcspRequest, parse_request
from ca.ocsp_response import ResponseStatus
from pki import der, oids
from pki.algorithms import ALGORITHMS, HASH_OIDS, verify_raw
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant
from pki.revocation import Reason

ERROR, WARNING, NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE

LONGEST = timedelta(days=10)
"""Longer than this, an answer says less than a daily CRL."""
LONGEST_DELEGATE = timedelta(days=397)
"""Nobody checks the revocation of a certificate with nocheck: its life bounds the harm (RFC 6960 4.2.2.2.1)."""
SKEW = timedelta(minutes=5)

_HASH_NAMES = {dotted: name for name, dotted in HASH_OIDS.items()}
_KNOWN = frozenset({oids.OCSP_NONCE, "1.3.6.1.5.5.7.48.1.9"})  # the latter: extended revoke, RFC 6960 4.4.8
_KNOWN_IN_SINGLES = frozenset(
    {oids.OCSP_CRL_REFERENCE, oids.OCSP_ARCHIVE_CUTOFF, oids.CRL_REASON, oids.INVALIDITY_DATE, oids.CERTIFICATE_ISSUER}
)


@dataclass(frozen=True, slots=True)
class Beside:
    """What a response is judged beside; None for what is not at hand."""

    issuer: Certificate | None = None
    certificate: Certificate | None = None
    request: OcspRequest | None = None
    at: Instant | None = None


Check = Callable[[ReadResponse, Beside], Iterator[Finding]]


def judge_ocsp(
    octets: bytes,
    *,
    issuer: Certificate | None = None,
    certificate: Certificate | None = None,
    request: bytes | None = None,
    at: Instant | None = None,
) -> list[Finding]:
    """Findings about an OCSPResponse in DER. Errors: Malformed only for a `request` that cannot be read."""
    asked = None if request is None else parse_request(request)
    try:
        status = response_status(octets)
        if status != ResponseStatus.SUCCESSFUL:
            return list(_unsuccessful(status, octets))
        response = parse_response(octets)
    except Malformed as error:
        where = "" if error.offset is None else f" (octet {error.offset})"
        return [Finding("x690.der", ERROR, "RFC 6960 4.2.1; X.690", f"{error.what}{where}")]
    beside = Beside(issuer, certificate, asked, at)
    findings: list[Finding] = []
    for check in _CHECKS:
        try:
            findings.extend(check(response, beside))
        except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
            findings.append(
                Finding("x690.der", ERROR, "RFC 6960 4.2.1; X.690", "a certificate's extensions cannot be read")
            )
        except (Malformed, InvalidValue) as error:
            findings.append(Finding("x690.der", ERROR, "RFC 6960 4.2.1; X.690", error.what))
    return findings


def _unsuccessful(status: int, octets: bytes) -> Iterator[Finding]:
    if status not in {int(known) for known in ResponseStatus}:
        yield Finding("rfc6960.response-status", ERROR, "RFC 6960 4.2.1", f"status {status} is not used")
    else:
        word = ResponseStatus(status).name.lower()
        yield Finding("ocsp.unsuccessful", NOTICE, "RFC 6960 2.3", f"it says {word}")
    if len(der.read_whole(octets).children()) != 1:
        yield Finding("rfc6960.response-bytes", ERROR, "RFC 6960 4.2.1", "an unsuccessful response has no bytes")


def _form(response: ReadResponse, _beside: Beside) -> Iterator[Finding]:
    if response.version != 0:
        yield Finding("rfc6960.version", ERROR, "RFC 6960 4.2.2.3", "only version 1 is known")
    if not response.singles:
        yield Finding("rfc6960.no-single", ERROR, "RFC 6960 4.2.1", "it is about no certificate")
    seen: set[bytes] = set()
    for single in response.singles:
        if single.cert_id.encoded in seen:
            yield Finding("ocsp.duplicate-single", WARNING, "RFC 6960 2.2", f"{_where(single)} stands twice")
        seen.add(single.cert_id.encoded)
        yield from _single_form(single)
    for extension in response.extensions:
        if extension.oid not in _KNOWN:
            severity = ERROR if extension.critical else NOTICE
            yield Finding("rfc6960.extension-unknown", severity, "RFC 6960 4.4", f"{extension.oid} is not known")


def _single_form(single: ReadSingle) -> Iterator[Finding]:
    where = _where(single)
    if single.cert_id.hash_oid not in _HASH_NAMES:
        yield Finding("ocsp.certid-hash", NOTICE, "RFC 6960 4.1.1", f"{where}: hash {single.cert_id.hash_oid}")
    if single.reason == Reason.UNSPECIFIED:
        yield Finding("ocsp.reason-unspecified", NOTICE, "RFC 5280 5.3.1", f"{where}: unspecified is left out")
    if single.reason == Reason.REMOVE_FROM_CRL:
        yield Finding("ocsp.reason-remove", ERROR, "RFC 5280 5.3.1", f"{where}: removeFromCRL is no revocation")
    elif single.reason is not None and single.reason not in {int(reason) for reason in Reason}:
        yield Finding("ocsp.reason-unknown", ERROR, "RFC 5280 5.3.1", f"{where}: reason {single.reason}")
    for extension in single.extensions:
        if extension.oid not in _KNOWN_IN_SINGLES:
            severity = ERROR if extension.critical else NOTICE
            yield Finding("rfc6960.extension-unknown", severity, "RFC 6960 4.4", f"{where}: {extension.oid}")


def _times(response: ReadResponse, beside: Beside) -> Iterator[Finding]:
    at = beside.at
    if at is not None and response.produced_at > at + SKEW:
        yield Finding("ocsp.produced-future", ERROR, "RFC 6960 2.4", f"producedAt is {response.produced_at}")
    for single in response.singles:
        where = _where(single)
        if single.this_update > response.produced_at:
            yield Finding("rfc6960.this-update", WARNING, "RFC 6960 2.4", f"{where}: thisUpdate after producedAt")
        if at is not None and single.this_update > at + SKEW:
            detail = f"{where}: thisUpdate is {single.this_update}"
            yield Finding("ocsp.future", ERROR, "RFC 6960 3.2 (5), 4.2.2.1", detail)
        limit = response.produced_at if at is None else max(at, response.produced_at)
        if single.revoked_at is not None and single.revoked_at > limit:
            detail = f"{where}: revoked from {single.revoked_at}"
            yield Finding("ocsp.revocation-future", ERROR, "RFC 6960 2.2, 4.2.2.1", detail)
        if single.next_update is None:
            detail = f"{where}: nobody can tell when it is old"
            yield Finding("ocsp.next-update-missing", WARNING, "RFC 5019 2.2.4; policy", detail)
            continue
        if single.next_update < single.this_update:
            yield Finding("rfc6960.next-update", ERROR, "RFC 6960 4.2.2.1", f"{where}: nextUpdate before thisUpdate")
        if single.next_update - single.this_update > LONGEST:
            days = (single.next_update - single.this_update).days
            yield Finding("ocsp.validity-too-long", WARNING, "RFC 5019 4; policy", f"{where}: holds {days} days")
        if at is not None and single.next_update < at:
            detail = f"{where}: nextUpdate was {single.next_update}"
            yield Finding("ocsp.expired", ERROR, "RFC 6960 3.2 (6), 4.2.2.1", detail)


def _nonce(response: ReadResponse, beside: Beside) -> Iterator[Finding]:
    nonce = response.nonce()
    if nonce is not None and len(nonce) not in NONCE_OCTETS:
        yield Finding("rfc9654.nonce-length", ERROR, "RFC 9654 2.1", f"a nonce of {len(nonce)} octets")
    if beside.request is None:
        return
    if beside.request.nonce is None:
        if nonce is not None:
            yield Finding("rfc9654.nonce-unasked", WARNING, "RFC 9654 2.1", "a nonce that nobody sent")
    elif nonce is None:
        yield Finding("rfc9654.nonce-missing", WARNING, "RFC 9654 2.1", "the nonce of the request is not echoed")
    elif nonce != beside.request.nonce:
        yield Finding("rfc9654.nonce-differs", ERROR, "RFC 9654 2.1", "the nonce is not that of the request")


def _subject(response: ReadResponse, beside: Beside) -> Iterator[Finding]:
    """Is it about what was asked (RFC 6960 3.2 (1))?"""
    found = [single.cert_id for single in response.singles]
    if beside.certificate is not None and not any(one.serial == beside.certificate.serial for one in found):
        yield Finding("rfc6960.other-serial", ERROR, "RFC 6960 3.2 (1)", "it is not about the certificate")
    if beside.request is not None:
        encoded = {one.encoded for one in found}
        for asked in beside.request.asked:
            if asked.encoded in encoded:
                continue
            if any(one.serial == asked.serial for one in found):
                detail = f"serial {asked.serial:x} is answered with another CertID than asked"
                yield Finding("rfc6960.certid-echo", ERROR, "RFC 6960 4.2.2.3; 3.2 (1)", detail)
            else:
                detail = f"serial {asked.serial:x} was asked for"
                yield Finding("rfc6960.other-serial", ERROR, "RFC 6960 3.2 (1)", detail)
    if beside.issuer is not None:
        for one in found:
            yield from _issuer_hashes(one, beside.issuer)


def _issuer_hashes(cert_id: ReadCertId, issuer: Certificate) -> Iterator[Finding]:
    name = _HASH_NAMES.get(cert_id.hash_oid)
    if name is None:
        return
    if hashlib.new(name, issuer.subject).digest() != cert_id.name_hash:
        detail = f"serial {cert_id.serial:x}: the hash is not of the issuer's name"
        yield Finding("rfc6960.issuer-name-hash", ERROR, "RFC 6960 4.1.1", detail)
    if hashlib.new(name, issuer.public_key_bits).digest() != cert_id.key_hash:
        detail = f"serial {cert_id.serial:x}: the hash is not of the issuer's key"
        yield Finding("rfc6960.issuer-key-hash", ERROR, "RFC 6960 4.1.1", detail)


def _signer(response: ReadResponse, beside: Beside) -> Iterator[Finding]:
    """Who signed, and may it (RFC 6960 3.2 (2) to (4), 4.2.2.2)?"""
    candidates = [*response.certificates, *([] if beside.issuer is None else [beside.issuer])]
    signer = next((one for one in candidates if _is_responder(response, one)), None)
    if signer is None:
        if candidates:
            yield Finding("rfc6960.responder-id", ERROR, "RFC 6960 4.2.2.3", "no certificate fits the ResponderID")
        return
    algorithm = ALGORITHMS.get(der.read(response.algorithm).children()[0].oid())
    if algorithm is None:
        yield Finding("rfc6960.signature-unknown", WARNING, "RFC 6960 4.3", "an algorithm that is not spoken here")
    elif not verify_raw(signer.public_key, algorithm, response.signature, response.tbs):
        yield Finding("rfc6960.signature", ERROR, "RFC 6960 3.2 (2)", "the signature is wrong")
    if algorithm is not None and algorithm.hash_name == "sha1":
        yield Finding("ocsp.sha1", WARNING, "RFC 6194 3", "signed over SHA-1")
    if beside.issuer is not None and signer == beside.issuer:
        return
    yield from _delegate(signer, response, beside)


def _is_responder(response: ReadResponse, certificate: Certificate) -> bool:
    if response.responder_name is not None:
        return certificate.subject == response.responder_name
    digest = hashlib.sha1(certificate.public_key_bits, usedforsecurity=False).digest()
    return digest == response.responder_key


def _delegate(signer: Certificate, response: ReadResponse, beside: Beside) -> Iterator[Finding]:
    extensions = signer.x509.extensions
    try:
        purposes = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        delegated = ExtendedKeyUsageOID.OCSP_SIGNING in purposes
    except x509.ExtensionNotFound:
        delegated = False
    if not delegated:
        detail = "the signer's certificate lacks the purpose OCSPSigning"
        yield Finding("rfc6960.signer-purpose", ERROR, "RFC 6960 4.2.2.2", detail)
    try:
        extensions.get_extension_for_class(x509.OCSPNoCheck)
    except x509.ExtensionNotFound:
        detail = "nothing says how the signer's own revocation is checked"
        yield Finding("rfc6960.nocheck", WARNING, "RFC 6960 4.2.2.2.1", detail)
    else:
        if signer.validity.not_after - signer.validity.not_before > LONGEST_DELEGATE:
            days = (signer.validity.not_after - signer.validity.not_before).days
            yield Finding("ocsp.delegate-too-long", WARNING, "RFC 6960 4.2.2.2.1", f"nocheck for {days} days")
    try:
        if not extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
            yield Finding("rfc6960.signer-usage", ERROR, "RFC 5280 4.2.1.3", "the signer's key may not sign")
    except x509.ExtensionNotFound:
        yield Finding("rfc6960.signer-usage", NOTICE, "RFC 5280 4.2.1.3", "the signer's key usage is not told")
    moments = [response.produced_at] if beside.at is None else [response.produced_at, beside.at]
    if not all(signer.validity.contains(moment) for moment in moments):
        detail = f"the signer is valid {signer.validity.not_before} to {signer.validity.not_after}"
        yield Finding("rfc6960.signer-expired", ERROR, "RFC 6960 3.2 (3)", detail)
    if beside.issuer is not None and not verify_issued(signer, beside.issuer):
        detail = "the signer's certificate is not by the key that issued the certificate in question"
        yield Finding("rfc6960.signer-issuer", ERROR, "RFC 6960 4.2.2.2", detail)


def _where(single: ReadSingle) -> str:
    return f"serial {single.cert_id.serial:x}"


_CHECKS: tuple[Check, ...] = (_form, _times, _nonce, _subject, _signer)
