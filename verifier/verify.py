"""The one call: a filing and its signature in, a verdict with every check out.

    report = verify_filing(document, signature, anchors=…, policy=Policy(), at=now, evidence=Evidence(), fetcher=…)

The verdict `as of then` is the same call with `at=then` and the evidence that an earlier report carried.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable

from pki.certificate import Certificate
from pki.instant import Instant
from verifier.anchors import TrustAnchor, anchor_of
from verifier.archive import read_cms
from verifier.cades import Document, DocumentDigest
from verifier.candidate import Candidate
from verifier.challenge import Token, read_login
from verifier.evidence import Evidence
from verifier.fetch import Fetcher
from verifier.indication import SubIndication
from verifier.judge import Judge, Trust
from verifier.jws import looks_like_jws, read_jws
from verifier.policy import Policy, ProofOfExistence
from verifier.raw import read_raw
from verifier.report import CheckName, Report, worst
from verifier.xml import looks_like_xml, read_xml

Anchors = Trust | Iterable[TrustAnchor | Certificate | bytes]
"""Whom to believe: a `Trust`, or simply the CA certificates for signers (then no time-stamp is believed)."""

_PEM = (b"-----BEGIN CMS-----", b"-----BEGIN PKCS7-----")


def verify_filing(
    document: Document | None,
    signature: bytes | None,
    *,
    anchors: Anchors,
    policy: Policy,
    at: Instant,
    evidence: Evidence | None = None,
    fetcher: Fetcher | None = None,
    random: Callable[[int], bytes] | None = None,
    proof: ProofOfExistence | None = None,
    first_time: Callable[[bytes], bool] | None = None,
) -> Report:
    """Verify `signature` over `document`; None for one of them when one file holds both.

    `evidence` is what is at hand (certificates, CRLs, OCSP answers); `fetcher` may ask for more, None stays offline.
    `random` makes OCSP nonces. `proof` is what the caller knows of when the signature was made; `first_time` is told
    the id of a signature that holds and says whether it was never handed in before.
    Never raises for what the octets say.
    """
    judge = Judge(
        trust_of(anchors),
        policy,
        at,
        evidence or Evidence(),
        fetcher,
        random,
        proof or ProofOfExistence(),
        first_time,
    )
    return combined([judge.judge(candidate) for candidate in read(document, signature, policy, judge.evidence)])


def verify_login(
    token: Token,
    *,
    origin: str,
    nonce: str,
    anchors: Anchors,
    policy: Policy,
    at: Instant,
    evidence: Evidence | None = None,
    fetcher: Fetcher | None = None,
    random: Callable[[int], bytes] | None = None,
) -> Report:
    """Verify a log-in token against our `origin` and the `nonce` that was taken for this session.

    `policy.purpose` should be AUTHENTICATION: a signature certificate must not serve for a log-in.
    """
    judge = Judge(trust_of(anchors), policy, at, evidence or Evidence(), fetcher, random)
    return judge.judge(read_login(token, origin, nonce, policy))


def verify_raw(
    document: Document,
    signature: bytes,
    certificate: Certificate,
    *,
    anchors: Anchors,
    policy: Policy,
    at: Instant,
    hash_name: str = "sha256",
    evidence: Evidence | None = None,
    fetcher: Fetcher | None = None,
    random: Callable[[int], bytes] | None = None,
    proof: ProofOfExistence | None = None,
) -> Report:
    """Verify a bare PKCS#1 v1.5 or ECDSA value over a document or its digest, made with `certificate`'s key."""
    known = evidence or Evidence()
    judge = Judge(trust_of(anchors), policy, at, known, fetcher, random, proof or ProofOfExistence())
    return judge.judge(read_raw(document, signature, certificate, policy, hash_name))


def trust_of(anchors: Anchors) -> Trust:
    """Errors: Malformed for a CA certificate that cannot be read."""
    if isinstance(anchors, Trust):
        return anchors
    return Trust(anchor if isinstance(anchor, TrustAnchor) else anchor_of(anchor) for anchor in anchors)


def read(document: Document | None, signature: bytes | None, policy: Policy, evidence: Evidence) -> list[Candidate]:
    """Every signature found, read by its format; never raises for what the octets say."""
    octets = signature if signature is not None else document
    if not isinstance(octets, bytes):
        return [_unreadable("no signature was handed in")]
    limit = policy.limits.signature_octets if document is not None and signature is not None else 0
    if len(octets) > (limit or policy.limits.document_octets) or (
        isinstance(document, bytes) and len(document) > policy.limits.document_octets
    ):
        return [_unreadable("it is larger than is accepted")]
    if octets.lstrip()[:30].startswith(_PEM):
        unwrapped = _without_pem(octets)
        if unwrapped is None:
            return [_unreadable("it is PEM that cannot be read")]
        octets = unwrapped
    beside = document if signature is not None else None
    if octets[:1] == b"\x30":
        return read_cms(octets, beside, policy, evidence)
    if octets.startswith(b"%PDF-"):
        # here and not above: pyHanko takes longer to load than everything else together, and few filings are PDFs
        from verifier.pdf import read_pdf

        return read_pdf(octets, beside, policy, evidence)
    if looks_like_xml(octets):
        return read_xml(octets, beside, policy, evidence)
    if looks_like_jws(octets):
        return read_jws(octets, beside, policy, evidence)
    return [_unreadable("it is neither CMS, nor XML, nor PDF, nor a JSON signature")]


def combined(reports: list[Report]) -> Report:
    """One report as it is; several as the parts of the one that decides."""
    if len(reports) == 1:
        return reports[0]
    deciding = worst(reports)
    return Report(
        **{name: getattr(deciding, name) for name in Report.__dataclass_fields__ if name != "parts"},
        parts=tuple(reports),
    )


def _unreadable(why: str) -> Candidate:
    candidate = Candidate(None)
    candidate.findings.failed(CheckName.FORMAT, SubIndication.FORMAT_FAILURE, why)
    return candidate


def _without_pem(octets: bytes) -> bytes | None:

    lines = octets.strip().splitlines()
    if len(lines) < 3 or not lines[-1].startswith(b"-----END"):
        return None
    try:
        return base64.b64decode(b"".join(line.strip() for line in lines[1:-1]), validate=True)
    except ValueError:
        return None


__all__ = ["DocumentDigest", "Trust", "verify_filing", "verify_login", "verify_raw"]
