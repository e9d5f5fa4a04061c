"""BER-TLV data objects of ISO/IEC 7816-4, 5.2.2 (and ISO/IEC 8825-1, definite lengths only).

tag     one octet, or 1F-form with at most two further octets
length  00–7F | 81 xx | 82 xxxx | 83 xxxxxx
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pki.errors import Malformed


@dataclass(frozen=True, slots=True)
class Tlv:
    """One data object; `tag` is its octets as a number, e.g. 0x7F49."""

    tag: int
    value: bytes

    @property
    def constructed(self) -> bool:
        return bool(_tag_octets(self.tag)[0] & 0x20)

    def encode(self) -> bytes:
        return encode(self.tag, self.value)

    def children(self) -> "tuple[Tlv, ...]":
        """The objects inside."""
        return parse(self.value)


def _tag_octets(tag: int) -> bytes:
    return tag.to_bytes(max(1, (tag.bit_length() + 7) // 8), "big")


def encode(tag: int, *value: bytes) -> bytes:
    """One object with the shortest length; `value` is concatenated."""
    content = b"".join(value)
    n = len(content)
    if n < 0x80:
        length = bytes((n,))
    elif n < 0x100:
        length = bytes((0x81, n))
    elif n < 0x10000:
        length = b"\x82" + n.to_bytes(2, "big")
    elif n < 0x1000000:
        length = b"\x83" + n.to_bytes(3, "big")
    else:
        raise Malformed("value too long for a data object", None)
    return _tag_octets(tag) + length + content


def read(data: bytes, offset: int = 0) -> tuple[Tlv, int]:
    """The object at `offset` and the offset behind it. What follows is not looked at (files may be longer).

    Errors: Malformed with the offset where the data ends too early or a form is not allowed.
    """
    start = offset
    try:
        first = data[offset]
        offset += 1
        if first & 0x1F == 0x1F:
            while True:
                if offset - start >= 3:
                    raise Malformed("tag longer than three octets", start)
                octet = data[offset]
                offset += 1
                if not octet & 0x80:
                    break
        tag = int.from_bytes(data[start:offset], "big")
        if first == 0:
            raise Malformed("tag 00", start)
        length = data[offset]
        offset += 1
        if length >= 0x80:
            count = length & 0x7F
            if not 1 <= count <= 3:
                raise Malformed("length form not allowed", offset - 1)
            if offset + count > len(data):
                raise Malformed("length cut off", offset)
            length = int.from_bytes(data[offset : offset + count], "big")
            offset += count
    except IndexError:
        raise Malformed("data object cut off", offset) from None
    if offset + length > len(data):
        raise Malformed("value cut off", offset)
    return Tlv(tag, data[offset : offset + length]), offset + length


def iterate(data: bytes) -> Iterator[Tlv]:
    offset = 0
    while offset < len(data):
        item, offset = read(data, offset)
        yield item


def parse(data: bytes) -> tuple[Tlv, ...]:
    """All objects of `data`, which must end with the last one."""
    return tuple(iterate(data))


def parse_one(data: bytes, tag: int) -> bytes:
    """The value of the one object that `data` is; its tag must be `tag`."""
    item, end = read(data)
    if item.tag != tag:
        raise Malformed(f"tag {item.tag:X} where {tag:X} was expected", 0)
    if end != len(data):
        raise Malformed("octets behind the data object", end)
    return item.value


def find(data: bytes, tag: int) -> bytes | None:
    """The value of the first object with `tag` on the top level of `data`, or None."""
    return next((item.value for item in iterate(data) if item.tag == tag), None)


def require(data: bytes, tag: int) -> bytes:
    """As `find`, but Malformed if it is missing."""
    value = find(data, tag)
    if value is None:
        raise Malformed(f"data object {tag:X} missing", None)
    return value
