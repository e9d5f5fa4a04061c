"""DER (X.690): a writer that can only write DER, and a strict reader that keeps every octet it read.

identifier octet   class (2 bits) | constructed (1 bit) | tag number (5 bits); numbers over 30 are not used here
length octets      short form below 128, else 0x80|n and n octets, as few as possible
content octets
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Final, final

from pki.errors import InvalidValue, Malformed
from pki.instant import Instant

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID, ENUMERATED = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A
UTF8_STRING, PRINTABLE_STRING, IA5_STRING = 0x0C, 0x13, 0x16
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31

MAX_DEPTH = 64
"""Deeper nesting than this is an attack, not a certificate."""

MAX_OID = 128
"""Octets of an OBJECT IDENTIFIER: one of a megabyte would be read in quadratic time, and could not be written down."""

_FIRST_GENERALIZED = Instant.parse("2050-01-01T00:00:00Z")
_FIRST_UTC = Instant.parse("1950-01-01T00:00:00Z")
_PRINTABLE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")


# ---- writing

_OCTET: Final = [bytes((octet,)) for octet in range(256)]
"""Every octet as octets: to take one is quicker than to make one, and nearly every element is made of two."""


def length(count: int) -> bytes:
    """The length octets for a content of `count` octets."""
    if count < 0x80:
        return _OCTET[count]
    if count < 0x10000:
        return b"\x81" + _OCTET[count] if count < 0x100 else b"\x82" + _OCTET[count >> 8] + _OCTET[count & 0xFF]
    octets = count.to_bytes((count.bit_length() + 7) // 8)
    return bytes((0x80 | len(octets),)) + octets


def tlv(tag: int, *content: bytes) -> bytes:
    """One element: `tag` is the whole identifier octet, the contents are joined."""
    body = content[0] if len(content) == 1 else b"".join(content)
    return _OCTET[tag] + length(len(body)) + body


def sequence(*content: bytes) -> bytes:
    """SEQUENCE of elements that are already encoded."""
    return tlv(SEQUENCE, *content)


def set_of(*content: bytes) -> bytes:
    """SET OF: the elements are put in ascending order of their encodings (X.690 11.6)."""
    return tlv(SET, *sorted(content))


def context(number: int, *content: bytes, constructed: bool = True) -> bytes:
    """A context-specific element [number]: explicit around an element, or implicit around its content."""
    return tlv(0x80 | (0x20 if constructed else 0) | number, *content)


def boolean(value: bool) -> bytes:
    """BOOLEAN: FF or 00."""
    return tlv(BOOLEAN, b"\xff" if value else b"\x00")


def integer(value: int) -> bytes:
    """INTEGER in two's complement, as short as can be."""
    return tlv(INTEGER, _two_complement(value))


def enumerated(value: int) -> bytes:
    """ENUMERATED."""
    return tlv(ENUMERATED, _two_complement(value))


