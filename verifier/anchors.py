"""Trust anchors: a name and a key that are believed, and what they are believed for (RFC 5280 6.1.1 (d), RFC 5937)."""

from collections.abc import Iterable
from dataclasses import dataclass

from pki.certificate import Certificate
from verifier.certificate import ParsedCertificate, parse


@dataclass(frozen=True, slots=True)
class TrustAnchor:
    """A subject Name and SubjectPublicKeyInfo (both encoded), with the certificate that stated them, if one did.

    The certificate's constraints bind every path below it (RFC 5937): name constraints, path length, policies, and
    its validity and usage. A bare name and key are believed without limits.
    """

    name: bytes
    spki: bytes
    certificate: ParsedCertificate | None = None

    @property
    def fingerprint(self) -> bytes | None:
        """SHA-256 of the certificate, None for a bare key."""
        return None if self.certificate is None else self.certificate.fingerprint


def anchor_of(certificate: ParsedCertificate | Certificate | bytes) -> TrustAnchor:
    """The anchor that a certificate states. Errors: Malformed."""
    parsed = certificate if isinstance(certificate, ParsedCertificate) else parse(certificate)
    return TrustAnchor(parsed.subject, parsed.spki, parsed)


def anchors_of(certificates: Iterable[ParsedCertificate | Certificate | bytes]) -> tuple[TrustAnchor, ...]:
    """One anchor each. Errors: Malformed."""
    return tuple(anchor_of(certificate) for certificate in certificates)
