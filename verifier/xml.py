"""XML signatures (XMLDSig 1.1) and XAdES (EN 319 132-1), read so that nothing can be wrapped around or left out.

Only transforms that cannot drop content are accepted; the element that was digested is named by its place, and a
signature that does not cover the whole document is not PASSED. How documents are read: xml_document.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, utils
from lxml import etree

from pki.certificate import Certificate
from pki.errors import InvalidValue, Malformed
from pki.instant import Instant
from verifier.cades import Document
from verifier.candidate import Candidate, identify
from verifier.errors import FormatFailure, UnacceptableAlgorithm, UnacceptableKey
from verifier.evidence import Evidence
from verifier.indication import SubIndication
from verifier.keys import load_key
from verifier.policy import Policy, SignatureFormat
from verifier.report import CheckName, Covered
from verifier.schemes import Kind, Scheme, check_scheme
from verifier.signature import check_key, signature_holds
from verifier.signature_policy import policy_of_element
from verifier.xml_document import (
    CANONICAL,
    DIGESTS,
    DS,
    ENVELOPED,
    MORE,
    MORE_2007,
    SIGNED_PROPERTIES,
    XADES,
    Element,
    Reference,
    Whole,
    canonical,
    from_base64,
    maybe,
    one,
    parse_document,
)
from verifier.xml_unsigned import read_unsigned

METHODS: Final[Mapping[str, tuple[Kind, str]]] = {
    f"{MORE}rsa-sha256": (Kind.PKCS1, "sha256"),
    f"{MORE}rsa-sha384": (Kind.PKCS1, "sha384"),
    f"{MORE}rsa-sha512": (Kind.PKCS1, "sha512"),
    f"{DS}rsa-sha1": (Kind.PKCS1, "sha1"),
    f"{MORE}ecdsa-sha256": (Kind.ECDSA, "sha256"),
    f"{MORE}ecdsa-sha384": (Kind.ECDSA, "sha384"),
    f"{MORE}ecdsa-sha512": (Kind.ECDSA, "sha512"),
    f"{MORE_2007}sha256-rsa-MGF1": (Kind.PSS, "sha256"),
    f"{MORE_2007}sha384-rsa-MGF1": (Kind.PSS, "sha384"),
    f"{MORE_2007}sha512-rsa-MGF1": (Kind.PSS, "sha512"),
}


def looks_like_xml(octets: bytes) -> bool:
    """Whether `octets` begin as XML in UTF-8 does."""
    return octets.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<"


def read_xml(signature: bytes, document: Document | None, policy: Policy, evidence: Evidence) -> list[Candidate]:
    """Every signature in an XML document (or detached over `document`), each value checked. Never raises."""
    try:
        whole = parse_document(signature, policy)
        found = [
            element
            for element in whole.root.iter(f"{{{DS}}}Signature")
            if not any(parent.tag == f"{{{XADES}}}UnsignedProperties" for parent in element.iterancestors())
        ]
        if not 0 < len(found) <= policy.limits.signatures:
            raise FormatFailure(f"{len(found)} signatures in it", "XMLDSig 4.2")
    except FormatFailure as bad:
        candidate = Candidate(SignatureFormat.XML)
        candidate.findings.failed(CheckName.FORMAT, SubIndication.FORMAT_FAILURE, bad.reason)
        return [candidate]
    return [_examine(whole, element, document, policy, evidence) for element in found]


def _examine(
    whole: Whole, signature: Element, document: Document | None, policy: Policy, evidence: Evidence
) -> Candidate:
    candidate = Candidate(SignatureFormat.XML)
    findings = candidate.findings
    try:
        _OneSignature(candidate, whole, signature, document, policy).examine(evidence)
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


@dataclass(slots=True)
class _OneSignature:
    candidate: Candidate
    whole: Whole
    signature: Element
    document: Document | None
    policy: Policy

    def examine(self, evidence: Evidence) -> None:
        """XMLDSig 3.2: references, then the value; XAdES: which certificate; then what is covered."""
        findings = self.candidate.findings
        signed_info, value = self._parts()
        method = one(signed_info, "CanonicalizationMethod")
        canonical_info = canonical(signed_info, method)
        scheme = _scheme(one(signed_info, "SignatureMethod"))
        check_scheme(scheme, self.policy)
        findings.passed(CheckName.FORMAT, "an XML signature", place=self.whole.place(self.signature))
        findings.passed(CheckName.ALGORITHMS, scheme.name, scheme=scheme.name)
        references = [self._reference(element) for element in signed_info if element.tag == f"{{{DS}}}Reference"]
        properties = self._signed_properties(references)
        certificate = self._signing_certificate(properties, evidence)
        self._unsigned_properties(value, references)
        if certificate is None:
            return
        self.candidate.signer = certificate
        findings.passed(CheckName.KEY, "accepted", key=check_key(load_key(certificate.spki), scheme, self.policy))
        if not self._digests_hold(references):
            return
        octets = _value_octets(certificate, scheme, from_base64(value.text))
        if octets is None or not signature_holds(certificate.public_key, scheme, octets, canonical_info):
            findings.failed(
                CheckName.SIGNATURE_VALUE,
                SubIndication.SIG_CRYPTO_FAILURE,
                "the signature value does not verify with the signer's key",
            )
            return
        findings.passed(CheckName.SIGNATURE_VALUE, "verifies with the signer's key")
        self.candidate.holds = True
        self.candidate.signature_id = identify(canonical_info, certificate)
        self._coverage(references)

    def _parts(self) -> tuple[Element, Element]:
        tags = [etree.QName(child).localname for child in self.signature if isinstance(child.tag, str)]
        if any(not str(child.tag).startswith(f"{{{DS}}}") for child in self.signature if isinstance(child.tag, str)):
            raise FormatFailure("a Signature with foreign children", "XMLDSig 4.2")
        if (
            tags[:2] != ["SignedInfo", "SignatureValue"]
            or tags.count("KeyInfo") > 1
            or set(tags[2:])
            - {
                "KeyInfo",
                "Object",
            }
        ):
            raise FormatFailure("the parts of Signature are not those of the standard", "XMLDSig 4.2")
        signed_info, value = one(self.signature, "SignedInfo"), one(self.signature, "SignatureValue")
        names = [etree.QName(child).localname for child in signed_info if isinstance(child.tag, str)]
        count = len(names) - 2
        if names != ["CanonicalizationMethod", "SignatureMethod", *["Reference"] * count] or count < 1:
            raise FormatFailure("the parts of SignedInfo are not those of the standard", "XMLDSig 4.4")
        if count > self.policy.limits.references:
            raise FormatFailure(f"more than {self.policy.limits.references} references", "limits")
        return signed_info, value

    # ---- references

    def _reference(self, reference: Element) -> Reference:
        digest = DIGESTS.get(one(reference, "DigestMethod").get("Algorithm", ""))
        if digest is None or digest not in self.policy.hashes:
            raise UnacceptableAlgorithm(f"a reference uses the digest {digest or 'that is not known here'}")
        expected = from_base64(one(reference, "DigestValue").text)
        transforms = [] if (holder := maybe(reference, "Transforms")) is None else list(holder)
        type_, uri = reference.get("Type", ""), reference.get("URI")
        if type_ in (f"{DS}Manifest", f"{DS}Object#Manifest"):
            raise FormatFailure("a Manifest, whose own references would stay unchecked", "XMLDSig 5.1")
        if uri is None or (uri and not uri.startswith("#")):
            if transforms or not isinstance(self.document, bytes):
                raise FormatFailure(
                    "a reference to data that was not handed in, or that is transformed", "XMLDSig 4.4.3"
                )
            return Reference(None, type_, digest, expected, self.document)
        target = self.whole.root if uri == "" else self.whole.element(uri[1:])
        enveloped, method = self._transforms(transforms)
        if enveloped and target not in self.signature.iterancestors():
            raise FormatFailure("enveloped-signature where the signature is not inside", "XMLDSig 6.6.4")
        octets = canonical(target, method, without=self.signature if enveloped else None)
        return Reference(target, type_, digest, expected, octets, method is None, self.signature if enveloped else None)

    def _transforms(self, transforms: list[Element]) -> tuple[bool, Element | None]:
        """Whether the signature is left out, and how to canonicalise; nothing that could leave out anything else."""
        enveloped, canonical = False, None
        for transform in transforms:
            algorithm = transform.get("Algorithm", "")
            if algorithm == ENVELOPED and not enveloped and canonical is None:
                enveloped = True
            elif algorithm in CANONICAL and canonical is None:
                canonical = transform
            else:
                raise FormatFailure("a transform that is not accepted here", "XMLDSig 6.6; best practices 2.1")
        return enveloped, canonical

    def _digests_hold(self, references: list[Reference]) -> bool:
        for number, reference in enumerate(references, 1):
            if hashlib.new(reference.digest, reference.octets).digest() != reference.expected:
                place = "the document" if reference.element is None else self.whole.place(reference.element)
                self.candidate.findings.failed(
                    CheckName.DOCUMENT_DIGEST,
                    SubIndication.HASH_FAILURE,
                    f"{place} is not what was signed",
                    reference=number,
                )
                return False
        self.candidate.findings.passed(CheckName.DOCUMENT_DIGEST, "all references", references=len(references))
        return True

    # ---- XAdES

    def _signed_properties(self, references: list[Reference]) -> Element | None:
        """The one SignedProperties of this signature, referenced with its type (EN 319 132-1 4.4.2)."""
        mine: list[Element] = [
            properties
            for holder in self.signature.findall(f"{{{DS}}}Object/{{{XADES}}}QualifyingProperties")
            for properties in holder.findall(f"{{{XADES}}}SignedProperties")
        ]
        typed = [reference.element for reference in references if reference.type == SIGNED_PROPERTIES]
        if not mine and not typed:
            return None
        if len(mine) != 1 or len(typed) != 1 or typed[0] is not mine[0]:
            raise FormatFailure("the SignedProperties are not the ones that are signed", "EN 319 132-1 4.4.2")
        properties: Element = mine[0]
        holder = properties.getparent()
        if holder.get("Target", "") != f"#{self.signature.get('Id', '')}":
            raise FormatFailure("QualifyingProperties of another signature", "EN 319 132-1 4.3.1")
        return properties

    def _signing_certificate(self, properties: Element | None, evidence: Evidence) -> Certificate | None:
        findings = self.candidate.findings
        carried = tuple(
            from_base64(element.text)
            for element in self.signature.iterfind(f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate")
        )
        if len(carried) > self.policy.limits.certificates:
            raise FormatFailure("too many certificates", "limits")
        self.candidate.evidence += Evidence(certificates=carried)
        if properties is None:
            findings.failed(
                CheckName.SIGNING_CERTIFICATE,
                SubIndication.SIG_CONSTRAINTS_FAILURE,
                "plain XMLDSig: nothing signed binds the signing certificate",
            )
            return None
        claimed = properties.findtext(f"{{{XADES}}}SignedSignatureProperties/{{{XADES}}}SigningTime")
        self.candidate.claimed_time = None if claimed is None else Instant.parse(claimed.strip())
        base = f"{{{XADES}}}SignedSignatureProperties/"
        identified = properties.find(f"{base}{{{XADES}}}SignaturePolicyIdentifier")
        self.candidate.signature_policy = policy_of_element(identified)
        digests = [
            found
            for name in ("SigningCertificateV2", "SigningCertificate")
            for found in properties.findall(f"{base}{{{XADES}}}{name}/{{{XADES}}}Cert/{{{XADES}}}CertDigest")
        ]
        if not digests:
            findings.failed(
                CheckName.SIGNING_CERTIFICATE,
                SubIndication.SIG_CONSTRAINTS_FAILURE,
                "the signed properties bind no signing certificate",
            )
            return None
        name = DIGESTS.get(one(digests[0], "DigestMethod").get("Algorithm", ""))
        if name is None or name not in self.policy.hashes:
            raise UnacceptableAlgorithm("the signing certificate is bound by a digest that is not accepted")
        expected = from_base64(one(digests[0], "DigestValue").text)
        for octets in (*carried, *evidence.certificates):
            if hashlib.new(name, octets).digest() == expected:
                certificate = Certificate(octets)
                findings.passed(
                    CheckName.SIGNING_CERTIFICATE,
                    "the certificate that the signed properties bind",
                    sha256=certificate.fingerprint.hex(),
                )
                return certificate
        findings.failed(
            CheckName.SIGNING_CERTIFICATE,
            SubIndication.NO_SIGNING_CERTIFICATE_FOUND,
            "no certificate at hand is the one that the signed properties bind",
        )
        return None

    def _unsigned_properties(self, value: Element, references: list[Reference]) -> None:
        found = read_unsigned(self.signature, value, references, self.policy)
        self.candidate.timestamps = found.timestamps
        self.candidate.archive_timestamps = found.archive_timestamps
        self.candidate.long_term = bool(found.evidence.crls or found.evidence.ocsp)
        self.candidate.evidence += found.evidence

    # ---- what was signed is what is shown

    def _coverage(self, references: list[Reference]) -> None:
        content = [
            reference
            for reference in references
            if reference.type != SIGNED_PROPERTIES and not self._is_apparatus(reference.element)
        ]
        signed = [reference.element for reference in content if reference.element is not None]
        detached = [reference for reference in content if reference.element is None]
        root = self.whole.root
        warnings: list[str] = []
        for holder in self.signature.iterfind(f"{{{DS}}}Object"):
            own = [child.tag for child in holder if isinstance(child.tag, str)] == [f"{{{XADES}}}QualifyingProperties"]
            inside = any(element is holder or holder in element.iterancestors() for element in signed)
            if not own and not inside:
                warnings.append(f"{self.whole.place(holder)} lies inside the signature's element but is not signed")
        if detached:
            covers = self.signature is root and not signed
        elif root is self.signature:
            # enveloping: whatever the objects hold is the document
            covers = bool(signed)
        else:
            covers = any(element is root for element in signed)
        if not covers:
            warnings += [
                f"{self.whole.place(child)} is not signed"
                for child in (root, *root)
                if isinstance(child.tag, str)
                and child is not self.signature
                and not any(element is child or child in element.iterdescendants() for element in signed)
            ][:20]
            warnings = warnings or ["something beside what is signed stands in the document"]
        if any(node.tag is etree.ProcessingInstruction for node in _beside(root)):
            # a style sheet named there decides what is shown, and no reference reaches it
            warnings.append("a processing instruction stands outside the root element")
        if self.document is not None and not detached:
            warnings.append("a document was handed in that the signature does not refer to")
        octets = b"".join(reference.octets for reference in content)
        what = ", ".join(
            "the document handed in" if reference.element is None else self.whole.place(reference.element)
            for reference in content
        )
        covered = Covered(
            what or "nothing", not warnings, hashlib.sha256(octets).digest(), len(octets), tuple(warnings)
        )
        self.candidate.covered = covered
        if covered.whole and content:
            self.candidate.findings.passed(CheckName.COVERAGE, f"signed: {what}", octets=len(octets))
        else:
            self.candidate.findings.failed(
                CheckName.COVERAGE,
                SubIndication.SIG_CONSTRAINTS_FAILURE,
                f"only a part is signed ({what or 'nothing'}): {'; '.join(warnings)}",
            )

    def _is_apparatus(self, element: Element | None) -> bool:
        """KeyInfo and the like: parts of this very signature, no document."""
        if element is None or self.signature not in element.iterancestors():
            return False
        return not any(node.tag == f"{{{DS}}}Object" for node in (element, *element.iterancestors()))


def _beside(root: Element) -> list[Element]:
    return [*root.itersiblings(preceding=True), *root.itersiblings()]


def _scheme(method: Element) -> Scheme:
    known = METHODS.get(method.get("Algorithm", ""))
    if known is None or len(method):
        raise UnacceptableAlgorithm("the signature method is not known here, or has parameters")
    kind, hash_name = known
    return Scheme(kind, hash_name, hashlib.new(hash_name).digest_size if kind is Kind.PSS else 0)


def _value_octets(certificate: Certificate, scheme: Scheme, value: bytes) -> bytes | None:
    """ECDSA: r ‖ s of the curve's length (XMLDSig 6.4.3)."""
    key = certificate.public_key
    if scheme.kind is not Kind.ECDSA:
        return value
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return None
    size = (key.curve.key_size + 7) // 8
    if len(value) != 2 * size:
        return None
    return utils.encode_dss_signature(int.from_bytes(value[:size]), int.from_bytes(value[size:]))
