"""JSON Web Signatures (RFC 7515, 7797) and JAdES (TS 119 182-1) on documents: compact, flattened and general JSON.

What a header may decide here is little. The key is the one of the certificate in `x5c` that `x5t#S256` (signed) binds;
`jwk`, `jku`, `x5u`, `kid` never choose a key; `alg` must fit that key; everything in `crit` must be understood.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from pki.algorithms import PublicKey
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant
from verifier.cades import Document
from verifier.candidate import Candidate, Stamped, identify
from verifier.errors import FormatFailure, UnacceptableAlgorithm, UnacceptableKey
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.jws_text import URL_TEXT, from_base64url, strict_json, to_base64url
from verifier.jws_unsigned import read_unsigned
from verifier.keys import load_key
from verifier.policy import Policy, SignatureFormat
from verifier.report import CheckName, Covered
from verifier.schemes import Kind, Scheme, check_scheme
from verifier.signature import check_key, signature_holds
from verifier.signature_policy import policy_of_header

_COMPACT: Final = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\Z")
_ALGORITHMS: Final[Mapping[str, tuple[Kind, str]]] = {
    "RS256": (Kind.PKCS1, "sha256"),
    "RS384": (Kind.PKCS1, "sha384"),
    "RS512": (Kind.PKCS1, "sha512"),
    "PS256": (Kind.PSS, "sha256"),
    "PS384": (Kind.PSS, "sha384"),
    "PS512": (Kind.PSS, "sha512"),
    "ES256": (Kind.ECDSA, "sha256"),
    "ES384": (Kind.ECDSA, "sha384"),
    "ES512": (Kind.ECDSA, "sha512"),
    "EdDSA": (Kind.EDDSA, "sha512"),
    "Ed25519": (Kind.EDDSA, "sha512"),
}
_CURVES: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}
_UNDERSTOOD: Final = frozenset({"b64", "sigT", "sigPl", "sigPId"})
"""What crit may name: nothing that RFC 7515 or 7518 themselves define (RFC 7515 4.1.11)."""
_SIG_T: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True, slots=True)
class _Signature:
    """One signature of a JWS: its signed header as text and as read, its value, and its unsigned header."""

    protected: bytes
    header: Mapping[str, object]
    value: bytes
    value_text: bytes
    unsigned: Mapping[str, object]


def looks_like_jws(octets: bytes) -> bool:
    """Whether `octets` are a compact JWS, or JSON that could hold one."""
    text = octets.strip()
    return text.startswith(b"{") or bool(_COMPACT.match(text))


def read_jws(signature: bytes, document: Document | None, policy: Policy, evidence: Evidence) -> list[Candidate]:
    """Every signature of a JWS over `document` (None: it carries its payload), each value checked. Never raises."""
    try:
        payload, signatures = _parse(signature.strip(), policy)
    except FormatFailure as bad:
        candidate = Candidate(SignatureFormat.JWS)
        candidate.findings.failed(CheckName.FORMAT, SubIndication.FORMAT_FAILURE, bad.reason)
        return [candidate]
    return [_examine(one, payload, document, policy, evidence, len(signatures)) for one in signatures]


def _parse(text: bytes, policy: Policy) -> tuple[bytes, list[_Signature]]:
    if _COMPACT.match(text):
        first, middle, last = text.split(b".")
        return middle, [_signature(first, last, {})]
    whole = strict_json(text)
    payload = whole.get("payload", "")
    if not isinstance(payload, str) or not URL_TEXT.match(payload.encode()):
        raise FormatFailure("the payload is not base64url", "RFC 7515 7.2.1")
    rows = whole.get("signatures")
    if rows is None:
        rows = [{name: whole[name] for name in ("protected", "header", "signature") if name in whole}]
        known = {"payload", "protected", "header", "signature"}
    else:
        known = {"payload", "signatures"}
    if set(whole) - known:
        raise FormatFailure("flattened and general members are mixed, or unknown ones present", "RFC 7515 7.2")
    if not isinstance(rows, list) or not 0 < len(rows) <= policy.limits.signatures:
        raise FormatFailure(f"not between one and {policy.limits.signatures} signatures", "RFC 7515 7.2.1")
    signatures = []
    for row in rows:
        if not isinstance(row, dict) or set(row) - {"protected", "header", "signature"}:
            raise FormatFailure("a signature with unknown members", "RFC 7515 7.2.1")
        protected, value, unsigned = row.get("protected"), row.get("signature"), row.get("header", {})
        if not isinstance(protected, str) or not isinstance(value, str) or not isinstance(unsigned, dict):
            raise FormatFailure("a signature without protected header or value", "RFC 7515 7.2.1")
        signatures.append(_signature(protected.encode(), value.encode(), unsigned))
    return payload.encode(), signatures


def _signature(protected: bytes, value: bytes, unsigned: Mapping[str, object]) -> _Signature:
    header = strict_json(from_base64url(protected))
    if set(header) & set(unsigned):
        raise FormatFailure("a header parameter is both signed and unsigned", "RFC 7515 7.2.1")
    if set(unsigned) - {"etsiU"}:
        raise FormatFailure("header parameters outside the signature", "RFC 7515 7.2.1; TS 119 182-1 5.3.1")
    return _Signature(protected, header, from_base64url(value), value, unsigned)


def _examine(
    one: _Signature, payload: bytes, document: Document | None, policy: Policy, evidence: Evidence, count: int
) -> Candidate:
    candidate = Candidate(SignatureFormat.JWS)
    findings = candidate.findings
    try:
        _check_critical(one.header)
        findings.passed(CheckName.FORMAT, "a JSON Web Signature", signatures=count)
        scheme = _scheme(one.header)
        check_scheme(scheme, policy)
        findings.passed(CheckName.ALGORITHMS, scheme.name, scheme=scheme.name)
        candidate.claimed_time = _claimed_time(one.header)
        candidate.signature_policy = policy_of_header(one.header)
        unsigned = read_unsigned(one.unsigned, policy)
        candidate.evidence += unsigned.evidence
        candidate.long_term = unsigned.long_term
        candidate.timestamps = tuple(Stamped(token, one.value_text) for token in unsigned.over_value)
        certificate = _signing_certificate(candidate, one.header, policy, evidence)
        if certificate is None:
            return candidate
        candidate.signer = certificate
        findings.passed(CheckName.KEY, "accepted", key=check_key(load_key(certificate.spki), scheme, policy))
        covered = _check_value(candidate, one, certificate, scheme, payload, document)
        if covered is not None:
            before = b".".join((covered, one.protected, one.value_text, b""))
            candidate.archive_timestamps = unsigned.archived(before)
            for why in unsigned.void:
                findings.note(CheckName.TIME_STAMP, f"an archive time-stamp does not hold: {why}")
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


def _check_critical(header: Mapping[str, object]) -> None:
    critical = header.get("crit", [])
    if not isinstance(critical, list) or ("crit" in header and not critical):
        raise FormatFailure("crit is not a list with something in it", "RFC 7515 4.1.11")
    for name in critical:
        if name not in _UNDERSTOOD or name not in header:
            raise FormatFailure("crit names a parameter that is absent or not understood here", "RFC 7515 4.1.11")
    if len(set(map(str, critical))) != len(critical):
        raise FormatFailure("crit names a parameter twice", "RFC 7515 4.1.11")
    if "b64" in header and ("b64" not in critical or not isinstance(header["b64"], bool)):
        raise FormatFailure("b64 is not a truth value named in crit", "RFC 7797 6")
    if "sigD" in header:
        raise FormatFailure("sigD refers to data elsewhere, which is not fetched", "TS 119 182-1 5.2.8")


def _scheme(header: Mapping[str, object]) -> Scheme:
    algorithm = header.get("alg")
    known = _ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if known is None:
        raise UnacceptableAlgorithm("the header's alg is not a signature with a public key that is known here")
    kind, hash_name = known
    return Scheme(kind, hash_name, hashlib.new(hash_name).digest_size if kind is Kind.PSS else 0)


def _claimed_time(header: Mapping[str, object]) -> Instant | None:
    """iat (TS 119 182-1 5.1.11), or sigT (5.2.1), which it replaced; two that differ say nothing."""
    claimed: set[Instant] = set()
    if "iat" in header:
        issued_at = header["iat"]
        if not isinstance(issued_at, int) or isinstance(issued_at, bool) or not 0 <= issued_at < 1 << 38:
            raise FormatFailure("iat is no number of seconds", "TS 119 182-1 5.1.11")
        claimed.add(Instant(issued_at))
    if "sigT" in header:
        signing_time = header["sigT"]
        if not isinstance(signing_time, str) or not _SIG_T.fullmatch(signing_time):
            raise FormatFailure("sigT is no time in UTC with seconds", "TS 119 182-1 5.2.1")
        claimed.add(Instant.parse(signing_time))
    if len(claimed) > 1:
        raise FormatFailure("iat and sigT claim two times", "TS 119 182-1 5.1.11")
    return next(iter(claimed), None)


def _signing_certificate(
    candidate: Candidate, header: Mapping[str, object], policy: Policy, evidence: Evidence
) -> Certificate | None:
    """The certificate that the signed header binds by SHA-256, sought in x5c and in the evidence at hand."""
    findings = candidate.findings
    chain = header.get("x5c", [])
    if not isinstance(chain, list) or len(chain) > policy.limits.certificates:
        raise FormatFailure("x5c is not a list of certificates", "RFC 7515 4.1.6")
    carried = tuple(_certificate_text(text) for text in chain)
    candidate.evidence += Evidence(certificates=carried)
    bound = header.get("x5t#S256")
    if bound is None and carried:
        # x5c is signed as a whole, which binds its first certificate just as well (TS 119 182-1 5.1.7, 5.1.8)
        digest = hashlib.sha256(carried[0]).digest()
    elif isinstance(bound, str):
        digest = from_base64url(bound.encode())
    else:
        findings.failed(
            CheckName.SIGNING_CERTIFICATE,
            SubIndication.SIG_CONSTRAINTS_FAILURE,
            "the signed header binds no signing certificate",
        )
        return None
    for octets in (*candidate.evidence.certificates, *evidence.certificates):
        if hashlib.sha256(octets).digest() == digest:
            findings.passed(
                CheckName.SIGNING_CERTIFICATE, "the certificate that the signed header binds", sha256=digest.hex()
            )
            return Certificate(octets)
    findings.failed(
        CheckName.SIGNING_CERTIFICATE,
        SubIndication.NO_SIGNING_CERTIFICATE_FOUND,
        "no certificate at hand is the one that the signed header binds",
    )
    return None


def _certificate_text(text: object) -> bytes:
    try:
        return base64.b64decode(text if isinstance(text, str) else "!", validate=True)
    except (binascii.Error, ValueError) as bad:
        raise FormatFailure("x5c holds something that is not base64", "RFC 7515 4.1.6") from bad


def _check_value(
    candidate: Candidate,
    one: _Signature,
    certificate: Certificate,
    scheme: Scheme,
    payload: bytes,
    document: Document | None,
) -> bytes | None:
    """The payload as it was signed (encoded or not) if the value holds. Errors: FormatFailure."""
    findings = candidate.findings
    encoded = one.header.get("b64", True)
    detached = not payload
    if detached and document is None:
        findings.failed(
            CheckName.DOCUMENT_DIGEST, SubIndication.SIGNED_DATA_NOT_FOUND, "the signed document was not handed in"
        )
        return None
    if detached and not isinstance(document, bytes):
        findings.failed(
            CheckName.DOCUMENT_DIGEST,
            SubIndication.SIGNED_DATA_NOT_FOUND,
            "a JWS signs the document itself: its digest does not suffice",
        )
        return None
    if not detached and document is not None:
        raise FormatFailure("it carries a payload and another document was handed in", "EN 319 102-1 5.2.2")
    if not detached and not encoded:
        raise FormatFailure("an unencoded payload is read detached only", "RFC 7797 5.2")
    content = document if isinstance(document, bytes) else from_base64url(payload)
    covered = to_base64url(content) if encoded else content
    if not detached and covered != payload:
        raise FormatFailure("the payload is not base64url in its one form", "RFC 7515 2")
    message = one.protected + b"." + covered
    value = _der_value(certificate.public_key, scheme, one)
    if value is None or not signature_holds(certificate.public_key, scheme, value, message):
        findings.failed(
            CheckName.SIGNATURE_VALUE,
            SubIndication.SIG_CRYPTO_FAILURE,
            "the signature value does not verify with the signer's key over this header and document",
        )
        return None
    findings.passed(CheckName.SIGNATURE_VALUE, "verifies with the signer's key over header and document")
    candidate.holds = True
    candidate.signature_id = identify(message, certificate)
    candidate.covered = Covered.document(content)
    findings.passed(CheckName.COVERAGE, candidate.covered.what, octets=len(content))
    return covered


def _der_value(key: PublicKey, scheme: Scheme, one: _Signature) -> bytes | None:
    """ECDSA: r ‖ s of the curve's length, on the curve that alg names (RFC 7518 3.4)."""
    if scheme.kind is Kind.EDDSA:
        return one.value if isinstance(key, ed25519.Ed25519PublicKey) else None
    if scheme.kind is not Kind.ECDSA:
        return one.value
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != _CURVES.get(str(one.header.get("alg"))):
        return None
    size = (key.curve.key_size + 7) // 8
    if len(one.value) != 2 * size:
        return None
    return utils.encode_dss_signature(int.from_bytes(one.value[:size]), int.from_bytes(one.value[size:]))
