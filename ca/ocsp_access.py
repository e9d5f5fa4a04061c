"""Who is answered: everybody, or only registered relying parties, who sign their requests (RFC 6960 4.1.2).

What is known of a requester here: whether a registered key signed. Nothing is kept, neither who nor about whom.
"""

from collections.abc import Iterable

from ca.ocsp_request import OcspRequest, RequestSignature
from ca.ocsp_response import ResponseStatus
from pki import der
from pki.algorithms import ALGORITHMS, verify_raw
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant


class RegisteredOnly:
    """Answers requests that are signed by the key of a registered certificate which is valid now.

    A certificate sent along is only looked up among the registered ones, never believed.
    """

    def __init__(self, registered: Iterable[Certificate]) -> None:
        self._registered = {certificate.fingerprint: certificate for certificate in registered}

    def refuse(self, request: OcspRequest, at: Instant) -> ResponseStatus | None:
        """sigRequired without a signature; unauthorized for a stranger's or a wrong one."""
        if request.signature is None:
            return ResponseStatus.SIG_REQUIRED
        for certificate in self._candidates(request.signature):
            if certificate.validity.contains(at) and _signed_by(certificate, request.signature):
                return None
        return ResponseStatus.UNAUTHORIZED

    def _candidates(self, signature: RequestSignature) -> list[Certificate]:
        if not signature.certificates:
            return list(self._registered.values())
        sent = (Certificate(encoded).fingerprint for encoded in signature.certificates)
        return [self._registered[fingerprint] for fingerprint in sent if fingerprint in self._registered]


def _signed_by(certificate: Certificate, signature: RequestSignature) -> bool:
    try:
        algorithm = ALGORITHMS.get(der.read_whole(signature.algorithm).children()[0].oid())
        if algorithm is None or algorithm.hash_name == "sha1":
            return False
        return verify_raw(certificate.public_key, algorithm, signature.signature, signature.signed)
    except (Malformed, InvalidValue, IndexError):
        return False
