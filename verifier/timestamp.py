"""Time-stamps (RFC 3161): the request, and what a token says once its own signature was checked.

    TSTInfo ::= SEQUENCE { version 1, policy OID, messageImprint { hashAlgorithm, hashedMessage }, serialNumber,
                           genTime GeneralizedTime, accuracy OPTIONAL, ordering DEFAULT FALSE, nonce OPTIONAL,
                           tsa [0] OPTIONAL, extensions [1] OPTIONAL }

Whether the authority may be believed (path, status, purpose) is judged where every other path is: in `verify.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pki import der, oids
from pki.algorithms import HASH_OIDS
from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant
from verifier import cms
from verifier.cades import examine
from verifier.candidate import Candidate, Stamped
from verifier.errors import FormatFailure, UnacceptableAlgorithm
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.policy import Policy, SignatureFormat
from verifier.report import CheckName
from verifier.schemes import algorithm_identifier, hash_named

_EXTENDED_KEY_USAGE: Final = der.oid(oids.EXTENDED_KEY_USAGE)


@dataclass(frozen=True, slots=True)
class TimestampInfo:
    """What a TSTInfo says."""

    policy: str
    hash_name: str
    imprint: bytes
    serial: int
    time: Instant
    """genTime, fractions of a second cut off."""
    nonce: int | None


def encode_request(octets: bytes, nonce: int, hash_name: str = "sha256") -> bytes:
    """A TimeStampReq over the digest of `octets`, asking for the authority's certificate (RFC 3161 2.4.1)."""
    return der.sequence(
        der.integer(1),
        der.sequence(
            der.sequence(der.oid(HASH_OIDS[hash_name])), der.octet_string(hashlib.new(hash_name, octets).digest())
        ),
        der.integer(nonce),
        der.boolean(True),
    )


def parse_response(response: bytes) -> bytes:
    """The token inside a TimeStampResp. Errors: FormatFailure, also when the authority refused."""
    try:
        parts = der.read_whole(response).expect(der.SEQUENCE, "TimeStampResp").children()
        status = parts[0].children()[0].integer()
        if status not in (0, 1) or len(parts) != 2:
            raise FormatFailure("the time-stamp authority refused", "RFC 3161 2.4.2")
        return parts[1].raw
    except (Malformed, IndexError) as bad:
        raise FormatFailure("the answer is no TimeStampResp", "RFC 3161 2.4.2") from bad


def parse_info(content: bytes) -> TimestampInfo:
    """Read a TSTInfo. Errors: FormatFailure, UnacceptableAlgorithm."""
    try:
        version, policy, imprint, serial, time, *rest = (
            der.read_whole(content).expect(der.SEQUENCE, "TSTInfo").children()
        )
        if version.integer() != 1:
            raise FormatFailure("a TSTInfo of another version than 1", "RFC 3161 2.4.2")
        algorithm, hashed = imprint.expect(der.SEQUENCE, "MessageImprint").children()
        hash_name = hash_named(*algorithm_identifier(algorithm))
        nonce = None
        order = {der.SEQUENCE: 0, der.BOOLEAN: 1, der.INTEGER: 2, 0xA0: 3, 0xA1: 4}
        ranks = [order.get(part.tag, 9) for part in rest]
        if ranks != sorted(set(ranks)) or 9 in ranks:
            raise FormatFailure("the parts of a TSTInfo are not those of the standard", "RFC 3161 2.4.2")
        for part in rest:
            if part.tag == der.INTEGER:
                nonce = part.integer()
            elif part.tag == 0xA1:
                _no_critical_extension(part)
        return TimestampInfo(policy.oid(), hash_name, hashed.octets(), serial.integer(), _gen_time(time), nonce)
    except (Malformed, ValueError) as bad:
        raise FormatFailure("a TSTInfo that cannot be read", "RFC 3161 2.4.2") from bad


def _no_critical_extension(extensions: der.Node) -> None:
    for extension in extensions.iterate():
        if any(part.tag == der.BOOLEAN and part.boolean() for part in extension.children()):
            raise FormatFailure("a critical extension that is not known here", "RFC 3161 2.4.2")


