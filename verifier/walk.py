"""A flat walk over DER for the hot path: offsets in, offsets out, no object for an element.

`pki.der` reads the same language into nodes; a path of three certificates has some two hundred elements, and a node for
each would cost more than the signatures. The rules are those of `pki.der`: definite lengths in their shortest form,
tag numbers up to 30, nothing over the end. Nothing here recurses.
"""

from datetime import datetime
from functools import lru_cache
from typing import Final

from pki.errors import Malformed

SEQUENCE: Final = 0x30
_MIRRORED: Final = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
"""Every octet with its bits in the opposite order."""
MAX_ELEMENTS: Final = 4096
"""Elements in one row that is kept as a list; entries of CRLs are not."""


def element(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """(tag, start of content, end of content) of the element at `at`, which must end by `end`. Errors: Malformed."""
    content = at + 2
    if content > end:
        raise Malformed("an element cut short", at)
    tag = data[at]
    size = data[at + 1]
    if tag & 0x1F == 0x1F:
        raise Malformed("a tag number over 30", at)
    if size >= 0x80:
        count = size & 0x7F
        if not 0 < count <= 4 or content + count > end:
            raise Malformed("a length that DER does not allow", at + 1)
        size = int.from_bytes(data[content : content + count])
        if size < 0x80 or not size >> (8 * (count - 1)):
            raise Malformed("a length that is not in its shortest form", at + 1)
        content += count
    if content + size > end:
        raise Malformed("content that runs over the end", at)
    return tag, content, content + size


def expect(data: bytes, at: int, end: int, tag: int, what: str) -> tuple[int, int]:
    """(start, end) of the content of the element at `at`, which must have `tag`. Errors: Malformed naming `what`."""
    start = at + 2
    if start <= end and data[at] == tag:
        # short lengths and those of two octets are read here, without a second call
        size = data[at + 1]
        if size == 0x82 and start + 2 <= end and data[start]:
            size = data[start] << 8 | data[start + 1]
            start += 2
        elif size >= 0x80:
            size = end
        stop = start + size
        if stop <= end:
            return start, stop
    found, start, stop = element(data, at, end)
    if found != tag:
        raise Malformed(f"{what} expected", at)
    return start, stop


def only(data: bytes, tag: int, what: str) -> tuple[int, int]:
    """As `expect`, for the one element that `data` consists of."""
    size = len(data)
    if 1 < size < 0x82 and data[0] == tag and data[1] == size - 2:
        return 2, size
    start, stop = expect(data, 0, len(data), tag, what)
    if stop != len(data):
        raise Malformed(f"octets after {what}", stop)
    return start, stop


def row(data: bytes, at: int, end: int) -> list[tuple[int, int, int, int]]:
    """The elements that fill `at`..`end`: (tag, start, start of content, end) each. Errors: Malformed."""
    found = []
    while at < end:
        content = at + 2
        if content <= end and (size := data[at + 1]) < 0x80 and (tag := data[at]) & 0x1F != 0x1F:
            stop = content + size  # the short form, without a call
            if stop > end:
                raise Malformed("content that runs over the end", at)
        else:
            tag, content, stop = element(data, at, end)
        found.append((tag, at, content, stop))
        if len(found) > MAX_ELEMENTS:
            raise Malformed("too many elements in one row", at)
        at = stop
    return found


def integer(data: bytes, start: int, stop: int) -> int:
    """The INTEGER whose content is given. Errors: Malformed unless it is in its shortest form."""
    if start >= stop or (
        stop - start > 1
        and ((data[start] == 0 and data[start + 1] < 0x80) or (data[start] == 0xFF and data[start + 1] > 0x7F))
    ):
        raise Malformed("an INTEGER in its shortest form expected", start)
    return int.from_bytes(data[start:stop], signed=True)


def count(data: bytes, start: int, stop: int, what: str) -> int:
    """An INTEGER (0..MAX) whose content is given; beyond 2^31 it is as good as that. Errors: Malformed."""
    value = integer(data, start, stop)
    if value < 0:
        raise Malformed(f"{what} that is negative", start)
    return min(value, 1 << 31)


def truth(data: bytes, start: int, stop: int) -> bool:
    """The BOOLEAN whose content is given; DER knows FF and 00 only. Errors: Malformed."""
    if stop - start != 1 or data[start] not in (0x00, 0xFF):
        raise Malformed("a BOOLEAN in DER expected", start)
    return data[start] == 0xFF


def bits(data: bytes, start: int, stop: int, what: str) -> int:
    """A named-bit BIT STRING as a number: bit n of the standard is 1 << n. Errors: Malformed.

    Trailing zero bits, which X.690 11.2.2 forbids, are read as what they say: they add nothing.
    """
    if stop - start < 1 or stop - start > 5 or data[start] > 7 or (stop - start == 1 and data[start]):
        raise Malformed(f"{what} expected", start)
    unused = data[start]
    value = int.from_bytes(data[start + 1 : stop])
    if value & ((1 << unused) - 1):
        raise Malformed(f"{what} with unused bits that are set", start)
    return int.from_bytes(data[start + 1 : stop].translate(_MIRRORED), "little")


@lru_cache(maxsize=4096)
def dotted(content: bytes) -> str:
    """The dotted form of an OBJECT IDENTIFIER's content octets. Errors: Malformed."""
    if not content or content[-1] & 0x80 or len(content) > 128:
        raise Malformed("an OBJECT IDENTIFIER expected", 0)
    arcs, arc, fresh = [], 0, True
    for octet in content:
        if fresh and octet == 0x80:
            raise Malformed("an OBJECT IDENTIFIER with a padded arc", 0)
        arc = arc << 7 | octet & 0x7F
        fresh = not octet & 0x80
        if fresh:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


@lru_cache(maxsize=8192)
def moment(tag: int, content: bytes) -> int:
    """Seconds since 1970 of a UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 writes them. Errors: Malformed."""
    digits = content[:-1]
    if tag == 0x17 and len(content) == 13:
        digits = (b"19" if digits[:2] >= b"50" else b"20") + digits
    elif tag != 0x18 or len(content) != 15:
        raise Malformed("a time with seconds in UTC expected")
    if content[-1] != 0x5A or not digits.isdigit():
        raise Malformed("a time with seconds in UTC expected")
    try:
        return int(datetime.fromisoformat(f"{digits[:8].decode()}T{digits[8:].decode()}+00:00").timestamp())
    except ValueError as error:
        raise Malformed("a time that exists expected") from error
