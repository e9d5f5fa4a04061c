"""What a relying party sends to have a signature verified, and how it becomes values of the verifier."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pybase64 import b64decode
from pydantic import BaseModel, ConfigDict, Field

from pki.errors import Malformed
from pki.instant import Instant
from pki.purpose import Purpose
from verifier.cades import Document, DocumentDigest
from verifier.evidence import Evidence
from verifier.policy import Policy, SignatureLevel
from web.subjects import Level

MAX_BASE64 = 90 * 1024 * 1024
Base64 = Annotated[str, Field(max_length=MAX_BASE64, description="Base64 (RFC 4648 4), with padding.")]
_DIGEST_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}


class Sent(BaseModel):
    """No field that is not known is passed over: a misspelt option must not silently mean its default."""

    model_config = ConfigDict(extra="forbid")


class SentDigest(Sent):
    """A document that stays with the relying party: only its digest is sent."""

    hash: Literal["sha256", "sha384", "sha512"] = Field(description="Must be the hash that the signature uses.")
    value: Annotated[str, Field(pattern=r"^[0-9a-f]{64,128}$", description="Hexadecimal, lower case.")]


class SentEvidence(Sent):
    """Certificates, CRLs, OCSP answers and time-stamps at hand, base64 of DER each."""

    certificates: list[Base64] = []
    crls: list[Base64] = []
    ocsp: list[Base64] = []
    timestamps: list[Base64] = []


class VerificationRequest(Sent):
    """One signature to verify."""

    document: Base64 | None = Field(
        None, description="The signed document; leave it out when the signature encloses it."
    )
    digest: SentDigest | None = Field(None, description="Instead of the document: its digest.")
    signature: Base64 | None = Field(
        None, description="CMS/CAdES, XML, PDF or JWS. Leave it out when the document holds its own signature."
    )
    at: str | None = Field(
        None, description="RFC 3339; verify as of this time with the evidence that is sent along. Default: now."
    )
    evidence: SentEvidence | None = Field(None, description="What an earlier report carried, or what is at hand.")
    purpose: Purpose = Field(Purpose.SIGNATURE, description="Which of a person's two certificates may have signed.")
    minimum_level: SignatureLevel = Field(SignatureLevel.BASIC, description="B, T, LT or LTA.")

    fields: list[Literal["name", "date_of_birth", "gender", "address"]] = Field(
        [], description="Attributes of the person that are needed; only those the party is registered for."
    )
    affairs: Annotated[str, Field(max_length=200)] = Field(
        "", description="What it is for; the person reads it in the record of who looked."
    )
    required_assurance: Level | None = Field(
        None, description="The least distance from trust that is accepted: fresh, within-cap or at-cap."
    )
    once: bool = Field(False, description="Refuse a signature that this party handed in before.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"document": "6Lui5bGF5bGKCg==", "signature": "MIIJ…", "purpose": "signature"},
                {"digest": {"hash": "sha256", "value": "ab" * 32}, "signature": "MIIJ…", "at": "2026-11-23T00:00:00Z"},
            ]
        },
    )

    @property
    def size(self) -> int:
        """Octets of everything that was sent, in base64."""
        sent = self.evidence
        lists = () if sent is None else (sent.certificates, sent.crls, sent.ocsp, sent.timestamps)
        return sum(map(len, (self.document or "", self.signature or "", *(one for some in lists for one in some))))

    def what_was_signed(self) -> Document | None:
        """The document, its digest, or None. Errors: Malformed."""
        if self.document is not None and self.digest is not None:
            raise Malformed("either a document or its digest expected")
        if self.digest is not None:
            value = bytes.fromhex(self.digest.value)
            if len(value) != _DIGEST_SIZES[self.digest.hash]:
                raise Malformed("a digest as long as its hash makes it expected")
            return DocumentDigest(self.digest.hash, value)
        return None if self.document is None else decoded("document", self.document)

    def signature_octets(self) -> bytes | None:
        """Errors: Malformed."""
        return None if self.signature is None else decoded("signature", self.signature)

    def instant(self, now: Instant) -> Instant:
        """The time to judge for. Errors: InvalidValue; Malformed for a time yet to come."""
        at = now if self.at is None else Instant.parse(self.at)
        if at > now:
            raise Malformed("a time that is not in the future expected")
        return at

    def evidence_at_hand(self) -> Evidence:
        """Errors: Malformed."""
        return Evidence() if self.evidence is None else Evidence.from_json(self.evidence.__dict__)

    def narrowed(self, policy: Policy) -> Policy:
        """`policy` with what this request asks for; it can ask for a higher level, never for a lower one."""
        order = list(SignatureLevel)
        level = max(policy.minimum_level, self.minimum_level, key=order.index)
        if level is policy.minimum_level and self.purpose is policy.purpose:
            return policy
        return replace(policy, purpose=self.purpose, minimum_level=level)


def decoded(what: str, text: str) -> bytes:
    """Octets from base64. Errors: Malformed."""
    try:
        return b64decode(text, validate=True)
    except ValueError as bad:
        raise Malformed(f"{what} in base64 expected") from bad
