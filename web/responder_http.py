"""What the fast responder says over HTTP, put together beforehand as far as can be."""

from ca.ocsp import Answer
from ca.ocsp_response import UNSUCCESSFUL, ResponseStatus
from web.responder import etag, http_date

TRY_LATER = UNSUCCESSFUL[ResponseStatus.TRY_LATER]
MALFORMED = UNSUCCESSFUL[ResponseStatus.MALFORMED_REQUEST]


def _plain(status: str, *, close: bool = False, more: str = "") -> bytes:
    ending = "connection: close\r\n" if close else ""
    return f"HTTP/1.1 {status}\r\ncontent-length: 0\r\ncache-control: no-store\r\n{more}{ending}\r\n".encode()


NOT_FOUND = _plain("404 Not Found")
NOT_ALLOWED = _plain("405 Method Not Allowed", more="allow: GET, POST\r\n")
OTHER_TYPE = _plain("415 Unsupported Media Type")
BAD = _plain("400 Bad Request", close=True)
TOO_LARGE = _plain("413 Content Too Large", close=True)
HEADER_TOO_LARGE = _plain("431 Request Header Fields Too Large", close=True)
TOO_SLOW = _plain("408 Request Timeout", close=True)
BUSY = _plain("503 Service Unavailable", close=True, more="retry-after: 1\r\n")
HEALTHY = _plain("200 OK")
NOT_READY = _plain("503 Service Unavailable", more="retry-after: 1\r\n")
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/ocsp-response\r\n"
UNCHANGED = b"HTTP/1.1 304 Not Modified\r\n"
CLOSE = b"connection: close\r\n"


def unchanging(answer: Answer) -> tuple[bytes, bytes, bytes]:
    """The entity tag; the headers after max-age; these with length and body."""
    assert answer.this_update is not None
    assert answer.next_update is not None
    tag = etag(answer.der)
    validators = (
        f", no-transform, must-revalidate\r\nlast-modified: {http_date(answer.this_update)}\r\n"
        f"expires: {http_date(answer.next_update)}\r\netag: {tag}\r\n"
    ).encode()
    tail = b"%bcontent-length: %d\r\n\r\n%b" % (validators, len(answer.der), answer.der)
    return tag.encode(), validators, tail


def unshared(der: bytes, date: bytes = b"") -> bytes:
    """A whole response that nobody may keep."""
    return b"%b%bcache-control: no-store\r\ncontent-length: %d\r\n\r\n%b" % (HEAD, date, len(der), der)
