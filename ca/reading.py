"""A TBSCertificate as the judge reads it: its parts by name, with their octets, nothing decided yet.

This reader shares no code with the template that writes: what one gets wrong, the other shows.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from pki import der, oids
from pki.errors import Malformed
from pki.instant import Instant

VARYING = frozenset(
    {
        "serial",
        "subject",
        "spki",
        "not_before",
        "not_after",
        "life",
        oids.SUBJECT_KEY_IDENTIFIER,
        oids.SUBJECT_ALT_NAME,
    }
)
"""Parts that differ from certificate to certificate."""


@dataclass(frozen=True, slots=True)
class ReadExtension:
    """One extension as found. `explicit_false`: criticality FALSE was written out, which DER forbids.

    `repeated`: the octets that an authority writes again and again: all of them, or those before the value where the
    value is one of `VARYING`.
    """

    oid: str
    critical: bool
    explicit_false: bool
    value: bytes
    repeated: bytes


@dataclass(frozen=True, slots=True)
class ReadCertificate:
    """The parts of a TBSCertificate (RFC 5280 4.1), encoded unless said otherwise.

    `version` is the number written (2 for v3), `serial` its content octets, `unique_identifiers` whether field [1] or
    [2] is there.
    """

    version: int
    serial: bytes
    algorithm: bytes
    issuer: bytes
    not_before: bytes
    not_after: bytes
    subject: bytes
    spki: bytes
    unique_identifiers: bool
    extensions: tuple[ReadExtension, ...]

    @property
    def repeated(self) -> tuple[object, ...]:
        """Every part that is not one of `VARYING`: two certificates that agree in this agree in all of those."""
        outline = tuple([extension.repeated for extension in self.extensions])
        return self.version, self.algorithm, self.issuer, self.unique_identifiers, outline

    def only(self, reads: tuple[str, ...]) -> "ReadCertificate":
        """A certificate that has these parts and nothing else: who asks for another is shown that it is not there."""
        outline = "layout" in reads or "explicit" in reads
        kept = [
            one if one.oid in reads else ReadExtension(one.oid, one.critical, one.explicit_false, b"", b"")
            for one in self.extensions
            if outline or one.oid in reads
        ]
        shown: dict[str, Any] = {name: getattr(self, name) if name in reads else hidden for name, hidden in _HIDDEN}
        return ReadCertificate(**shown, extensions=tuple(kept))

    @property
    def explicit(self) -> tuple[str, ...]:
        """Types of the extensions that write their criticality FALSE out."""
        return tuple([extension.oid for extension in self.extensions if extension.explicit_false])

    @property
    def life(self) -> tuple[Instant, Instant]:
        """notBefore and notAfter. Errors: Malformed."""
        return _instant(self.not_before), _instant(self.not_after)

    def find(self, oid: str) -> ReadExtension | None:
        """The first extension of this type."""
        for extension in self.extensions:
            if extension.oid == oid:
                return extension
        return None


@lru_cache(maxsize=256)
def _instant(encoded: bytes) -> Instant:
    return der.read_whole(encoded).instant()


_HIDDEN: tuple[tuple[str, Any], ...] = (
    ("version", -1),
    ("serial", b""),
    ("algorithm", b""),
    ("issuer", b""),
    ("not_before", b""),
    ("not_after", b""),
    ("subject", b""),
    ("spki", b""),
    ("unique_identifiers", False),
)
"""The fields before the extensions, in their order, and what stands for one that is not shown."""


def read_tbs(tbs: bytes) -> ReadCertificate:
    """The parts of a TBSCertificate in DER. Errors: Malformed with the offset."""
    fields = der.read_whole(tbs).expect(der.SEQUENCE, "a TBSCertificate").children()
    version = 0
    if fields and fields[0].tag == 0xA0:
        (number,) = _exactly(fields[0], 1)
        version = number.integer()
        fields = fields[1:]
    if len(fields) < 6:
        raise Malformed("a TBSCertificate with its six fields expected", 0)
    serial, algorithm, issuer, validity, subject, spki, *rest = fields
    serial.integer()
    not_before, not_after = _exactly(validity.expect(der.SEQUENCE, "a Validity"), 2)
    unique = False
    while rest and rest[0].tag in (0x81, 0x82):
        unique, rest = True, rest[1:]
    extensions: tuple[ReadExtension, ...] = ()
    if rest and rest[0].tag == 0xA3:
        (listed,) = _exactly(rest[0], 1)
        extensions = tuple([_extension(node) for node in listed.expect(der.SEQUENCE, "Extensions").children()])
        if not extensions:
            raise Malformed("at least one extension expected", listed.start)
        rest = rest[1:]
    if rest:
        raise Malformed("a field that a TBSCertificate does not have", rest[0].start)
    return ReadCertificate(
        version,
        serial.value,
        algorithm.expect(der.SEQUENCE, "an AlgorithmIdentifier").raw,
        issuer.expect(der.SEQUENCE, "a Name").raw,
        not_before.raw,
        not_after.raw,
        subject.expect(der.SEQUENCE, "a Name").raw,
        spki.expect(der.SEQUENCE, "a SubjectPublicKeyInfo").raw,
        unique,
        extensions,
    )


def _exactly(node: der.Node, count: int) -> list[der.Node]:
    parts = node.children()
    if len(parts) != count:
        raise Malformed(f"{count} element(s) expected", node.start)
    return parts


def _extension(node: der.Node) -> ReadExtension:
    try:
        return _read_extension(node.expect(der.SEQUENCE, "an Extension").raw)
    except Malformed as error:
        raise Malformed(error.what, node.start if error.offset is None else node.start + error.offset) from None


@lru_cache(maxsize=256)
def _read_extension(encoded: bytes) -> ReadExtension:
    """Seven extensions in nine are the same octets in every certificate of an authority: they are read once."""
    node = der.read(encoded)
    parts = node.children()
    critical = explicit_false = False
    if len(parts) == 3:
        critical = parts[1].boolean()
        explicit_false = not critical
    elif len(parts) != 2:
        raise Malformed("an Extension of two or three parts expected", node.start)
    oid = parts[0].oid()
    repeated = encoded[node.content_start : parts[-1].start] if oid in VARYING else encoded
    return ReadExtension(oid, critical, explicit_false, parts[-1].octets(), repeated)


class GeneralName(NamedTuple):
    """One of GeneralNames (RFC 5280 4.2.1.6). `other`: type and value of an otherName, None for the other kinds."""

    node: der.Node
    other: tuple[str, der.Node] | None


@lru_cache(maxsize=16)
def read_general_names(encoded: bytes) -> tuple[GeneralName, ...]:
    """The names of a GeneralNames, which several rules ask for. Errors: Malformed."""
    return tuple(
        [_general_name(part) for part in der.read_whole(encoded).expect(der.SEQUENCE, "GeneralNames").children()]
    )


def _general_name(part: der.Node) -> GeneralName:
    if part.tag != 0xA0:
        return GeneralName(part, None)
    kind, value = _exactly(part, 2)
    return GeneralName(part, (kind.oid(), value))
