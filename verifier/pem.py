"""The objects of a file in DER or PEM (RFC 7468), found in one way only.

A file that begins as DER does is DER, whatever its content looks like: a certificate may carry text, and that text a
certificate in PEM, which is not the one that the file is. Everything else is read as text with blocks in it; what
stands around the blocks is passed over, as RFC 7468 2 has it.
"""

import base64
import binascii
from typing import Final

from pki.errors import Malformed

_BEGIN: Final = b"-----BEGIN "
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LINE_ENDS: Final = (b"", b"\n", b"\r")
_NOT_MEANT: Final = (b"KEY", b"PARAMETERS")
"""How the labels end of what is often kept in one file with certificates."""


def objects_in(octets: bytes) -> list[bytes]:
    """The DER of every object in a file, in order.

    Errors: Malformed for text without a block, or with one that does not end or is not in base64. Octets without any
    block are given back as they are: whoever reads them says what is wrong.
    """
    if _is_binary(octets):
        return [octets]
    octets = octets.removeprefix(_BYTE_ORDER_MARK)
    blocks, at, any_block = [], _next_block(octets, 0), False
    while at >= 0:
        any_block = True
        label, dashes, _ = octets[at + len(_BEGIN) : at + len(_BEGIN) + 80].partition(b"-----")
        start = at + len(_BEGIN) + len(label) + len(dashes)
        end = octets.find(b"-----END " + label + b"-----", start)
        if not dashes or end < 0:
            raise Malformed("a block of PEM that does not end", at)
        if not label.endswith(_NOT_MEANT):
            try:
                blocks.append(base64.b64decode(b"".join(octets[start:end].split()), validate=True))
            except binascii.Error as bad:
                raise Malformed("a block of PEM that is not in base64", at) from bad
        at = _next_block(octets, end)
    if any_block and not blocks:
        raise Malformed("no certificate, CRL or answer, but only keys")
    return blocks or [octets]


def _is_binary(octets: bytes) -> bool:
    """Whether a SEQUENCE of 128 octets or more begins here, well made or not: no text does."""
    return octets[:1] == b"\x30" and octets[1:2] >= b"\x80"


def _next_block(octets: bytes, at: int) -> int:
    """Where the next block begins, which is at the start of a line (after blanks); -1 if nowhere."""
    found = octets.find(_BEGIN, at)
    while found >= 0:
        before = octets[:found].rstrip(b" \t") if found < 64 else octets[found - 64 : found].rstrip(b" \t")
        if before[-1:] in _LINE_ENDS:
            return found
        found = octets.find(_BEGIN, found + 1)
    return -1
