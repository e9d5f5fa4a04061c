"""OCSP requests, read (RFC 6960 4.1).

OCSPRequest     30  tbsRequest  [0] Signature?
TBSRequest      30  [0] version?  [1] requestorName?  30 requestList  [2] extensions?
Request         30  CertID  [0] singleRequestExtensions?
CertID          30  AlgorithmIdentifier  issuerNameHash  issuerKeyHash  serialNumber
"""

from dataclasses import dataclass

from pki import der, oids
from pki.algorithms import HASH_OIDS
from pki.der import Node
from pki.errors import Malformed

MAX_REQUESTS = 100
"""More certificates in one request are refused: each costs a look-up and its octets in a signed answer."""

NONCE_OCTETS = range(1, 129)
"""RFC 9654 2.1: a nonce has 1 to 128 octets; anything else is a malformed request."""

_HASH_NAMES = {dotted: name for name, dotted in HASH_OIDS.items()}
_HASH_NAME_OF = {der.oid(dotted): name for dotted, name in _HASH_NAMES.items()}


@dataclass(frozen=True, slots=True)
class AskedCertificate:
    """One CertID as it was sent. `hash_name` is None for a hash that is not spoken here; `encoded` is echoed."""

    encoded: bytes
    hash_name: str | None
    name_hash: bytes
    key_hash: bytes
    serial: int


@dataclass(frozen=True, slots=True)
class RequestSignature:
    """The requester's signature over the TBSRequest, not yet verified."""

    signed: bytes
    algorithm: bytes
    signature: bytes
    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class OcspRequest:
    """A request: what is asked, the nonce to echo (its octets, None if there is none), and who signed it."""

    asked: tuple[AskedCertificate, ...]
    nonce: bytes | None
    signature: RequestSignature | None


def parse_request(octets: bytes) -> OcspRequest:
    """Read an OCSPRequest.

    Errors: Malformed for anything but DER of that type, no or too many CertIDs, a nonce that RFC 9654 does not allow,
    and a critical extension that is not understood (RFC 6960 4.4: it must be refused).
    """
    parts = der.read_whole(octets).expect(der.SEQUENCE, "an OCSPRequest").children()
    if not 1 <= len(parts) <= 2:
        raise Malformed("an OCSPRequest of one or two parts expected", 0)
    tbs = parts[0].expect(der.SEQUENCE, "a TBSRequest")
    fields = tbs.children()
    if fields and fields[0].tag == 0xA0:
        version = fields.pop(0).children()
        # DER leaves the default out, but some requesters write v1: it says the same.
        if len(version) != 1 or version[0].integer() != 0:
            raise Malformed("version 1 expected", tbs.content_start)
    if fields and fields[0].tag == 0xA1:
        del fields[0]
    if not fields:
        raise Malformed("a requestList expected", tbs.start)
    asked = tuple(_asked(node) for node in _bounded(fields.pop(0)))
    if not asked:
        raise Malformed("a requestList with a request in it expected", tbs.start)
    nonce = None
    if fields and fields[0].tag == 0xA2:
        nonce = _request_extensions(fields.pop(0))
    if fields:
        raise Malformed("nothing after requestExtensions expected", fields[0].start)
    return OcspRequest(asked, nonce, _signature(tbs, parts[1]) if len(parts) == 2 else None)


def slice_request(octets: bytes, front: bytes, hash_name: str, hash_octets: int) -> OcspRequest | None:
    """Read the request that nearly everybody sends: one CertID that begins with `front`, and perhaps a nonce.

    `front` is hash algorithm, name hash and key hash of an issuer, encoded. The few octets between are not parsed: they
    are written anew and must come out the same, so whatever this reads `parse_request` reads too, and in the same way.
    None for every other request, right or wrong.
    """
    place = octets.find(front, 8, 24 + len(front))
    if place < 0:
        return None
    after = place + len(front)
    if len(octets) < after + 3 or octets[after] != der.INTEGER:
        return None
    end = after + 2 + octets[after + 1]
    cert_id = octets[place - 2 : end]
    serial = octets[after + 2 : end]
    nonce = _sliced_nonce(octets, end) if end < len(octets) else None
    size = len(cert_id)
    # Lengths below 128 throughout: SHA-1 and SHA-256, and no serial of over 20 octets.
    if size > 0x7B or not 0 < len(serial) <= 20 or serial[0] & 0x80 or (serial[0] == 0 and serial[1:2] < b"\x80"):
        return None
    body = b"\x30%c\x30%c\x30%c%b" % (size + 2, size, size - 2, cert_id[2:])
    if nonce is not None:
        count = len(nonce)
        body += b"\xa2%c\x30%c\x30%c%b\x04%c\x04%c%b" % (
            count + 19,
            count + 17,
            count + 15,
            _NONCE,
            count + 2,
            count,
            nonce,
        )
    if _wrapped(_wrapped(body)) != octets:
        return None
    name_hash, key_hash = front[-2 * hash_octets - 2 : -hash_octets - 2], front[-hash_octets:]
    asked = AskedCertificate(cert_id, hash_name, name_hash, key_hash, int.from_bytes(serial))
    return OcspRequest((asked,), nonce, None)