def _gen_time(node: der.Node) -> Instant:
    """genTime may carry a fraction without trailing zeros: 20261123000000.25Z (RFC 3161 2.4.2)."""
    text = node.expect(der.GENERALIZED_TIME, "genTime").value
    whole, point, fraction = text.partition(b".")
    if point:
        digits = fraction[:-1]
        if fraction[-1:] != b"Z" or not digits.isdigit() or digits.endswith(b"0"):
            raise Malformed("a genTime in its form expected", node.start)
        whole += b"Z"
    return der.read_whole(der.tlv(der.GENERALIZED_TIME, whole)).instant()


def read_timestamp(stamped: Stamped, policy: Policy, evidence: Evidence) -> tuple[Candidate, TimestampInfo | None]:
    """Check a token's own signature and that it is over the digest of `stamped.octets`.

    The candidate's findings say what did not hold; `holds` only if everything did. Never raises for what the token
    says.
    """
    candidate = Candidate(SignatureFormat.CMS)
    try:
        signed = cms.parse_signed_data(stamped.token, policy.limits)
        if len(signed.signers) != 1 or signed.content is None:
            raise FormatFailure("a token has one signer and encloses its TSTInfo", "RFC 3161 2.4.2")
        candidate = examine(signed, signed.signers[0], signed.content, policy, evidence, content_type=oids.TST_INFO)
        if not candidate.holds:
            return candidate, None
        info = parse_info(signed.content)
        if info.hash_name not in policy.hashes:
            raise UnacceptableAlgorithm(f"the time-stamp covers a {info.hash_name.upper()} digest")
    except FormatFailure as bad:
        candidate.holds = False
        candidate.findings.failed(CheckName.FORMAT, SubIndication.FORMAT_FAILURE, bad.reason)
        return candidate, None
    except UnacceptableAlgorithm as bad:
        candidate.holds = False
        candidate.findings.failed(CheckName.ALGORITHMS, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, bad.reason)
        return candidate, None
    if hashlib.new(info.hash_name, stamped.octets).digest() != info.imprint:
        candidate.holds = False
        candidate.findings.failed(
            CheckName.DOCUMENT_DIGEST, SubIndication.HASH_FAILURE, "the time-stamp covers something else"
        )
        return candidate, None
    if candidate.signer is None or not is_for_timestamps_only(candidate.signer):
        candidate.holds = False
        candidate.findings.failed(
            CheckName.PURPOSE,
            SubIndication.CHAIN_CONSTRAINTS_FAILURE,
            "the certificate is not for time-stamps alone (critical extendedKeyUsage, RFC 3161 2.3)",
        )
        return candidate, None
    return candidate, info


def is_for_timestamps_only(certificate: Certificate) -> bool:
    """Whether extendedKeyUsage is critical and holds id-kp-timeStamping alone (RFC 3161 2.3)."""
    try:
        return _critical_usages(certificate) == [oids.TIME_STAMPING]
    except (Malformed, InvalidValue):
        return False


def _critical_usages(certificate: Certificate) -> list[str]:
    fields = der.read_whole(certificate.tbs).children()
    (extensions,) = fields[-1].expect(0xA3, "extensions").children()
    for extension in extensions.iterate():
        parts = extension.children()
        if parts[0].raw == _EXTENDED_KEY_USAGE:
            if len(parts) != 3 or not parts[1].boolean():
                return []
            return [usage.oid() for usage in der.read_whole(parts[2].octets()).iterate()]
    return []


def fetch_timestamp(octets: bytes, post: Callable[[bytes], bytes], random: Callable[[int], bytes]) -> bytes:
    """Ask an authority to stamp `octets`; the token, its imprint and nonce compared with what was asked.

    `post` sends a TimeStampReq and gives the TimeStampResp. Errors: FormatFailure, UnacceptableAlgorithm, and what
    `post` raises. The token's signature is not checked here.
    """
    nonce = int.from_bytes(random(16)) | 1
    token = parse_response(post(encode_request(octets, nonce)))
    content = cms.parse_signed_data(token, Policy().limits).content
    info = parse_info(content or b"")
    if info.nonce != nonce or info.imprint != hashlib.new(info.hash_name, octets).digest():
        raise FormatFailure("the answer belongs to another request", "RFC 3161 2.4.2")
    return token
