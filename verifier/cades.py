"""CAdES signatures (EN 319 122-1) on documents: from a CMS file to candidates whose value was checked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pki import der, oids
from pki.algorithms import PublicKey
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from verifier import cms
from verifier.candidate import Candidate, Stamped, identify
from verifier.cms import SignedData, SignerInfo
from verifier.errors import FormatFailure, UnacceptableAlgorithm, UnacceptableKey
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.keys import load_key
from verifier.policy import Policy, SignatureFormat
from verifier.report import CheckName, Covered
from verifier.schemes import check_scheme
from verifier.signature import check_key, signature_holds
from verifier.signature_policy import policy_of_attribute


@dataclass(frozen=True, slots=True)
class DocumentDigest:
    """A document of which the recipient knows only the digest."""

    hash_name: str
    digest: bytes


Document = bytes | DocumentDigest
"""What was signed, or its digest."""


def read_cades(signature: bytes, document: Document | None, policy: Policy, evidence: Evidence) -> list[Candidate]:
    """Every signature in a CMS file over `document` (None: the file encloses it), each value checked.

    Never raises for what the octets say: a file that cannot be read is one candidate with FORMAT_FAILURE.
    """
    try:
        signed = cms.parse_signed_data(signature, policy.limits)
        if not signed.signers:
            raise FormatFailure("it holds no signature", "RFC 5652 5.1")
        if signed.content is not None and document is not None:
            raise FormatFailure("it encloses a document and another one was handed in", "EN 319 102-1 5.2.2")
    except FormatFailure as bad:
        candidate = Candidate(SignatureFormat.CMS)
        candidate.findings.failed(CheckName.FORMAT, SubIndication.FORMAT_FAILURE, bad.reason)
        return [candidate]
    if document is None:
        document = signed.content
    return [examine(signed, signer, document, policy, evidence) for signer in signed.signers]


def examine(
    signed: SignedData,
    signer: SignerInfo,
    document: Document | None,
    policy: Policy,
    evidence: Evidence,
    *,
    content_type: str = oids.CMS_DATA,
) -> Candidate:
    """One signer's signature over `document`: format, signing certificate, digest, value (EN 319 102-1 5.2.2, 3, 7)."""
    candidate = Candidate(SignatureFormat.CMS)
    findings = candidate.findings
    findings.passed(CheckName.FORMAT, "a CMS SignedData in DER", signers=len(signed.signers))
    try:
        candidate.evidence = embedded_evidence(signed, signer, policy)
        candidate.long_term = bool(candidate.evidence.crls or candidate.evidence.ocsp)
        if not _signed_attributes_fit(candidate, signed, signer, document, content_type):
            return candidate
        candidate.claimed_time = signer.claimed_time
        candidate.signature_policy = policy_of_attribute(signer.one(cms.ATTRIBUTE_SIGNATURE_POLICY))
        certificates = _parsed((*candidate.evidence.certificates, *evidence.certificates))
        bound = signer.bound_certificates
        if not bound:
            findings.failed(
                CheckName.SIGNING_CERTIFICATE,
                SubIndication.SIG_CONSTRAINTS_FAILURE,
                "the signed attributes bind no signing certificate, so another could be put in its place",
            )
            return candidate
        certificate, why = cms.find_signer(signer, bound, certificates)
        if certificate is None:
            findings.failed(CheckName.SIGNING_CERTIFICATE, SubIndication.NO_SIGNING_CERTIFICATE_FOUND, why)
            return candidate
        candidate.signer = certificate
        findings.passed(
            CheckName.SIGNING_CERTIFICATE,
            "the certificate that the signed attributes bind by its hash",
            sha256=certificate.fingerprint.hex(),
        )
        _check_value(candidate, signer, bound, certificate, document, policy)
    except (FormatFailure, Malformed, InvalidValue) as bad:
        findings.failed(CheckName.FORMAT, SubIndication.FORMAT_FAILURE, bad.reason)
        candidate.holds = False
    except UnacceptableAlgorithm as bad:
        findings.failed(CheckName.ALGORITHMS, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, bad.reason)
        candidate.holds = False
    except UnacceptableKey as bad:
        findings.failed(CheckName.KEY, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, bad.reason)
        candidate.holds = False
    return candidate


def _signed_attributes_fit(
    candidate: Candidate, signed: SignedData, signer: SignerInfo, document: Document | None, content_type: str
) -> bool:
    findings = candidate.findings
    if not signer.signed_attributes:
        confused = isinstance(document, bytes) and cms.looks_like_attributes(document)
        findings.failed(
            CheckName.SIGNED_ATTRIBUTES,
            SubIndication.SIG_CONSTRAINTS_FAILURE,
            "there are no signed attributes"
            + (": the document is itself a set of attributes, taken from another signature" if confused else ""),
        )
        return False
    if signer.message_digest is None or signer.signed_content_type is None:
        raise FormatFailure("content-type or message-digest is missing", "RFC 5652 5.3")
    findings.passed(CheckName.SIGNED_ATTRIBUTES, "present, each once, in DER", attributes=sorted(signer.attributes))
    if signer.signed_content_type != signed.content_type:
        findings.failed(
            CheckName.CONTENT_TYPE,
            SubIndication.FORMAT_FAILURE,
            f"the signer signed the type {signer.signed_content_type}, the envelope says {signed.content_type}",
        )
        return False
    if signed.content_type != content_type:
        findings.failed(
            CheckName.CONTENT_TYPE,
            SubIndication.SIG_CONSTRAINTS_FAILURE,
            f"a content of the type {signed.content_type} is not what is asked for here",
        )
        return False
    findings.passed(CheckName.CONTENT_TYPE, "as signed", content_type=signed.content_type)
    return True


