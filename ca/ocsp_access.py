"""Who is answered: everybody, or only registered relying parties.

A registered party shows itself by one of its registered certificates: it signed the request with that key and sent the
certificate along (RFC 6960 4.1.2), or it proved the key in the TLS handshake. What is known of a requester here is
whether its certificate is registered; who keeps a record of queries is told of each before it is answered.
"""

import hashlib
from collections.abc import Callable, Sequence

from ca.ocsp_request import OcspRequest, RequestSignature
from ca.ocsp_response import ResponseStatus
from pki import der
from pki.algorithms import ALGORITHMS, verify_raw
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant

Registry = Callable[[str], bool]
"""Whether the certificate with this SHA-256 (in hex) is registered and not ended. Called from several threads."""
Record = Callable[[str, Sequence[int], Instant], None]
"""Told by which registered certificate (SHA-256 in hex) these serials are asked about, before they are answered; what
it raises leaves the question unanswered. Called from several threads."""
_MOST_CERTIFICATES = 5


class RegisteredOnly:
    """Answers those who prove a key whose certificate is registered and valid now."""

    def __init__(self, registry: Registry, record: Record = lambda _fingerprint, _serials, _at: None) -> None:
        self._registry, self._record = registry, record

    def refuse(self, request: OcspRequest, at: Instant, client: str | None = None) -> ResponseStatus | None:
        """sigRequired for somebody who proved nothing; unauthorized for a stranger's or a wrong signature.

        `client`: SHA-256 in hex of the connection's certificate, proved and judged by whoever ended TLS.
        """
        if client is None or not self._registry(client):
            if request.signature is None:
                return ResponseStatus.SIG_REQUIRED
            client = self._signer(request.signature, at)
        if client is None:
            return ResponseStatus.UNAUTHORIZED
        self._record(client, [asked.serial for asked in request.asked], at)
        return None

    def _signer(self, signature: RequestSignature, at: Instant) -> str | None:
        for encoded in signature.certificates[:_MOST_CERTIFICATES]:
            fingerprint = hashlib.sha256(encoded).hexdigest()
            # A certificate sent along is looked up among the registered ones, never believed.
            if self._registry(fingerprint) and _signed_by(encoded, signature, at):
                return fingerprint
        return None


def _signed_by(encoded: bytes, signature: RequestSignature, at: Instant) -> bool:
    try:
        certificate = Certificate(encoded)
        algorithm = ALGORITHMS.get(der.read_whole(signature.algorithm).children()[0].oid())
        if algorithm is None or algorithm.hash_name == "sha1" or not certificate.validity.contains(at):
            return False
        return verify_raw(certificate.public_key, algorithm, signature.signature, signature.signed)
    except (Malformed, InvalidValue, IndexError, ValueError):
        return False
