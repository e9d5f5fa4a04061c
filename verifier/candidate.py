"""One signature as a format's reader found it, before certificates and time are judged: the same for all formats."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from pki.certificate import Certificate
from pki.instant import Instant
from verifier.evidence import Evidence
from verifier.policy import SignatureFormat
from verifier.report import Covered, Findings
from verifier.signature_policy import SignaturePolicyId


@dataclass(frozen=True, slots=True)
class Stamped:
    """A time-stamp token and the octets whose digest it must carry."""

    token: bytes
    octets: bytes
    earlier: frozenset[bytes] = frozenset()
    """The time-stamp tokens that this one covers too."""


@dataclass(slots=True)
class Candidate:
    """What a reader fills in. `holds` only when the value verified under `signer`'s key over what `covered` names."""

    format: SignatureFormat | None
    """None: not recognised."""
    findings: Findings = field(default_factory=Findings)
    signer: Certificate | None = None
    covered: Covered | None = None
    claimed_time: Instant | None = None
    holds: bool = False
    signature_id: bytes | None = None
    timestamps: tuple[Stamped, ...] = ()
    """Over the signature: it existed by then."""
    content_timestamps: tuple[Stamped, ...] = ()
    """Signed by the signer: the signature cannot be older."""
    archive_timestamps: tuple[Stamped, ...] = ()
    """Over the signature with all its evidence (LTA)."""
    signature_policy: SignaturePolicyId | None = None
    """The rules that the signer says to have signed under."""
    evidence: Evidence = field(default_factory=Evidence)
    """Certificates, CRLs and OCSP answers that came inside the signature."""
    long_term: bool = False
    """Whether the signature itself carries certificates and revocation data for the long term (LT)."""


def identify(signed_octets: bytes, signer: Certificate) -> bytes:
    """The name of one act of signing: the octets that were signed, and by which key."""
    whole = hashlib.sha256(b"jitsuin signature id v1\0")
    whole.update(hashlib.sha256(signer.spki).digest())
    whole.update(hashlib.sha256(signed_octets).digest())
    return whole.digest()