def _check_value(
    candidate: Candidate,
    signer: SignerInfo,
    bound: cms.Bound,
    certificate: Certificate,
    document: Document | None,
    policy: Policy,
) -> None:
    findings = candidate.findings
    scheme = signer.scheme
    check_scheme(scheme, policy)
    for hash_name, _, _ in bound:
        if hash_name not in policy.hashes:
            raise UnacceptableAlgorithm(f"the signing certificate is bound by {hash_name.upper()}")
    findings.passed(CheckName.ALGORITHMS, scheme.name, scheme=scheme.name)
    loaded = load_key(certificate.spki)
    findings.passed(CheckName.KEY, "accepted", key=check_key(loaded, scheme, policy))
    key: PublicKey = loaded.public
    digest, signed_digest = _digest_of(document, scheme.hash_name), signer.message_digest
    if digest is None:
        findings.failed(
            CheckName.DOCUMENT_DIGEST,
            SubIndication.SIGNED_DATA_NOT_FOUND,
            "the signed document was not handed in"
            if document is None
            else f"the signature needs the document's {scheme.hash_name.upper()}",
        )
    elif digest != signed_digest:
        findings.failed(
            CheckName.DOCUMENT_DIGEST,
            SubIndication.HASH_FAILURE,
            "the document is not the one that was signed",
            computed=digest.hex(),
            signed=(signed_digest or b"").hex(),
        )
    else:
        findings.passed(
            CheckName.DOCUMENT_DIGEST, "the document is the one that was signed", **{scheme.hash_name: digest.hex()}
        )
    value_holds = signature_holds(key, scheme, signer.signature, signer.signed_attributes)
    if not value_holds:
        findings.failed(
            CheckName.SIGNATURE_VALUE,
            SubIndication.SIG_CRYPTO_FAILURE,
            "the signature value does not verify with the signer's key",
        )
        return
    findings.passed(CheckName.SIGNATURE_VALUE, "verifies with the signer's key")
    if digest is None or digest != signed_digest:
        return
    candidate.holds = True
    candidate.signature_id = identify(signer.signed_attributes, certificate)
    if isinstance(document, bytes):
        candidate.covered = Covered.document(document)
        findings.passed(CheckName.COVERAGE, candidate.covered.what, octets=len(document))
    else:
        findings.note(CheckName.COVERAGE, "only the document's digest was handed in: who shows it must compare it")
    candidate.timestamps = tuple(
        Stamped(token, signer.signature) for token in signer.unsigned.get(oids.SIGNATURE_TIME_STAMP_TOKEN, ())
    )[: policy.limits.timestamps]
    if isinstance(document, bytes):
        candidate.content_timestamps = tuple(
            Stamped(token, document) for token in signer.attributes.get(cms.ATTRIBUTE_CONTENT_TIMESTAMP, ())
        )[: policy.limits.timestamps]


def _digest_of(document: Document | None, hash_name: str) -> bytes | None:
    if document is None:
        return None
    if isinstance(document, DocumentDigest):
        return document.digest if document.hash_name == hash_name else None
    return hashlib.new(hash_name, document).digest()


def _parsed(encoded: Sequence[bytes]) -> list[Certificate]:
    return [Certificate(octets) for octets in dict.fromkeys(encoded)]


def embedded_evidence(signed: SignedData, signer: SignerInfo, policy: Policy) -> Evidence:
    """Certificates, CRLs and OCSP answers that travel in the envelope and in unsigned attributes.

    Source: EN 319 122-1 5.4.2; PDF's adbe-revocationInfoArchival is a signed attribute (ISO 32000-1 12.8.3.3.2).
    Errors: Malformed.
    """
    certificates, crls, ocsp = list(signed.certificates), list(signed.crls), list(signed.ocsp)
    most = policy.limits.certificates
    for value in signer.unsigned.get(cms.ATTRIBUTE_CERTIFICATE_VALUES, ()):
        certificates += [node.raw for node in der.read_whole(value).expect(der.SEQUENCE, "CertificateValues").iterate()]
    for value in signer.unsigned.get(cms.ATTRIBUTE_REVOCATION_VALUES, ()):
        for part in der.read_whole(value).expect(der.SEQUENCE, "RevocationValues").iterate():
            if part.tag in (0xA0, 0xA1):
                (listed,) = part.children()
                target = crls if part.tag == 0xA0 else ocsp
                target += [node.raw if part.tag == 0xA0 else wrap_basic_response(node.raw) for node in listed.iterate()]
    for value in signer.attributes.get(cms.ATTRIBUTE_ADOBE_REVOCATION, ()):
        for part in der.read_whole(value).expect(der.SEQUENCE, "RevocationInfoArchival").iterate():
            if part.tag in (0xA0, 0xA1):
                (listed,) = part.children()
                (crls if part.tag == 0xA0 else ocsp).extend(node.raw for node in listed.iterate())
    if max(len(certificates), len(crls), len(ocsp)) > most:
        raise FormatFailure(f"more than {most} certificates, CRLs or OCSP answers", "limits")
    return Evidence(tuple(certificates), tuple(crls), tuple(ocsp))


def wrap_basic_response(basic: bytes) -> bytes:
    """An OCSPResponse around a BasicOCSPResponse: { successful, [0] { id-pkix-ocsp-basic, OCTET STRING } }."""
    return der.sequence(
        der.enumerated(0), der.context(0, der.sequence(der.oid(oids.OCSP_BASIC), der.octet_string(basic)))
    )