def _two_complement(value: int) -> bytes:
    bits = value.bit_length() if value >= 0 else (value + 1).bit_length()
    return value.to_bytes(bits // 8 + 1, signed=True)


def null() -> bytes:
    """NULL."""
    return b"\x05\x00"


def octet_string(content: bytes) -> bytes:
    """OCTET STRING, primitive."""
    return tlv(OCTET_STRING, content)


def bit_string(content: bytes, unused: int = 0) -> bytes:
    """BIT STRING, primitive; `unused` bits at the end of the last octet do not count."""
    return tlv(BIT_STRING, bytes((unused,)), content)


def named_bits(*positions: int) -> bytes:
    """BIT STRING with named bits: those at `positions` set, zeros at the end dropped (X.690 11.2.2)."""
    if not positions:
        return bit_string(b"")
    size = max(positions) + 1
    value = sum(1 << (size - 1 - position) for position in set(positions))
    unused = -size % 8
    return bit_string((value << unused).to_bytes((size + 7) // 8), unused)


@cache
def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER from its dotted form. Errors: InvalidValue for what is none."""
    try:
        first, second, *rest = (int(arc) for arc in dotted.split("."))
    except ValueError as error:
        raise InvalidValue("an object identifier is written as numbers with dots, at least two") from error
    if first > 2 or (first < 2 and second > 39) or min(second, *rest, 0) < 0:
        raise InvalidValue("an object identifier begins with 0.0 to 1.39 or 2.*, without negative arcs")
    return tlv(OID, b"".join(_base128(arc) for arc in (first * 40 + second, *rest)))


def _base128(arc: int) -> bytes:
    groups = [arc & 0x7F]
    while arc := arc >> 7:
        groups.append(0x80 | arc & 0x7F)
    return bytes(reversed(groups))


def utf8(text: str) -> bytes:
    """UTF8String."""
    return tlv(UTF8_STRING, text.encode("utf-8"))


def printable(text: str) -> bytes:
    """PrintableString. Errors: InvalidValue for a character it lacks."""
    octets = text.encode("utf-8")
    if not _PRINTABLE.issuperset(octets):
        raise InvalidValue("a PrintableString has letters, digits, space and '()+,-./:=? only")
    return tlv(PRINTABLE_STRING, octets)


def ia5(text: str) -> bytes:
    """IA5String. Errors: InvalidValue for a character outside ASCII."""
    if not text.isascii():
        raise InvalidValue("an IA5String has ASCII characters only")
    return tlv(IA5_STRING, text.encode("ascii"))


def generalized_time(at: Instant) -> bytes:
    """GeneralizedTime, to the second, in UTC (RFC 5280 4.1.2.5.2)."""
    return tlv(GENERALIZED_TIME, at.datetime.strftime("%Y%m%d%H%M%SZ").rjust(15, "0").encode())


@lru_cache(maxsize=1024)
def time(at: Instant) -> bytes:
    """Time: UTCTime from 1950 through 2049, else GeneralizedTime (RFC 5280 4.1.2.5)."""
    if _FIRST_UTC <= at < _FIRST_GENERALIZED:
        return tlv(UTC_TIME, at.datetime.strftime("%y%m%d%H%M%SZ").encode())
    return generalized_time(at)


# ---- reading


@final
class Node:
    """One element inside `data`: offsets count octets from the start of `data`.

    `tag` is the whole identifier octet; content lies in `data[content_start:end]`, the element in `data[start:end]`.
    """

    __slots__ = ("content_start", "data", "depth", "end", "start", "tag")

    def __init__(self, data: bytes, tag: int, start: int, content_start: int, end: int, depth: int = 0) -> None:
        self.data: Final = data
        self.tag: Final = tag
        self.start: Final = start
        self.content_start: Final = content_start
        self.end: Final = end
        self.depth: Final = depth

    @property
    def value(self) -> bytes:
        """The content octets."""
        return self.data[self.content_start : self.end]

    @property
    def raw(self) -> bytes:
        """The whole element, header and content."""
        return self.data[self.start : self.end]

    @property
    def constructed(self) -> bool:
        """Whether the content is elements again."""
        return bool(self.tag & 0x20)

    def expect(self, tag: int, what: str) -> "Node":
        """This node, if it has `tag`. Errors: Malformed naming `what` otherwise."""
        if self.tag != tag:
            raise Malformed(f"{what} expected", self.start)
        return self

    def children(self) -> list["Node"]:
        """The elements inside. Errors: Malformed when the content is not a row of elements."""
        if not self.tag & 0x20:
            raise Malformed("a constructed element expected", self.start)
        data, offset, end, depth = self.data, self.content_start, self.end, self.depth + 1
        found = []
        while offset < end:
            content = offset + 2
            # The short form without calling `_read`: nine elements in ten have it.
            if (
                content <= end
                and (size := data[offset + 1]) < 0x80
                and (tag := data[offset]) & 0x1F != 0x1F
                and content + size <= end
                and depth <= MAX_DEPTH
            ):
                found.append(Node(data, tag, offset, content, content + size, depth))
                offset = content + size
                continue
            child = _read(data, offset, end, depth)
            found.append(child)
            offset = child.end
        return found

    def iterate(self) -> Iterator["Node"]:
        """The elements inside, one after the other."""
        if not self.constructed:
            raise Malformed("a constructed element expected", self.start)
        offset = self.content_start
        while offset < self.end:
            child = _read(self.data, offset, self.end, self.depth + 1)
            yield child
            offset = child.end

    def integer(self) -> int:
        """The value of an INTEGER or ENUMERATED in its shortest form."""
        if self.tag not in (INTEGER, ENUMERATED):
            raise Malformed("an INTEGER expected", self.start)
        octets = self.value
        if not octets or (
            len(octets) > 1 and (octets[0], octets[1] >> 7) in ((0x00, 0), (0xFF, 1))
        ):  # X.690 8.3.2: nine equal leading bits
            raise Malformed("an INTEGER in its shortest form expected", self.start)
        return int.from_bytes(octets, signed=True)

    def boolean(self) -> bool:
        """The value of a BOOLEAN; DER knows FF and 00 only."""
        if self.tag != BOOLEAN or self.value not in (b"\xff", b"\x00"):
            raise Malformed("a BOOLEAN in DER expected", self.start)
        return self.value == b"\xff"

    def oid(self) -> str:
        """The dotted form of an OBJECT IDENTIFIER."""
        octets = self.value
        if self.tag != OID or not 0 < len(octets) <= MAX_OID or octets[-1] & 0x80:
            raise Malformed("an OBJECT IDENTIFIER expected", self.start)
        dotted = _dotted(octets)
        if dotted is None:
            raise Malformed("an OBJECT IDENTIFIER with a padded arc", self.start)
        return dotted

    def bits(self) -> bytes:
        """The octets of a BIT STRING without unused bits, as keys and signatures are."""
        if self.tag != BIT_STRING or self.value[:1] != b"\x00":
            raise Malformed("a BIT STRING of whole octets expected", self.start)
        return self.value[1:]

    def octets(self) -> bytes:
        """The content of a primitive OCTET STRING."""
        return self.expect(OCTET_STRING, "an OCTET STRING").value

    def instant(self) -> Instant:
        """The value of a UTCTime or GeneralizedTime in the form that RFC 5280 4.1.2.5 allows: seconds, and Z."""
        text = self.value.decode("ascii", "replace")
        if self.tag == UTC_TIME and len(text) == 13:
            text = ("19" if text[:2] >= "50" else "20") + text
        elif self.tag != GENERALIZED_TIME or len(text) != 15:
            raise Malformed("a time with seconds in UTC expected", self.start)
        if text[-1] != "Z" or not (text[:-1].isascii() and text[:-1].isdigit()):
            raise Malformed("a time with seconds in UTC expected", self.start)
        try:
            return Instant.parse(f"{text[0:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:14]}+00:00")
        except InvalidValue as error:
            raise Malformed("a time that exists expected", self.start) from error


@lru_cache(maxsize=1024)
def _dotted(octets: bytes) -> str | None:
    """The dotted form; None for an arc with leading zeros. A certificate names the same few dozen over and over."""
    arcs, arc, fresh = [], 0, True
    for octet in octets:
        if fresh and octet == 0x80:
            return None
        arc = arc << 7 | octet & 0x7F
        fresh = not octet & 0x80
        if fresh:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def read(data: bytes, offset: int = 0) -> Node:
    """The one element that begins at `offset` in `data`; whatever follows it is left to the caller.

    Errors: Malformed with the offset, for indefinite or over-long lengths, high tag numbers, and content that runs
    over the end.
    """
    return _read(data, offset, len(data), 0)


def read_whole(data: bytes) -> Node:
    """The one element that `data` consists of. Errors: Malformed, also for octets behind it."""
    node = read(data)
    if node.end != len(data):
        raise Malformed("octets after the end", node.end)
    return node


def _read(data: bytes, offset: int, limit: int, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise Malformed("nesting too deep", offset)
    if limit - offset < 2:
        raise Malformed("an element cut short", offset)
    tag, first = data[offset], data[offset + 1]
    if tag & 0x1F == 0x1F:
        raise Malformed("a tag number over 30", offset)
    content = offset + 2
    if first < 0x80:
        size = first
    else:
        count = first & 0x7F
        if not 0 < count <= 4 or limit - content < count:
            raise Malformed("a length that DER does not allow", offset + 1)
        size = int.from_bytes(data[content : content + count])
        if size < 0x80 or size >> (8 * (count - 1)) == 0:
            raise Malformed("a length that is not in its shortest form", offset + 1)
        content += count
    if limit - content < size:
        raise Malformed("content that runs over the end", offset)
    return Node(data, tag, offset, content, content + size, depth)
