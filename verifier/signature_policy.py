"""Signature policies that a signer names: rules of somebody's, agreed before, under which the signature was made.

    CAdES   SignaturePolicy ::= CHOICE { SignaturePolicyId, NULL (implied) }                 EN 319 122-1 5.2.9
            SignaturePolicyId ::= SEQUENCE { sigPolicyId OID, sigPolicyHash { hashAlgorithm, OCTET STRING }, … }
    XAdES   SignaturePolicyIdentifier: SignaturePolicyId | SignaturePolicyImplied            EN 319 132-1 5.2.9
    JAdES   sigPId: { "id": { "id": URI }, "digAlg", "digVal" }                              TS 119 182-1 5.2.7

Rules are read by people. What is checked is whether the recipient knows the document, and that it is the one that was
meant (EN 319 102-1 5.2.4); which rules of validation apply is the recipient's own policy.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pki import der
from verifier.errors import FormatFailure, UnacceptableAlgorithm
from verifier.indication import SubIndication
from verifier.policy import Policy
from verifier.report import CheckName, Findings
from verifier.schemes import algorithm_identifier, hash_named
from verifier.xml_document import DIGESTS, XADES, Element, from_base64, one

_NULL: Final = b"\x05\x00"
_OF_JSON: Final = {"S256": "sha256", "S384": "sha384", "S512": "sha512"}
_URN: Final = "urn:oid:"


@dataclass(frozen=True, slots=True)
class SignaturePolicyId:
    """The policy that a signer names. `hash_name` None: the digest, if any, is one that is not known here."""

    identifier: str
    """A URI, or an object identifier without `urn:oid:`."""
    hash_name: str | None
    digest: bytes


def policy_of_attribute(value: bytes | None) -> SignaturePolicyId | None:
    """Of the signed attribute of CAdES; None for none or an implied one. Errors: Malformed."""
    if value is None or value == _NULL:
        return None
    identifier, *rest = der.read_whole(value).expect(der.SEQUENCE, "SignaturePolicyId").children()
    if not rest:
        return SignaturePolicyId(identifier.oid(), None, b"")
    algorithm, digest = rest[0].expect(der.SEQUENCE, "SigPolicyHash").children()
    try:
        hash_name: str | None = hash_named(*algorithm_identifier(algorithm))
    except UnacceptableAlgorithm:
        hash_name = None
    return SignaturePolicyId(identifier.oid(), hash_name, digest.octets())


def policy_of_header(header: Mapping[str, object]) -> SignaturePolicyId | None:
    """Of the signed header of JAdES. Errors: FormatFailure."""
    if "sigPId" not in header:
        return None
    named = header["sigPId"]
    found = named.get("id") if isinstance(named, dict) else None
    identifier = found.get("id") if isinstance(found, dict) else found
    if not isinstance(named, dict) or not isinstance(identifier, str):
        raise FormatFailure("sigPId names no policy", "TS 119 182-1 5.2.7")
    text = named.get("digVal", "")
    try:
        digest = base64.b64decode(
            text.replace("-", "+").replace("_", "/") if isinstance(text, str) else "!", validate=True
        )
    except (binascii.Error, ValueError) as bad:
        raise FormatFailure("the digest in sigPId is not base64", "TS 119 182-1 5.2.7") from bad
    # by a digest of the policy's own kind (digPSp) nobody but its authors can compare
    hash_name = None if named.get("digPSp") else _OF_JSON.get(str(named.get("digAlg")))
    return SignaturePolicyId(identifier.removeprefix(_URN), hash_name, digest)


def policy_of_element(element: Element | None) -> SignaturePolicyId | None:
    """Of the signed property of XAdES; None for none or an implied one. Errors: FormatFailure."""
    named = None if element is None else element.find(f"{{{XADES}}}SignaturePolicyId")
    if named is None:
        return None
    identifier = (named.findtext(f"{{{XADES}}}SigPolicyId/{{{XADES}}}Identifier") or "").strip().removeprefix(_URN)
    digest = named.find(f"{{{XADES}}}SigPolicyHash")
    if digest is None:
        return SignaturePolicyId(identifier, None, b"")
    hash_name = DIGESTS.get(one(digest, "DigestMethod").get("Algorithm", ""))
    return SignaturePolicyId(identifier, hash_name, from_base64(one(digest, "DigestValue").text))


def judge_signature_policy(findings: Findings, named: SignaturePolicyId | None, policy: Policy) -> None:
    """Whether the recipient knows what the signer agreed to (EN 319 102-1 5.2.4)."""
    if named is None:
        return
    if policy.signature_policies is None:
        findings.note(
            CheckName.SIGNATURE_POLICY, f"made under the signature policy {named.identifier}, which was not looked at"
        )
        return
    document = dict(policy.signature_policies).get(named.identifier)
    if document is None:
        findings.failed(
            CheckName.SIGNATURE_POLICY,
            SubIndication.SIGNATURE_POLICY_NOT_AVAILABLE,
            f"made under the signature policy {named.identifier}, which is not at hand",
        )
    elif named.hash_name is None or hashlib.new(named.hash_name, document).digest() != named.digest:
        findings.failed(
            CheckName.SIGNATURE_POLICY,
            SubIndication.POLICY_PROCESSING_ERROR,
            f"the signature policy {named.identifier} at hand is not the one that the signer meant",
        )
    else:
        findings.passed(CheckName.SIGNATURE_POLICY, f"made under the signature policy {named.identifier}, as agreed")
