"""Archive time-stamps of CAdES: what an archive-time-stamp-v3 covers, and whether all of that is still there.

    imprint = H( eContentType ‖ H(content) ‖ version, sid, digestAlgorithm, signedAttrs, signatureAlgorithm, signature
                 ‖ ATSHashIndexV3 )                                                        EN 319 122-1 5.5.3

    ATSHashIndexV3 ::= SEQUENCE { hashIndAlgorithm, certificatesHashIndex, crlsHashIndex, unsignedAttrValuesHashIndex }

The index travels in the token itself as an unsigned attribute and lists digests of the certificates, the CRLs and OCSP
answers, and of each unsigned attribute's type with one of its values (5.5.2). An index that lists what is not there any
more is void, and with it the time-stamp.
"""

from __future__ import annotations

import hashlib
from typing import Final

from pki import der
from pki.errors import Malformed
from verifier import cms
from verifier.cades import Document, DocumentDigest, read_cades
from verifier.candidate import Candidate, Stamped
from verifier.cms import SignerInfo
from verifier.errors import FormatFailure, UnacceptableAlgorithm
from verifier.evidence import Evidence
from verifier.policy import Policy
from verifier.report import CheckName
from verifier.schemes import algorithm_identifier, hash_named
from verifier.timestamp import parse_info

_ARCHIVE: Final = der.oid(cms.ATTRIBUTE_ARCHIVE_TIMESTAMP_V3)
HASH_INDEX_V3: Final = "0.4.0.19122.1.5"


def read_cms(signature: bytes, document: Document | None, policy: Policy, evidence: Evidence) -> list[Candidate]:
    """As `read_cades`, and with the archive time-stamps of every signature that holds."""
    candidates = read_cades(signature, document, policy, evidence)
    if _ARCHIVE not in signature or not any(candidate.holds for candidate in candidates):
        return candidates
    signed = cms.parse_signed_data(signature, policy.limits)
    if document is None:
        document = signed.content
    for number, (candidate, signer) in enumerate(zip(candidates, signed.signers, strict=True)):
        if candidate.holds:
            candidate.archive_timestamps, void = archive_stamps(signature, number, signer, document, policy)
            for why in void:
                candidate.findings.note(CheckName.TIME_STAMP, f"an archive time-stamp does not hold: {why}")
    return candidates


def archive_stamps(
    signature: bytes, number: int, signer: SignerInfo, document: Document | None, policy: Policy
) -> tuple[tuple[Stamped, ...], tuple[str, ...]]:
    """The archive time-stamps of one signer in a CMS file, with what each covers; and why others cover nothing.

    `number`: which of the signerInfos it is. Errors: Malformed for a file that was not read before.
    """
    stamps: list[Stamped] = []
    void: list[str] = []
    tokens = signer.unsigned.get(cms.ATTRIBUTE_ARCHIVE_TIMESTAMP_V3, ())
    if not tokens:
        return (), ()
    parts = _Parts(signature, number)
    for token in tokens[: policy.limits.timestamps]:
        try:
            stamps.append(parts.stamped(token, document, policy))
        except (FormatFailure, UnacceptableAlgorithm, Malformed) as bad:
            void.append(bad.reason)
    return tuple(stamps), tuple(void)


class _Parts:
    """The parts of a SignedData as they lie in the file, octet for octet."""

    def __init__(self, signature: bytes, number: int) -> None:
        content = der.read_whole(signature).children()[1].children()[0]
        fields = content.children()
        self.content_type = fields[2].children()[0].raw
        self.certificates = [node.raw for field in fields if field.tag == 0xA0 for node in field.iterate()]
        self.crls = [node.raw for field in fields if field.tag == 0xA1 for node in field.iterate()]
        info = list(fields[-1].iterate())[number].children()
        self.signed = b"".join(part.raw for part in info if part.tag != 0xA1)
        self.values: list[tuple[bytes, bytes]] = []
        """(what is indexed, the attribute's value) of every unsigned attribute."""
        for attribute in (node for part in info if part.tag == 0xA1 for node in part.iterate()):
            kind, values = attribute.children()
            self.values += [(kind.raw + value.raw, value.raw) for value in values.iterate()]

    def stamped(self, token: bytes, document: Document | None, policy: Policy) -> Stamped:
        """What `token` must cover. Errors: FormatFailure, UnacceptableAlgorithm, Malformed."""
        signed = cms.parse_signed_data(token, policy.limits)
        if len(signed.signers) != 1 or signed.content is None:
            raise FormatFailure("a token has one signer and encloses its TSTInfo", "RFC 3161 2.4.2")
        indices = signed.signers[0].unsigned.get(HASH_INDEX_V3, ())
        if len(indices) != 1:
            raise FormatFailure(f"an archive time-stamp with {len(indices)} hash indices", "EN 319 122-1 5.5.2")
        hash_name = parse_info(signed.content).hash_name
        if hash_name not in policy.hashes:
            raise UnacceptableAlgorithm(f"the archive time-stamp covers a {hash_name.upper()} digest")
        listed = self._checked(indices[0], hash_name)
        octets = self.content_type + _digest(document, hash_name) + self.signed + indices[0]
        earlier = frozenset(
            value for indexed, value in self.values if hashlib.new(hash_name, indexed).digest() in listed
        )
        return Stamped(token, octets, earlier)

    def _checked(self, index: bytes, hash_name: str) -> frozenset[bytes]:
        """The digests of unsigned attributes in an index of which every entry is met by something in the file."""
        parts = der.read_whole(index).expect(der.SEQUENCE, "ATSHashIndexV3").children()
        own = hash_named(*algorithm_identifier(parts.pop(0))) if len(parts) == 4 else "sha256"
        if own != hash_name or len(parts) != 3:
            raise FormatFailure("a hash index of another hash than its time-stamp's", "EN 319 122-1 5.5.2")
        known = (self.certificates, self.crls, [indexed for indexed, _ in self.values])
        listed: frozenset[bytes] = frozenset()
        for part, octets in zip(parts, known, strict=True):
            listed = frozenset(node.octets() for node in part.expect(der.SEQUENCE, "hashes").iterate())
            if not listed <= {hashlib.new(hash_name, one).digest() for one in octets}:
                raise FormatFailure("something that the archive time-stamp covered is missing", "EN 319 122-1 5.5.2")
        return listed


def _digest(document: Document | None, hash_name: str) -> bytes:
    if isinstance(document, bytes):
        return hashlib.new(hash_name, document).digest()
    if isinstance(document, DocumentDigest) and document.hash_name == hash_name:
        return document.digest
    raise FormatFailure(f"the archive time-stamp needs the document's {hash_name.upper()}", "EN 319 122-1 5.5.3")
