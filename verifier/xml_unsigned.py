"""Unsigned properties of XAdES: evidence, time-stamps over the value, and over all of it (EN 319 132-1 5.3 to 5.5).

What an xades141:ArchiveTimeStamp covers, in this order (5.5.2.2, the case that nothing is distributed):

    1. everything that SignedInfo references, as it was digested; nodes by the time-stamp's own canonicalisation
    2. SignedInfo, SignatureValue, KeyInfo
    3. the unsigned signature properties before it
    4. every ds:Object but the one with the QualifyingProperties
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifier.candidate import Stamped
from verifier.errors import FormatFailure
from verifier.evidence import Evidence
from verifier.policy import Policy
from verifier.xml_document import DS, XADES, XADES_141, Element, Reference, canonical, from_base64, maybe, one

_X = f"{{{XADES}}}"
_PROPERTIES = f"{{{DS}}}Object/{_X}QualifyingProperties/{_X}UnsignedProperties/{_X}UnsignedSignatureProperties"
_ARCHIVE = f"{{{XADES_141}}}ArchiveTimeStamp"
_VALUES = f"{{{XADES_141}}}TimeStampValidationData"


@dataclass(frozen=True, slots=True)
class Unsigned:
    """What unsigned properties hold; nothing of it is believed for being there."""

    timestamps: tuple[Stamped, ...]
    archive_timestamps: tuple[Stamped, ...]
    evidence: Evidence


def read_unsigned(signature: Element, value: Element, references: Sequence[Reference], policy: Policy) -> Unsigned:
    """The unsigned properties of one ds:Signature. Errors: FormatFailure."""
    stamps: list[Stamped] = []
    archive: list[Stamped] = []
    before: list[Element] = []
    for child in (child for holder in signature.iterfind(_PROPERTIES) for child in holder):
        if not isinstance(child.tag, str):
            continue
        method = maybe(child, "CanonicalizationMethod")
        if child.tag == f"{_X}SignatureTimeStamp":
            octets = canonical(value, method)
            stamps += [Stamped(token, octets) for token in _tokens(child)]
        elif child.tag == _ARCHIVE:
            octets = _archived(signature, value, references, before, method)
            earlier = frozenset(stamped.token for stamped in (*stamps, *archive))
            archive += [Stamped(token, octets, earlier) for token in _tokens(child)]
        before.append(child)
        if len(stamps) + len(archive) > policy.limits.timestamps:
            raise FormatFailure(f"more than {policy.limits.timestamps} time-stamps", "limits")
    return Unsigned(tuple(stamps), tuple(archive), _evidence(signature, policy))


def _tokens(holder: Element) -> list[bytes]:
    if holder.find(f"{_X}Include") is not None:
        raise FormatFailure("a time-stamp that names what it covers, which is not read", "EN 319 132-1 5.1.4.4")
    return [from_base64(token.text) for token in holder.iterfind(f"{_X}EncapsulatedTimeStamp")]


def _archived(
    signature: Element,
    value: Element,
    references: Sequence[Reference],
    before: Sequence[Element],
    method: Element | None,
) -> bytes:
    info = maybe(signature, "KeyInfo")
    elements = [
        one(signature, "SignedInfo"),
        value,
        *([] if info is None else [info]),
        *before,
        *(
            holder
            for holder in signature.iterfind(f"{{{DS}}}Object")
            if holder.find(f"{_X}QualifyingProperties") is None
        ),
    ]
    octets = [reference.octets_by(method) for reference in references]
    return b"".join((*octets, *(canonical(element, method) for element in elements)))


def _evidence(signature: Element, policy: Policy) -> Evidence:
    def values(path: str) -> tuple[bytes, ...]:
        found = [
            from_base64(element.text)
            for base in (_PROPERTIES, f"{_PROPERTIES}/{_VALUES}")
            for element in signature.iterfind(f"{base}/{path}")
        ]
        if len(found) > policy.limits.certificates:
            raise FormatFailure("too many certificates or answers", "limits")
        return tuple(found)

    return Evidence(
        values(f"{_X}CertificateValues/{_X}EncapsulatedX509Certificate"),
        values(f"{_X}RevocationValues/{_X}CRLValues/{_X}EncapsulatedCRLValue"),
        values(f"{_X}RevocationValues/{_X}OCSPValues/{_X}EncapsulatedOCSPValue"),
    )
