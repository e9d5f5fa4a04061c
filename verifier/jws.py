"""JSON Web Signatures (RFC 7515, 7797) and JAdES (TS 119 182-1) on documents: compact, flattened and general JSON.

What a header may decide here is little. The key is the one of the certificate in `x5c` that `x5t#S256` (signed) binds;
`jwk`, `jku`, `x5u`, `kid` never choose a key; `alg` must fit that key; everything in `crit` must be understood.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from pki.algorithms import PublicKey
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant
from verifier.cades import Document, wrap_basic_response
from verifier.candidate import Candidate, Stamped, identify
from verifier.errors import FormatFailure, UnacceptableAlgorithm, UnacceptableKey
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.keys import load_key
from verifier.policy import Policy, SignatureFormat
from verifier.report import CheckName, Covered
from verifier.schemes import Kind, Scheme, check_scheme
from verifier.signature import check_key, signature_holds

_URL_TEXT: Final = re.compile(rb"[A-Za-z0-9_-]*\Z")
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
_UNDERSTOOD: Final = frozenset({"b64", "sigT", "x5t#S256", "sigPl"})
_DEPTH: Final = 16


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
    if not isinstance(payload, str) or not _URL_TEXT.match(payload.encode()):
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
        _unsigned_values(candidate, one, policy)
        certificate = _signing_certificate(candidate, one.header, policy, evidence)
        if certificate is None:
            return candidate
        candidate.signer = certificate
        findings.passed(CheckName.KEY, "accepted", key=check_key(load_key(certificate.spki), scheme, policy))
        _check_value(candidate, one, certificate, scheme, payload, document)
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
    signing_time, issued_at = header.get("sigT"), header.get("iat")
    if isinstance(issued_at, int) and not isinstance(issued_at, bool) and 0 <= issued_at < 1 << 40:
        return Instant(issued_at)
    return Instant.parse(signing_time) if isinstance(signing_time, str) else None


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
) -> None:
    findings = candidate.findings
    encoded = one.header.get("b64", True)
    detached = not payload
    if detached and document is None:
        findings.failed(
            CheckName.DOCUMENT_DIGEST, SubIndication.SIGNED_DATA_NOT_FOUND, "the signed document was not handed in"
        )
        return
    if detached and not isinstance(document, bytes):
        findings.failed(
            CheckName.DOCUMENT_DIGEST,
            SubIndication.SIGNED_DATA_NOT_FOUND,
            "a JWS signs the document itself: its digest does not suffice",
        )
        return
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
        return
    findings.passed(CheckName.SIGNATURE_VALUE, "verifies with the signer's key over header and document")
    candidate.holds = True
    candidate.signature_id = identify(message, certificate)
    candidate.covered = Covered.document(content)
    findings.passed(CheckName.COVERAGE, candidate.covered.what, octets=len(content))


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


def _unsigned_values(candidate: Candidate, one: _Signature, policy: Policy) -> None:
    """etsiU: time-stamps over the signature value, certificates and revocation data (TS 119 182-1 5.3)."""
    entries = one.unsigned.get("etsiU", [])
    if not isinstance(entries, list) or len(entries) > policy.limits.attributes:
        raise FormatFailure("etsiU is not a list", "TS 119 182-1 5.3.1")
    stamps: list[Stamped] = []
    for entry in entries:
        fields = strict_json(from_base64url(entry.encode())) if isinstance(entry, str) else entry
        if not isinstance(fields, dict):
            raise FormatFailure("etsiU holds something that is no object", "TS 119 182-1 5.3.1")
        for name, value in fields.items():
            if name == "sigTst":
                stamps += [Stamped(token, one.value_text) for token in _vals(value, "tstTokens")]
            elif name == "xVals":
                certificates = tuple(_val(row.get("x509Cert")) for row in _rows(value))
                candidate.evidence += Evidence(certificates=certificates)
            elif name == "rVals" and isinstance(value, dict):
                crls = tuple(_vals(value, "crlVals"))
                ocsp = tuple(wrap_basic_response(basic) for basic in _vals(value, "ocspVals"))
                candidate.evidence += Evidence(crls=crls, ocsp=ocsp)
                candidate.long_term = candidate.long_term or bool(crls or ocsp)
    candidate.timestamps = tuple(stamps[: policy.limits.timestamps])


def _rows(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value) or len(value) > 64:
        raise FormatFailure("a list of objects is missing in etsiU", "TS 119 182-1 5.3")
    return value


def _vals(value: object, name: str) -> list[bytes]:
    rows = value.get(name, []) if isinstance(value, dict) else None
    return [_val(row) for row in _rows(rows)]


def _val(row: object) -> bytes:
    text = row.get("val") if isinstance(row, dict) else None
    try:
        return base64.b64decode(text if isinstance(text, str) else "!", validate=True)
    except (binascii.Error, ValueError) as bad:
        raise FormatFailure("etsiU holds something that is not base64", "TS 119 182-1 5.3") from bad


def strict_json(text: bytes) -> dict[str, object]:
    """A JSON object: UTF-8, each name once at every level, only numbers, not deep. Errors: FormatFailure."""
    if len(text) > 1 << 26 or _depth(text) > _DEPTH:
        raise FormatFailure("JSON that is too large or too deep", "limits")
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as bad:
        raise FormatFailure("it is not JSON with each name once", "RFC 7515 4; RFC 8259") from bad
    if not isinstance(value, dict):
        raise FormatFailure("it is not a JSON object", "RFC 7515 4")
    return value


def _depth(text: bytes) -> int:
    depth = deepest = 0
    for bracket in re.findall(rb'[\[{\]}]|"(?:[^"\\]|\\.)*"', text):
        if bracket in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in (b"]", b"}"):
            depth -= 1
    return deepest


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name occurs twice")
    return fields


def _no_constant(text: str) -> object:
    raise ValueError(text)


def from_base64url(text: bytes) -> bytes:
    """Octets from base64url without padding, in its one form: no stray bits at the end. Errors: FormatFailure."""
    if not _URL_TEXT.match(text) or len(text) % 4 == 1:
        raise FormatFailure("it is not base64url", "RFC 7515 2")
    octets = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    if to_base64url(octets) != text:
        raise FormatFailure("base64url with stray bits at its end", "RFC 4648 3.5")
    return octets


def to_base64url(octets: bytes) -> bytes:
    """base64url without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=")
