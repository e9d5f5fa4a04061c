"""An XML document as its octets alone make it, and the canonical octets of its elements (C14N 1.0, 1.1, exclusive).

Every way around an XML signature begins with two readers that see two documents. So: UTF-8 without any DOCTYPE; an
identifier that is referenced names exactly one element; an element is told by its place.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree

from verifier.errors import FormatFailure
from verifier.policy import Policy

DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
XADES_141: Final = "http://uri.etsi.org/01903/v1.4.1#"
SIGNED_PROPERTIES: Final = "http://uri.etsi.org/01903#SignedProperties"
ENVELOPED: Final = f"{DS}enveloped-signature"
_XML: Final = "{http://www.w3.org/XML/1998/namespace}"
MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
DIGESTS: Final = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    f"{MORE}sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
    f"{DS}sha1": "sha1",
}
MORE_2007: Final = "http://www.w3.org/2007/05/xmldsig-more#"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"

CANONICAL: Final[Mapping[str, tuple[bool, bool]]] = {
    # identifier → (exclusive, with comments); C14N 1.1 differs from 1.0 in inherited xml:id and xml:base only
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315": (False, False),
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments": (False, True),
    "http://www.w3.org/2006/12/xml-c14n11": (False, False),
    "http://www.w3.org/2006/12/xml-c14n11#WithComments": (False, True),
    _EXCLUSIVE: (True, False),
    f"{_EXCLUSIVE}WithComments": (True, True),
}
_DEFAULT_CANONICAL: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_IDENTIFIERS: Final = ("Id", "ID", "id", f"{_XML}id")

Element = Any
"""An lxml element; the library has no types."""


@dataclass(slots=True)
class Whole:
    """A parsed document with every identifier in it."""

    root: Element
    identified: dict[str, list[Element]] = field(default_factory=dict)

    def element(self, identifier: str) -> Element:
        """The one element of that identifier. Errors: FormatFailure if there is none, or more than one."""
        found = self.identified.get(identifier, [])
        if len(found) != 1:
            raise FormatFailure(
                f"{len(found)} elements bear the identifier that is referenced", "XMLDSig 4.4.3.2; xml:id 4"
            )
        return found[0]

    def place(self, element: Element) -> str:
        """Where an element stands, like `/form[1]/body[1]`, by local names."""
        steps: list[str] = []
        node: Element | None = element
        while node is not None:
            parent = node.getparent()
            twins = [node] if parent is None else [other for other in parent if other.tag == node.tag]
            steps.append(f"{etree.QName(node).localname}[{twins.index(node) + 1}]")
            node = parent
        return "/" + "/".join(reversed(steps))


def parse_document(octets: bytes, policy: Policy) -> Whole:
    """Parse, entities and all document types refused. Errors: FormatFailure."""
    if len(octets) > policy.limits.document_octets:
        raise FormatFailure("it is larger than is accepted", "limits")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        raise FormatFailure("it is not UTF-8", "XML 1.0 4.3.3") from bad
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        # a document type can rename identifiers, pull in files and multiply text; no signed filing needs one
        raise FormatFailure("it has a document type", "XMLDSig best practices 2.1.2")
    if not (declaration := text.lstrip()[:200].split("?>", 1)[0]).startswith("<?xml") or "encoding" not in declaration:
        pass
    elif "utf-8" not in declaration.lower():
        raise FormatFailure("it declares another encoding than UTF-8", "XML 1.0 4.3.3")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError) as bad:
        raise FormatFailure("it is not well-formed XML", "XML 1.0 2.1") from bad
    whole = Whole(root)
    for count, (element, depth) in enumerate(_walk(root)):
        if count > policy.limits.elements or depth > policy.limits.depth:
            raise FormatFailure("too many or too deeply nested elements", "limits")
        if not isinstance(element.tag, str):
            continue
        for name in _IDENTIFIERS:
            value = element.get(name)
            if value is not None:
                whole.identified.setdefault(value, []).append(element)
    return whole


def _walk(root: Element) -> Iterator[tuple[Element, int]]:
    depth = 0
    for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if event == "start":
            depth += 1
            yield element, depth
        elif event == "end":
            depth -= 1


def canonical(element: Element, method: Element | None, *, without: Element | None = None) -> bytes:
    """The canonical octets of an element in its document, `without` one below it.

    `method`: an element whose Algorithm names the canonicalisation; None: the standard's default.
    Errors: FormatFailure.
    """
    algorithm = _DEFAULT_CANONICAL if method is None else method.get("Algorithm", "")
    if algorithm not in CANONICAL:
        raise FormatFailure("a canonicalisation that is not accepted here", "XMLDSig 6.5")
    exclusive, with_comments = CANONICAL[algorithm]
    prefixes = _inclusive_prefixes(method) if exclusive and method is not None else []
    # lxml canonicalises whole trees: writing the element out carries every namespace in scope along
    copy = etree.fromstring(etree.tostring(element, with_tail=False), etree.XMLParser(resolve_entities=False))
    if without is not None:
        _drop(copy, _steps(element, without))
    if not exclusive:
        for name, text in _inherited(element).items():
            if copy.get(name) is None:
                copy.set(name, text)
    return etree.tostring(
        copy,
        method="c14n",
        exclusive=exclusive,
        with_comments=with_comments,
        inclusive_ns_prefixes=prefixes or None,
    )


@dataclass(frozen=True, slots=True)
class Reference:
    """One ds:Reference, resolved."""

    element: Element | None
    """None: the document that was handed in beside the XML."""
    type: str
    digest: str
    expected: bytes
    octets: bytes
    """As they were digested."""
    nodes: bool = False
    """Whether its transforms end in nodes: whoever needs their octets for something else canonicalises anew."""
    without: Element | None = None
    """What the transforms left out."""

    def octets_by(self, method: Element | None) -> bytes:
        """What is referenced, canonicalised by `method` where the transforms do not say how (EN 319 132-1 4.5)."""
        return canonical(self.element, method, without=self.without) if self.nodes else self.octets


def one(parent: Element, name: str) -> Element:
    found = parent.findall(f"{{{DS}}}{name}")
    if len(found) != 1:
        raise FormatFailure(f"{len(found)} × {name} where one belongs", "XMLDSig 4")
    return found[0]


def maybe(parent: Element, name: str) -> Element | None:
    found = parent.findall(f"{{{DS}}}{name}")
    if len(found) > 1:
        raise FormatFailure(f"{len(found)} × {name} where one belongs", "XMLDSig 4")
    return found[0] if found else None


def from_base64(text: str | None) -> bytes:
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except (binascii.Error, ValueError) as bad:
        raise FormatFailure("base64 expected", "XMLDSig 4.1") from bad


def _inclusive_prefixes(method: Element) -> list[str]:
    lists = method.findall(f"{{{_EXCLUSIVE}}}InclusiveNamespaces")
    if len(lists) != len(method) or len(lists) > 1:
        raise FormatFailure("a canonicalisation with unknown parameters", "Exclusive C14N 3")
    return lists[0].get("PrefixList", "").split() if lists else []


def _inherited(element: Element) -> dict[str, str]:
    """xml:* attributes of the ancestors, the nearest of each (C14N 2.4)."""
    found: dict[str, str] = {}
    for parent in element.iterancestors():
        for name, text in parent.attrib.items():
            if str(name).startswith(_XML) and name != f"{_XML}id":
                found.setdefault(str(name), str(text))
    return found


def _steps(ancestor: Element, element: Element) -> list[int]:
    steps: list[int] = []
    node = element
    while node is not ancestor:
        parent = node.getparent()
        assert parent is not None  # the caller has seen `ancestor` above `element`
        steps.append(parent.index(node))
        node = parent
    return steps[::-1]


def _drop(root: Element, steps: list[int]) -> None:
    """Take one element out and leave the text behind it where it is."""
    node = root
    for step in steps:
        node = node[step]
    parent, before, tail = node.getparent(), node.getprevious(), node.tail
    assert parent is not None
    if tail:
        if before is not None:
            before.tail = (before.tail or "") + tail
        else:
            parent.text = (parent.text or "") + tail
    parent.remove(node)
