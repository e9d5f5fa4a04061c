"""What a relying party accepts: frozen data, no behaviour beyond questions about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from pki.instant import Instant
from pki.purpose import Purpose


class SignatureFormat(StrEnum):
    """The formats in which people file."""

    CMS = "cms"
    XML = "xml"
    PDF = "pdf"
    JWS = "jws"
    RAW = "raw"
    LOGIN = "login"


class SignatureLevel(StrEnum):
    """Baseline levels (EN 319 122-1, 319 132-1, 319 142-1, TS 119 182-1, clause 6)."""

    BASIC = "B"
    TIMESTAMPED = "T"
    LONG_TERM = "LT"
    ARCHIVAL = "LTA"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one request; passing one is a named refusal, never a crash or a long wait."""

    signature_octets: int = 4 * 1024 * 1024
    """A detached signature, or a time-stamp token."""
    document_octets: int = 64 * 1024 * 1024
    """The document, and with it a signature that encloses it."""
    depth: int = 64
    """Nesting of ASN.1 or of XML elements."""
    elements: int = 200_000
    """ASN.1 elements or XML nodes of one object."""
    certificates: int = 64
    """Certificates in one signature."""
    attributes: int = 64
    """Signed, and again unsigned, attributes of one signer."""
    signatures: int = 16
    """Signatures in one document (PDF, XML)."""
    references: int = 32
    """References of one XML signature."""
    timestamps: int = 16
    """Time-stamps that are looked at for one signature."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What one relying party accepts. The defaults suit a filing signed with a person's card."""

    name: str = "filing"
    """Told in every report, so that two verdicts can be compared."""
    purpose: Purpose = Purpose.SIGNATURE
    """Which of the person's two certificates may have made the signature."""
    certificate_policies: frozenset[str] = frozenset()
    """Certificate policies of which the path must assert one (RFC 5280 6.1.1 (c)); empty: any, none required."""
    formats: frozenset[SignatureFormat] = frozenset(SignatureFormat)
    """Formats that are accepted at all."""
    minimum_level: SignatureLevel = SignatureLevel.BASIC
    """`T` asks for a time-stamp that holds."""
    require_revocation_information: bool = True
    """False only for a look without the network; the report then says that no status was asked."""
    require_time_stamp_status: bool = True
    """Whether a time-stamp authority's certificate needs a status too before its time-stamps count."""
    maximum_status_age: timedelta | None = None
    """The oldest thisUpdate that is believed at the time of judgement; None: as the issuer's nextUpdate says."""
    clock_skew: timedelta = timedelta(minutes=5)
    """How far the clocks of card, responder and verifier may differ."""
    minimum_rsa_bits: int = 2048
    maximum_rsa_bits: int = 8192
    hashes: frozenset[str] = frozenset({"sha256", "sha384", "sha512"})
    """Digests a signature may use. SHA-1 is not among them at any date: filings began after it ended."""
    allow_pss: bool = True
    """RSASSA-PSS beside PKCS#1 v1.5."""
    believe_claim_of_lateness: bool = True
    """A signing time claimed by the signer proves nothing in the signer's favour. Claimed to lie after the revocation,
    it is taken at its word against the signer: FAILED/REVOKED and not INDETERMINATE (docs/divergences.md)."""
    signature_policies: tuple[tuple[str, bytes], ...] | None = None
    """Signature policies that the recipient knows: (identifier, the policy's document). A signature made under another
    one is a doubt; None: whatever the signer names is told, and decides nothing."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class ProofOfExistence:
    """When the signature is known to have existed, by other than the signer's word (EN 319 102-1 5.5, 5.6)."""

    existed_by: Instant | None = None
    """It existed at this time: a receipt of the recipient, or a time-stamp checked elsewhere."""
    not_before: Instant | None = None
    """It cannot be older: it covers a one-time number that was handed out then."""
    source: str = ""
    """In words, for the report."""
