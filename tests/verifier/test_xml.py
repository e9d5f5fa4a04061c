"""Signed XML: signatures that another library made hold, and no wrapping, entity or transform gets round ours."""

import base64
import copy
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from lxml import etree
from signxml import CanonicalizationMethod, SignatureConstructionMethod, SignatureMethod
from signxml.signer import XMLSigner
from signxml.xades import XAdESSigner

from tests.verifier.filing_world import AT, Holder, World, build_world, ec_key, imprint_of, rsa_key
from tests.verifier.test_verify import LATER, PASSED, doubt, failure, said, verify
from verifier.indication import Indication, SubIndication
from verifier.report import Report
from verifier.xml_document import DS, ENVELOPED, SIGNED_PROPERTIES, XADES

FORM = """<form xmlns="urn:sample" xmlns:p="urn:other" xml:lang="ja" Id="form"><body p:kind="move">\
<address>架空市見本町二丁目</address><!-- note --></body>
  <other> a &amp; b </other></form>"""
INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
INCLUSIVE_1_1 = "http://www.w3.org/2006/12/xml-c14n11"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


class Signer(XAdESSigner):
    """signxml's, with a time that is told."""

    def add_signing_time(self, signed_signature_properties: Any, sig_root: Any, signing_settings: Any) -> None:
        del sig_root, signing_settings
        etree.SubElement(signed_signature_properties, f"{{{XADES}}}SigningTime").text = AT.iso()


def sign_by_signxml(
    holder: Holder, root: Any, method: SignatureConstructionMethod, c14n: str, *, plain: bool = False
) -> Any:
    """A signature that another library made. It digests before it inserts, so `root` must declare no namespaces."""
    kind = SignatureMethod.RSA_SHA256 if isinstance(holder.key, rsa.RSAPrivateKey) else SignatureMethod.ECDSA_SHA256
    signer = (XMLSigner if plain else Signer)(
        method=method,
        signature_algorithm=kind,
        digest_algorithm="sha256",
        c14n_algorithm=CanonicalizationMethod(c14n),
    )
    return signer.sign(root, key=holder.key, cert=[holder.certificate.x509], always_add_key_value=False)


def element(parent: Any, name: str, text: str | None = None, **attributes: str) -> Any:
    made = etree.SubElement(parent, name, **attributes)
    made.text = text
    return made


