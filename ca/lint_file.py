"""Telling apart what lies in a file: certificates, CRLs and OCSP responses, in DER or PEM; and judging each."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ca import lint
from ca.crl_reading import Crl
from ca.findings import Finding, Severity
from ca.lint_crl import judge_crl
from ca.lint_ocsp import judge_ocsp
from pki import der
from pki.certificate import Certificate
from pki.errors import Malformed
from pki.instant import Instant


class FileKind(StrEnum):
    """What some octets are."""

    CERTIFICATE = "certificate"
    CRL = "crl"
    OCSP = "ocsp-response"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the judged thing is judged beside; None for what is not at hand. `request` is an OCSP or PKCS#10 request."""

    issuer: Certificate | None = None
    certificate: Certificate | None = None
    request: bytes | None = None
    previous: Crl | None = None
    base: Crl | None = None
    at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """One thing out of a file with what was found."""

    kind: FileKind
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing is at warning or above."""
        return all(finding.severity < Severity.WARNING for finding in self.findings)


_LABELS = {
    b"CERTIFICATE": FileKind.CERTIFICATE,
    b"X509 CERTIFICATE": FileKind.CERTIFICATE,
    b"X509 CRL": FileKind.CRL,
    b"OCSP RESPONSE": FileKind.OCSP,
}
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)


def judge_file(octets: bytes, beside: Neighbours) -> list[Judged]:
    """Every certificate, CRL and OCSP response in a file, each with its findings; bad ones are judged, not raised.

    Errors: Malformed only for a `request` in `beside` that cannot be read.
    """
    return [Judged(kind, tuple(_judge(kind, one, beside))) for kind, one in things_in(octets)]


def things_in(octets: bytes) -> Iterator[tuple[FileKind, bytes]]:
    """The things in a file, in DER. Octets that are nothing known come back as UNKNOWN."""
    blocks = _BLOCK.findall(octets) if b"-----BEGIN " in octets else []
    if not blocks:
        yield kind_of(octets), octets
    for label, body in blocks:
        try:
            inner = base64.b64decode(b"".join(body.split()), validate=True)
        except ValueError:
            yield FileKind.UNKNOWN, octets
            continue
        yield _LABELS.get(label) or kind_of(inner), inner


def kind_of(octets: bytes) -> FileKind:
    """What some DER is, by the shape of its first elements.

    OCSPResponse      SEQUENCE { ENUMERATED …
    CertificateList   SEQUENCE { SEQUENCE { INTEGER? SEQUENCE Name Time …
    Certificate       SEQUENCE { SEQUENCE { [0] … or INTEGER SEQUENCE Name SEQUENCE …
    """
    try:
        first = next(der.read(octets).expect(der.SEQUENCE, "a SEQUENCE").iterate())
        if first.tag == der.ENUMERATED:
            return FileKind.OCSP
        fields = [node.tag for node, _ in zip(first.expect(der.SEQUENCE, "a body").iterate(), range(5), strict=False)]
    except (Malformed, StopIteration):
        return FileKind.UNKNOWN
    if fields[:1] == [0xA0]:
        return FileKind.CERTIFICATE
    if fields[:1] == [der.INTEGER]:
        del fields[0]
    if fields[:2] == [der.SEQUENCE, der.SEQUENCE] and len(fields) > 2:
        if fields[2] in (der.UTC_TIME, der.GENERALIZED_TIME):
            return FileKind.CRL
        if fields[2] == der.SEQUENCE:
            return FileKind.CERTIFICATE
    return FileKind.UNKNOWN


def _judge(kind: FileKind, octets: bytes, beside: Neighbours) -> list[Finding]:
    match kind:
        case FileKind.CERTIFICATE:
            return lint.judge(Certificate(octets), issuer=beside.issuer, request=beside.request, at=beside.at)
        case FileKind.CRL:
            return judge_crl(
                octets,
                issuer=beside.issuer,
                certificate=beside.certificate,
                previous=beside.previous,
                base=beside.base,
                at=beside.at,
            )
        case FileKind.OCSP:
            return judge_ocsp(
                octets,
                issuer=beside.issuer,
                certificate=beside.certificate,
                request=beside.request,
                at=beside.at,
            )
        case FileKind.UNKNOWN:
            what = "neither a certificate nor a CRL nor an OCSP response, in DER or PEM"
            return [Finding("lint.unknown-kind", Severity.ERROR, "X.690", what)]
