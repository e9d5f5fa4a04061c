"""Bare signature values (PKCS#1 v1.5 or ECDSA) over a document or its digest, as a card gives them without an envelope.

Nothing in such a value says who signed, when, or how: the certificate comes from the caller, and its key decides the
scheme. Whoever keeps only such a value cannot tell two certificates for one key apart.
"""

from __future__ import annotations

from pki.algorithms import PublicKey
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from verifier.cades import Document, DocumentDigest
from verifier.candidate import Candidate, identify
from verifier.errors import UnacceptableAlgorithm, UnacceptableKey
from verifier.indication import SubIndication
from verifier.keys import KeyKind, load_key
from verifier.policy import Policy, SignatureFormat
from verifier.report import CheckName, Covered
from verifier.schemes import Kind, Scheme, check_scheme
from verifier.signature import check_key, digest_signature_holds, signature_holds


def read_raw(
    document: Document, signature: bytes, certificate: Certificate, policy: Policy, hash_name: str = "sha256"
) -> Candidate:
    """One bare value over `document`, checked under the key of `certificate`. Never raises for what the octets say.

    Shapes: `signature` is as long as the RSA modulus, or ECDSA's r and s in DER; for a `DocumentDigest` its own hash
    counts, for a document `hash_name`.
    """
    candidate = Candidate(SignatureFormat.RAW)
    findings = candidate.findings
    hash_name = document.hash_name if isinstance(document, DocumentDigest) else hash_name
    candidate.signer = certificate
    findings.note(CheckName.SIGNING_CERTIFICATE, "the certificate that was handed in; the value names none")
    try:
        loaded = load_key(certificate.spki)
        if loaded.kind not in (KeyKind.RSA, KeyKind.EC):
            raise UnacceptableAlgorithm("bare values are read for RSA and ECDSA")
        scheme = Scheme(Kind.PKCS1 if loaded.kind is KeyKind.RSA else Kind.ECDSA, hash_name)
        findings.passed(CheckName.KEY, "accepted", key=check_key(loaded, scheme, policy))
        check_scheme(scheme, policy)
        key: PublicKey = loaded.public
    except UnacceptableAlgorithm as bad:
        findings.failed(CheckName.ALGORITHMS, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, bad.reason)
        return candidate
    except (UnacceptableKey, Malformed, InvalidValue) as bad:
        findings.failed(CheckName.KEY, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, bad.reason)
        return candidate
    findings.passed(CheckName.ALGORITHMS, scheme.name, scheme=scheme.name)
    if isinstance(document, DocumentDigest):
        holds = digest_signature_holds(key, scheme, signature, document.digest)
        signed = document.digest
    else:
        holds = signature_holds(key, scheme, signature, document)
        signed = document
    if not holds:
        findings.failed(
            CheckName.SIGNATURE_VALUE,
            SubIndication.SIG_CRYPTO_FAILURE,
            "the value does not verify with that certificate's key over this document",
        )
        return candidate
    findings.passed(CheckName.SIGNATURE_VALUE, "verifies with that certificate's key")
    candidate.holds = True
    candidate.signature_id = identify(signed, certificate)
    if isinstance(document, DocumentDigest):
        findings.note(CheckName.COVERAGE, "only the document's digest was handed in: who shows it must compare it")
    else:
        candidate.covered = Covered.document(document)
        findings.passed(CheckName.COVERAGE, candidate.covered.what, octets=len(document))
    return candidate