def canonical(node: Any, algorithm: str) -> bytes:
    """By lxml on a whole tree, or exclusive: the two cases where a tree of its own changes nothing."""
    whole = etree.fromstring(etree.tostring(node, with_tail=False))
    exclusive, comments = algorithm == EXCLUSIVE, "WithComments" in algorithm
    return bytes(etree.tostring(whole, method="c14n", exclusive=exclusive, with_comments=comments))


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def sign_xml(
    holder: Holder,
    root: Any,
    *,
    c14n: str = EXCLUSIVE,
    method: str = f"{MORE}ecdsa-sha256",
    reference: str = "",
    target: Any = None,
    place: Any = None,
    more: Callable[[Any], object] | None = None,
) -> Any:
    """An enveloped XAdES-B signature made by hand, step by step as the standards have it."""
    target = root if target is None else target
    digest = b64(hashlib.sha256(canonical(target, c14n)).digest())
    signature = etree.SubElement(root if place is None else place, f"{{{DS}}}Signature", nsmap={"ds": DS}, Id="sig")
    info = element(signature, f"{{{DS}}}SignedInfo")
    element(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXCLUSIVE)
    element(info, f"{{{DS}}}SignatureMethod", Algorithm=method)
    value = element(signature, f"{{{DS}}}SignatureValue")
    data = element(element(signature, f"{{{DS}}}KeyInfo"), f"{{{DS}}}X509Data")
    element(data, f"{{{DS}}}X509Certificate", b64(holder.certificate.der))
    qualifying = etree.SubElement(
        element(signature, f"{{{DS}}}Object"),
        f"{{{XADES}}}QualifyingProperties",
        nsmap={"xades": XADES},
        Target="#sig",
    )
    signed = element(qualifying, f"{{{XADES}}}SignedProperties", Id="props")
    inner = element(signed, f"{{{XADES}}}SignedSignatureProperties")
    element(inner, f"{{{XADES}}}SigningTime", AT.iso())
    cert = element(element(inner, f"{{{XADES}}}SigningCertificateV2"), f"{{{XADES}}}Cert")
    bound = element(cert, f"{{{XADES}}}CertDigest")
    element(bound, f"{{{DS}}}DigestMethod", Algorithm=SHA256)
    element(bound, f"{{{DS}}}DigestValue", b64(holder.certificate.fingerprint))
    if more is not None:
        more(inner)
    _reference(info, reference, [c14n] if target is not root else [ENVELOPED, c14n], digest)
    properties_digest = b64(hashlib.sha256(canonical(signed, EXCLUSIVE)).digest())
    _reference(info, "#props", [EXCLUSIVE], properties_digest, SIGNED_PROPERTIES)
    octets = canonical(info, EXCLUSIVE)
    if isinstance(holder.key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        value.text = b64(
            holder.key.sign(octets, pss if method.endswith("MGF1") else padding.PKCS1v15(), hashes.SHA256())
        )
    else:
        value.text = b64(ecdsa_value(holder, octets))
    return root


def ecdsa_value(holder: Holder, octets: bytes) -> bytes:
    r, s = utils.decode_dss_signature(holder.sign(octets))
    return r.to_bytes(32) + s.to_bytes(32)


def _reference(info: Any, uri: str, transforms: list[str], digest: str, type_: str | None = None) -> None:
    made = element(info, f"{{{DS}}}Reference", URI=uri, **({"Type": type_} if type_ else {}))
    listed = element(made, f"{{{DS}}}Transforms")
    for algorithm in transforms:
        element(listed, f"{{{DS}}}Transform", Algorithm=algorithm)
    element(made, f"{{{DS}}}DigestMethod", Algorithm=SHA256)
    element(made, f"{{{DS}}}DigestValue", digest)


def parsed(text: str = FORM) -> Any:
    return etree.fromstring(text.encode())


def octets(root: Any) -> bytes:
    return bytes(etree.tostring(root))


@pytest.fixture(scope="module")
def signed(world: World) -> Any:
    return sign_xml(world.signer, parsed())


def checked(world: World, file: bytes, document: bytes | None = None, **more: Any) -> Report:
    if document is not None:
        return verify(world, file, document, **more)
    return verify(world, file, None, **more)


@pytest.mark.parametrize("c14n", [INCLUSIVE, INCLUSIVE_1_1, EXCLUSIVE, f"{INCLUSIVE}#WithComments"])
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_signature_over_the_whole_document_passes(kind: str, c14n: str, world: World) -> None:
    holder = world.signer if kind == "ec" else world.signature_certificate("RSA", rsa_key("RSA signer"))
    method = f"{MORE}{'ecdsa' if kind == 'ec' else 'rsa'}-sha256"
    report = checked(world, octets(sign_xml(holder, parsed(), c14n=c14n, method=method)), holder=holder)
    assert said(report) == PASSED, report.reason
    assert report.covered is not None
    assert report.covered.what == "/form[1]"
    assert report.claimed_time == AT


@pytest.mark.parametrize("method", [SignatureConstructionMethod.enveloped, SignatureConstructionMethod.enveloping])
@pytest.mark.parametrize(
    "c14n", [INCLUSIVE, INCLUSIVE_1_1]
)  # with exclusive C14N it names no transform for what it did
def test_xades_by_another_library_passes(method: SignatureConstructionMethod, c14n: str, world: World) -> None:
    root = parsed("<form><body kind='move'>2-1 Mihon</body> <other> a &amp; b </other></form>")
    report = checked(world, octets(sign_by_signxml(world.signer, root, method, c14n)))
    assert said(report) == PASSED, report.reason


def test_pss_passes(world: World) -> None:
    holder = world.signature_certificate("RSA", rsa_key("RSA signer"))
    method = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"
    assert said(checked(world, octets(sign_xml(holder, parsed(), method=method)), holder=holder)) == PASSED


def test_the_signature_may_stand_anywhere_inside(world: World) -> None:
    root = parsed()
    signed = sign_xml(world.signer, root, place=root[0])
    assert said(checked(world, octets(signed))) == PASSED
    root[0].find(f"{{{DS}}}Signature").tail = "text behind it"
    assert said(checked(world, octets(signed))) == failure(SubIndication.HASH_FAILURE)


def test_text_behind_the_signature_is_signed_too(world: World) -> None:
    root = parsed()
    root[1].tail = "text behind it"
    signed = sign_xml(world.signer, root)
    signature = root.find(f"{{{DS}}}Signature")
    root[1].tail, signature.tail = None, "text behind it"
    assert said(checked(world, octets(signed))) == PASSED


def test_plain_xmldsig_binds_no_certificate(world: World) -> None:
    root = parsed("<form>2-1 Mihon</form>")
    file = octets(sign_by_signxml(world.signer, root, SignatureConstructionMethod.enveloped, EXCLUSIVE, plain=True))
    assert said(checked(world, file)) == doubt(SubIndication.SIG_CONSTRAINTS_FAILURE)


def test_a_changed_character_is_a_hash_failure(world: World, signed: Any) -> None:
    file = octets(signed).replace(b"&#20108;", b"&#19977;")
    assert file != octets(signed)
    assert said(checked(world, file)) == failure(SubIndication.HASH_FAILURE)


def test_comments_outside_change_nothing_and_text_does(world: World, signed: Any) -> None:
    whole = copy.deepcopy(signed)
    address = whole.find(".//{urn:sample}address")
    address.text = address.text[:2]
    address.append(etree.Comment("cut here"))
    assert said(checked(world, octets(whole))) == failure(SubIndication.HASH_FAILURE)


def test_a_document_beside_an_enveloped_signature_is_refused(world: World, signed: Any) -> None:
    report = checked(world, octets(signed), b"another document")
    assert report.indication is not Indication.PASSED


# ---- signature wrapping: the eight moves on a signature over the element with Id="body"


def part_signed(world: World) -> Any:
    root = parsed()
    body = root.find("{urn:sample}body")
    body.set("Id", "body")
    return sign_xml(world.signer, root, reference="#body", target=body)


def evil(body: Any, identifier: str | None) -> Any:
    other = copy.deepcopy(body)
    for name in ("Id", "ID"):
        other.attrib.pop(name, None)
    if identifier is not None:
        other.set("Id", identifier)
    other.find(".//{urn:sample}address").text = "elsewhere"
    return other


def _into_object(root: Any, body: Any, signature: Any) -> None:
    """The signed element moves into ds:Object; an unsigned one takes its place."""
    root.replace(body, evil(body, None))
    etree.SubElement(signature, f"{{{DS}}}Object").append(body)


def _into_object_same_id(root: Any, body: Any, signature: Any) -> None:
    root.replace(body, evil(body, "body"))
    etree.SubElement(signature, f"{{{DS}}}Object").append(body)


def _into_wrapper(root: Any, body: Any, _signature: Any) -> None:
    root.replace(body, evil(body, None))
    etree.SubElement(root, "wrapper").append(body)


def _evil_before(root: Any, body: Any, _signature: Any) -> None:
    root.insert(0, evil(body, "evil"))


def _evil_before_same_id(root: Any, body: Any, _signature: Any) -> None:
    root.insert(0, evil(body, "body"))


def _evil_around(root: Any, body: Any, _signature: Any) -> None:
    """The unsigned element encloses the signed one."""
    around = evil(body, None)
    root.replace(body, around)
    around.append(body)


def _signed_inside_signature_of_evil(root: Any, body: Any, signature: Any) -> None:
    """The signature moves into the unsigned element, the signed one into the signature."""
    around = evil(body, "evil")
    root.replace(body, around)
    around.append(signature)
    etree.SubElement(signature, f"{{{DS}}}Object").append(body)


def _other_identifier_name(root: Any, body: Any, _signature: Any) -> None:
    """The twin bears the identifier under another name for identifiers."""
    other = evil(body, None)
    other.set("{http://www.w3.org/XML/1998/namespace}id", "body")
    root.insert(0, other)


MOVES = [
    _into_object,
    _into_object_same_id,
    _into_wrapper,
    _evil_before,
    _evil_before_same_id,
    _evil_around,
    _signed_inside_signature_of_evil,
    _other_identifier_name,
]


def test_a_part_that_is_signed_alone_does_not_make_the_whole_pass(world: World) -> None:
    report = checked(world, octets(part_signed(world)))
    assert said(report) == doubt(SubIndication.SIG_CONSTRAINTS_FAILURE)
    assert report.covered is not None
    assert not report.covered.whole
    assert any("other" in warning for warning in report.covered.warnings)


@pytest.mark.parametrize("move", MOVES)
def test_no_wrapping_passes(move: Callable[[Any, Any, Any], None], world: World) -> None:
    root = part_signed(world)
    move(root, root.find("{urn:sample}body"), root.find(f"{{{DS}}}Signature"))
    assert checked(world, octets(root)).indication is not Indication.PASSED


@pytest.mark.parametrize("move", [_into_wrapper, _evil_before, _evil_around])
def test_no_wrapping_of_a_whole_signed_document_passes(
    move: Callable[[Any, Any, Any], None], world: World, signed: Any
) -> None:
    """The signed root itself becomes a part of another document."""
    inner = copy.deepcopy(signed)
    signature = inner.find(f"{{{DS}}}Signature")
    outer = etree.Element("{urn:sample}form")
    outer.append(inner)
    move(outer, inner, signature)
    assert checked(world, octets(outer)).indication is not Indication.PASSED


def test_a_referenced_root_wrapped_with_its_id(world: World) -> None:
    """#form is signed and is the root; then it is moved below an evil root."""
    whole = sign_xml(world.signer, parsed(), reference="#form")
    assert said(checked(world, octets(whole))) == PASSED
    signature = whole.find(f"{{{DS}}}Signature")
    outer = etree.Element("{urn:sample}form", Id="evil")
    etree.SubElement(outer, "{urn:sample}body")
    outer.append(copy.deepcopy(signature))
    inner = copy.deepcopy(whole)
    inner.remove(inner.find(f"{{{DS}}}Signature"))
    etree.SubElement(outer[1], f"{{{DS}}}Object").append(inner)
    assert checked(world, octets(outer)).indication is not Indication.PASSED


def test_an_object_inside_the_signature_that_is_not_signed_is_told(world: World, signed: Any) -> None:
    whole = copy.deepcopy(signed)
    holder = etree.SubElement(whole.find(f"{{{DS}}}Signature"), f"{{{DS}}}Object")
    etree.SubElement(holder, "attachment").text = "unsigned"
    report = checked(world, octets(whole))
    assert said(report) == doubt(SubIndication.SIG_CONSTRAINTS_FAILURE)
    assert "not signed" in report.reason


def test_a_style_sheet_outside_the_root_is_told(world: World, signed: Any) -> None:
    for file in (
        b'<?xml-stylesheet type="text/xsl" href="evil.xsl"?>' + octets(signed),
        octets(signed) + b"<?evil ?>",
    ):
        assert said(checked(world, file)) == doubt(SubIndication.SIG_CONSTRAINTS_FAILURE)
    assert said(checked(world, b"<!-- a comment -->" + octets(signed))) == PASSED


# ---- XAdES


def properties(root: Any) -> Any:
    return root.find(f".//{{{XADES}}}QualifyingProperties")


def test_signed_properties_must_be_the_ones_that_are_signed(world: World, signed: Any) -> None:
    doubled = copy.deepcopy(signed)
    holder = properties(doubled)
    holder.append(copy.deepcopy(holder[0]))
    assert checked(world, octets(doubled)).indication is Indication.FAILED

    swapped = copy.deepcopy(signed)
    holder = properties(swapped)
    fake = copy.deepcopy(holder[0])
    fake.set("Id", "fake")
    fake.find(f".//{{{XADES}}}SigningTime").text = "2020-01-01T00:00:00Z"
    real = holder[0]
    holder.replace(real, fake)
    etree.SubElement(swapped.find(f"{{{DS}}}Signature"), f"{{{DS}}}Object").append(real)
    assert said(checked(world, octets(swapped))) == failure(SubIndication.FORMAT_FAILURE)

    untyped = octets(signed).replace(b' Type="http://uri.etsi.org/01903#SignedProperties"', b"")
    assert checked(world, untyped).indication is Indication.FAILED


def test_a_certificate_put_in_its_place_is_not_the_bound_one(world: World, signed: Any) -> None:
    """Another certificate for the same key."""
    twin = world.signature_certificate("twin", world.signer.key)
    whole = copy.deepcopy(signed)
    whole.find(f".//{{{DS}}}X509Certificate").text = base64.b64encode(twin.certificate.der).decode()
    assert said(checked(world, octets(whole))) == doubt(SubIndication.NO_SIGNING_CERTIFICATE_FOUND)


def test_a_time_stamp_over_the_value_counts(world: World, signed: Any) -> None:
    whole = copy.deepcopy(signed)
    value = whole.find(f".//{{{DS}}}SignatureValue")
    token = world.authority.token(imprint_of(canonical(value, EXCLUSIVE)), AT)
    unsigned = etree.SubElement(properties(whole), f"{{{XADES}}}UnsignedProperties")
    unsigned = etree.SubElement(unsigned, f"{{{XADES}}}UnsignedSignatureProperties")
    stamp = etree.SubElement(unsigned, f"{{{XADES}}}SignatureTimeStamp")
    method = etree.SubElement(stamp, f"{{{DS}}}CanonicalizationMethod")
    method.set("Algorithm", EXCLUSIVE)
    etree.SubElement(stamp, f"{{{XADES}}}EncapsulatedTimeStamp").text = base64.b64encode(token).decode()
    report = checked(world, octets(whole), at=LATER, answers_of=LATER)
    assert said(report) == PASSED, report.reason
    assert report.best_signature_time == AT
    assert report.level == "T"


# ---- documents that are more than they seem


@pytest.mark.parametrize(
    "prefix",
    [
        '<!DOCTYPE form [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE form [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">]>',
        "<!DOCTYPE form [<!ATTLIST form evil ID #IMPLIED>]>",
        '<!DOCTYPE form SYSTEM "http://127.0.0.1/x.dtd">',
        "<!DOCTYPE form [<!ENTITY big '" + "A" * 100_000 + "'>]>",
    ],
)
def test_document_types_are_refused_before_parsing(prefix: str, world: World, signed: Any) -> None:
    file = prefix.encode() + octets(signed)
    report = checked(world, file)
    assert said(report) == failure(SubIndication.FORMAT_FAILURE)
    assert "document type" in report.reason


def test_other_encodings_are_refused(world: World, signed: Any) -> None:
    text = octets(signed).decode()
    for file in (
        ('<?xml version="1.0" encoding="UTF-16"?>' + text).encode("utf-16"),
        ('<?xml version="1.0" encoding="UTF-7"?>' + text).encode(),
        ('<?xml version="1.0" encoding="ISO-8859-1"?>' + text).encode(),
        text.encode("utf-32"),
        b"<form>\xff</form>",
    ):
        assert checked(world, file).indication is Indication.FAILED
    assert said(checked(world, ('<?xml version="1.0" encoding="UTF-8"?>' + text).encode())) == PASSED


def transformed(signed: Any, algorithm: str, inner: str = "") -> bytes:
    whole = copy.deepcopy(signed)
    transforms = whole.find(f".//{{{DS}}}Transforms")
    transform = etree.fromstring(f'<Transform xmlns="{DS}" Algorithm="{algorithm}">{inner}</Transform>')
    transforms.insert(0, transform)
    return octets(whole)


@pytest.mark.parametrize(
    ("algorithm", "inner"),
    [
        (
            "http://www.w3.org/TR/1999/REC-xslt-19991116",
            '<x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform"/>',
        ),
        ("http://www.w3.org/TR/1999/REC-xpath-19991116", "<XPath>not(ancestor-or-self::other)</XPath>"),
        ("http://www.w3.org/2002/06/xmldsig-filter2", ""),
        (f"{DS}base64", ""),
        (f"{DS}enveloped-signature", ""),
        ("urn:unknown", ""),
        ("", ""),
    ],
)
def test_transforms_that_could_drop_content_are_refused(algorithm: str, inner: str, world: World, signed: Any) -> None:
    assert said(checked(world, transformed(signed, algorithm, inner))) == failure(SubIndication.FORMAT_FAILURE)


def test_references_outward_are_not_followed(world: World, signed: Any) -> None:
    for uri in ("http://127.0.0.1:1/x", "file:///etc/hostname", "other.xml", "#xpointer(id('form'))", "#missing", "#"):
        whole = copy.deepcopy(signed)
        whole.find(f".//{{{DS}}}Reference").set("URI", uri)
        assert said(checked(world, octets(whole))) == failure(SubIndication.FORMAT_FAILURE)


def test_too_many_references_and_too_deep_trees_are_refused(world: World, signed: Any) -> None:
    whole = copy.deepcopy(signed)
    info = whole.find(f".//{{{DS}}}SignedInfo")
    for _ in range(900):
        info.append(copy.deepcopy(info[2]))
    assert said(checked(world, octets(whole))) == failure(SubIndication.FORMAT_FAILURE)
    for depth in (100, 300, 100_000):
        assert said(checked(world, b"<a>" * depth + b"</a>" * depth)) == failure(SubIndication.FORMAT_FAILURE)


def test_weak_algorithms_are_doubts(world: World, signed: Any) -> None:
    text = octets(signed)
    weak_digest = text.replace(b"http://www.w3.org/2001/04/xmlenc#sha256", f"{DS}sha1".encode())
    assert said(checked(world, weak_digest)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)
    for method in (f"{DS}hmac-sha1", f"{DS}rsa-sha1", f"{DS}dsa-sha1", "urn:x"):
        changed = text.replace(b"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", method.encode())
        assert said(checked(world, changed)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)


def test_another_kind_of_key_than_the_method_says(world: World, signed: Any) -> None:
    changed = octets(signed).replace(b"xmldsig-more#ecdsa-sha256", b"xmldsig-more#rsa-sha256")
    assert said(checked(world, changed)) == failure(SubIndication.SIG_CRYPTO_FAILURE)


def test_a_detached_document_is_digested_as_it_is(world: World) -> None:
    """A signature file whose reference names the filing by its name, built by hand."""
    document = b"form,2-1 Mihon\n"
    root = sign_by_signxml(world.signer, parsed("<x/>"), SignatureConstructionMethod.enveloping, INCLUSIVE)
    reference = root.find(f".//{{{DS}}}Reference")
    assert reference is not None
    # made anew over the document: SignedInfo is signed again with the same key
    reference.set("URI", "form.csv")
    for transforms in reference.findall(f"{{{DS}}}Transforms"):
        reference.remove(transforms)
    reference.find(f"{{{DS}}}DigestValue").text = base64.b64encode(hashlib.sha256(document).digest()).decode()
    for holder in root.findall(f"{{{DS}}}Object"):
        if holder.find(f"{{{XADES}}}QualifyingProperties") is None:
            root.remove(holder)
    resigned = _resign(root, world.signer)
    assert said(checked(world, octets(resigned), document)) == PASSED
    assert said(checked(world, octets(resigned), document + b"!")) == failure(SubIndication.HASH_FAILURE)
    assert checked(world, octets(resigned)).indication is Indication.FAILED


def _resign(root: Any, holder: Holder) -> Any:
    info = canonical(root.find(f"{{{DS}}}SignedInfo"), INCLUSIVE)
    root.find(f"{{{DS}}}SignatureValue").text = b64(ecdsa_value(holder, info))
    return root


def test_damaged_documents_never_crash(world: World, signed: Any) -> None:
    file = octets(signed)
    for step in range(0, len(file), max(1, len(file) // 150)):
        for bit in (0x01, 0x20):
            damaged = bytearray(file)
            damaged[step] ^= bit
            assert checked(world, bytes(damaged)).indication is not Indication.PASSED or _is_outside(file, step)


def _is_outside(file: bytes, step: int) -> bool:
    """White space and the unsigned key value: the only octets that may change."""
    start, end = file.find(b"<ds:KeyInfo"), file.find(b"</ds:KeyInfo>") + 13
    return start <= step < end or file[step : step + 1].isspace()


def test_two_signers_keys_do_not_mix(world: World, signed: Any) -> None:
    other = world.signature_certificate("other", ec_key("other"))
    theirs = sign_xml(other, parsed())
    whole = copy.deepcopy(signed)
    mine, value = whole.find(f".//{{{DS}}}SignatureValue"), theirs.find(f".//{{{DS}}}SignatureValue")
    mine.text = value.text
    assert said(checked(world, octets(whole))) == failure(SubIndication.SIG_CRYPTO_FAILURE)


def test_a_manifest_is_refused(world: World, signed: Any) -> None:
    """Its own references would be digested by nobody."""
    for kind in ("Manifest", "Object#Manifest"):
        whole = copy.deepcopy(signed)
        whole.find(f".//{{{DS}}}Reference").set("Type", f"{DS}{kind}")
        report = checked(world, octets(whole))
        assert said(report) == failure(SubIndication.FORMAT_FAILURE)
        assert "Manifest" in report.reason