_NONCE = der.oid(oids.OCSP_NONCE)


def _sliced_nonce(octets: bytes, end: int) -> bytes | None:
    count = len(octets) - end - 21
    return octets[-count:] if 0 < count <= 100 else None


def _wrapped(body: bytes) -> bytes:
    size = len(body)
    return (bytes((0x30, size)) if size < 0x80 else bytes((0x30, 0x81, size))) + body if size < 0x100 else b""


def _bounded(request_list: Node) -> list[Node]:
    found: list[Node] = []
    for node in request_list.expect(der.SEQUENCE, "a requestList").iterate():
        if len(found) == MAX_REQUESTS:
            raise Malformed(f"at most {MAX_REQUESTS} requests in one expected", node.start)
        found.append(node)
    return found


def _asked(request: Node) -> AskedCertificate:
    parts = request.expect(der.SEQUENCE, "a Request").children()
    if not 1 <= len(parts) <= 2:
        raise Malformed("a Request of one or two parts expected", request.start)
    if len(parts) == 2:
        for dotted, critical, value in _extensions(parts[1]):
            if critical:
                raise Malformed(f"no critical extension {dotted} expected", value.start)
    fields = parts[0].expect(der.SEQUENCE, "a CertID").children()
    if len(fields) != 4:
        raise Malformed("a CertID of four parts expected", parts[0].start)
    algorithm = fields[0].expect(der.SEQUENCE, "an AlgorithmIdentifier").children()
    if not 1 <= len(algorithm) <= 2:
        raise Malformed("an AlgorithmIdentifier expected", fields[0].start)
    algorithm[0].oid()
    hash_name = _HASH_NAME_OF.get(algorithm[0].raw)
    if len(algorithm) == 2 and (algorithm[1].tag != der.NULL or algorithm[1].value):
        hash_name = None
    if fields[3].tag != der.INTEGER:
        raise Malformed("a serial number expected", fields[3].start)
    return AskedCertificate(parts[0].raw, hash_name, fields[1].octets(), fields[2].octets(), fields[3].integer())


def _request_extensions(wrapped: Node) -> bytes | None:
    nonce = None
    for dotted, critical, value in _extensions(wrapped):
        if dotted == oids.OCSP_NONCE:
            inner = der.read_whole(value.octets())
            nonce = inner.octets()
            if len(nonce) not in NONCE_OCTETS:
                raise Malformed("a nonce of 1 to 128 octets expected", value.start)
        elif critical:
            raise Malformed(f"no critical extension {dotted} expected", value.start)
    return nonce


def _extensions(wrapped: Node) -> list[tuple[str, bool, Node]]:
    inner = wrapped.expect(wrapped.tag, "extensions").children()
    if wrapped.tag not in (0xA0, 0xA2) or len(inner) != 1:
        raise Malformed("extensions expected", wrapped.start)
    found: list[tuple[str, bool, Node]] = []
    for node in inner[0].expect(der.SEQUENCE, "extensions").iterate():
        parts = node.expect(der.SEQUENCE, "an Extension").children()
        if not 2 <= len(parts) <= 3:
            raise Malformed("an Extension of two or three parts expected", node.start)
        dotted = parts[0].oid()
        if any(dotted == other for other, _, _ in found):
            raise Malformed(f"one extension {dotted} expected", node.start)
        found.append((dotted, len(parts) == 3 and parts[1].boolean(), parts[-1].expect(der.OCTET_STRING, "extnValue")))
    return found


def _signature(tbs: Node, wrapped: Node) -> RequestSignature:
    if wrapped.tag != 0xA0:
        raise Malformed("a Signature expected", wrapped.start)
    inner = wrapped.children()
    if len(inner) != 1:
        raise Malformed("a Signature expected", wrapped.start)
    parts = inner[0].expect(der.SEQUENCE, "a Signature").children()
    if not 2 <= len(parts) <= 3:
        raise Malformed("a Signature of two or three parts expected", inner[0].start)
    certificates: tuple[bytes, ...] = ()
    if len(parts) == 3:
        listed = parts[2].children() if parts[2].tag == 0xA0 else []
        if len(listed) != 1:
            raise Malformed("certificates expected", parts[2].start)
        certificates = tuple(node.raw for node in listed[0].expect(der.SEQUENCE, "certificates").iterate())
    return RequestSignature(
        tbs.raw, parts[0].expect(der.SEQUENCE, "an AlgorithmIdentifier").raw, parts[1].bits(), certificates
    )
