"""OCSP responses, read (RFC 6960 4.2): strict in the encoding, patient with the contents, for lint and replay."""

from dataclasses import dataclass

from ca.crl_reading import Extension, read_extensions
from pki import der, oids
from pki.certificate import Certificate
from pki.der import Node
from pki.errors import Malformed
from pki.instant import Instant


@dataclass(frozen=True, slots=True)
class ReadCertId:
    """A CertID as it stands; `hash_oid` may be any."""

    encoded: bytes
    hash_oid: str
    name_hash: bytes
    key_hash: bytes
    serial: int


@dataclass(frozen=True, slots=True)
class ReadSingle:
    """One SingleResponse. `status` is `good`, `revoked` or `unknown`."""

    cert_id: ReadCertId
    status: str
    revoked_at: Instant | None
    reason: int | None
    this_update: Instant
    next_update: Instant | None
    extensions: tuple[Extension, ...]


@dataclass(frozen=True, slots=True)
class ReadResponse:
    """A successful response. `responder_name` or `responder_key` is set; `version` is the number written, 0 for v1."""

    tbs: bytes
    version: int
    responder_name: bytes | None
    responder_key: bytes | None
    produced_at: Instant
    singles: tuple[ReadSingle, ...]
    extensions: tuple[Extension, ...]
    algorithm: bytes
    signature: bytes
    certificates: tuple[Certificate, ...]

    def nonce(self) -> bytes | None:
        """The octets that hold the nonce, None without one. Errors: Malformed."""
        for extension in self.extensions:
            if extension.oid == oids.OCSP_NONCE:
                return der.read_whole(extension.value).octets()
        return None


def response_status(octets: bytes) -> int:
    """responseStatus of an OCSPResponse. Errors: Malformed for anything else."""
    parts = der.read_whole(octets).expect(der.SEQUENCE, "an OCSPResponse").children()
    if not 1 <= len(parts) <= 2:
        raise Malformed("an OCSPResponse of one or two parts expected", 0)
    return parts[0].expect(der.ENUMERATED, "a responseStatus").integer()


def parse_response(octets: bytes) -> ReadResponse:
    """A successful OCSPResponse of type basic. Errors: Malformed, also for an unsuccessful one."""
    parts = der.read_whole(octets).expect(der.SEQUENCE, "an OCSPResponse").children()
    if len(parts) != 2 or parts[1].tag != 0xA0:
        raise Malformed("responseBytes expected", 0)
    kind, body = _exactly(_exactly(parts[1], 1)[0].expect(der.SEQUENCE, "ResponseBytes"), 2)
    if kind.oid() != oids.OCSP_BASIC:
        raise Malformed("a basic response expected", kind.start)
    basic = der.read_whole(body.octets()).expect(der.SEQUENCE, "a BasicOCSPResponse").children()
    if not 3 <= len(basic) <= 4:
        raise Malformed("a BasicOCSPResponse of three or four parts expected", 0)
    certificates: tuple[Certificate, ...] = ()
    if len(basic) == 4:
        (listed,) = _exactly(basic[3].expect(0xA0, "certs"), 1)
        certificates = tuple(Certificate(node.raw) for node in listed.expect(der.SEQUENCE, "certs").iterate())
    fields = basic[0].expect(der.SEQUENCE, "a ResponseData").children()
    version = _exactly(fields.pop(0), 1)[0].integer() if fields and fields[0].tag == 0xA0 else 0
    if len(fields) < 3:
        raise Malformed("a ResponseData with its fields expected", basic[0].start)
    name, key = _responder(fields[0])
    extensions: tuple[Extension, ...] = ()
    if len(fields) > 3:
        (inner,) = _exactly(fields[3].expect(0xA1, "responseExtensions"), 1)
        extensions = read_extensions(inner)
    return ReadResponse(
        basic[0].raw,
        version,
        name,
        key,
        fields[1].expect(der.GENERALIZED_TIME, "producedAt").instant(),
        tuple(_single(node) for node in fields[2].expect(der.SEQUENCE, "responses").iterate()),
        extensions,
        basic[1].expect(der.SEQUENCE, "an AlgorithmIdentifier").raw,
        basic[2].bits(),
        certificates,
    )


def _responder(node: Node) -> tuple[bytes | None, bytes | None]:
    (inner,) = _exactly(node, 1)
    if node.tag == 0xA1:
        return inner.expect(der.SEQUENCE, "a Name").raw, None
    if node.tag == 0xA2:
        return None, inner.octets()
    raise Malformed("a ResponderID expected", node.start)


def _single(node: Node) -> ReadSingle:
    parts = node.expect(der.SEQUENCE, "a SingleResponse").children()
    if not 3 <= len(parts) <= 5:
        raise Malformed("a SingleResponse of three to five parts expected", node.start)
    status, revoked_at, reason = _status(parts[1])
    next_update = None
    extensions: tuple[Extension, ...] = ()
    for part in parts[3:]:
        (inner,) = _exactly(part, 1)
        if part.tag == 0xA0:
            next_update = inner.expect(der.GENERALIZED_TIME, "nextUpdate").instant()
        elif part.tag == 0xA1:
            extensions = read_extensions(inner)
        else:
            raise Malformed("nextUpdate or singleExtensions expected", part.start)
    this_update = parts[2].expect(der.GENERALIZED_TIME, "thisUpdate").instant()
    return ReadSingle(_cert_id(parts[0]), status, revoked_at, reason, this_update, next_update, extensions)


def _status(node: Node) -> tuple[str, Instant | None, int | None]:
    if node.tag in (0x80, 0x82) and not node.value:
        return ("good" if node.tag == 0x80 else "unknown"), None, None
    if node.tag != 0xA1:
        raise Malformed("a CertStatus expected", node.start)
    parts = node.children()
    if not 1 <= len(parts) <= 2:
        raise Malformed("a RevokedInfo of one or two parts expected", node.start)
    reason = None
    if len(parts) == 2:
        reason = _exactly(parts[1].expect(0xA0, "revocationReason"), 1)[0].expect(der.ENUMERATED, "it").integer()
    return "revoked", parts[0].expect(der.GENERALIZED_TIME, "revocationTime").instant(), reason


def _cert_id(node: Node) -> ReadCertId:
    fields = _exactly(node.expect(der.SEQUENCE, "a CertID"), 4)
    algorithm = fields[0].expect(der.SEQUENCE, "an AlgorithmIdentifier").children()
    if not algorithm:
        raise Malformed("an AlgorithmIdentifier expected", fields[0].start)
    return ReadCertId(node.raw, algorithm[0].oid(), fields[1].octets(), fields[2].octets(), fields[3].integer())


def _exactly(node: Node, count: int) -> list[Node]:
    parts = node.children()
    if len(parts) != count:
        raise Malformed(f"{count} elements expected", node.start)
    return parts
