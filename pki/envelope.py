"""Messages on a line between two parties that share a key: each is sealed, numbered and bound to its direction.

A message is JSON text `{"n": number, "b": body, "m": mac}`: `body` is itself JSON text, `mac` is HMAC-SHA-256 in hex
over direction, number and body. Numbers count up from 0 on each side of one line, so that a message that was changed,
repeated, left out, turned round or carried over from another line does not open.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pki.errors import Malformed

TO_READER: Final = "to-reader"
TO_SERVICE: Final = "to-service"
"""The two directions of a line."""

KEY_OCTETS: Final = 32


def line_key(key: bytes, nonce: str) -> bytes:
    """The key of one line out of the key of the pairing and the nonce with which the line was opened."""
    return hmac.digest(key, b"jitsuin line v1\0" + nonce.encode(), hashlib.sha256)


def opening_proof(key: bytes, channel: str, nonce: str) -> str:
    """What the reader's side answers to the nonce: hex."""
    return hmac.new(key, f"jitsuin line opening v1\0{channel}\0{nonce}".encode(), hashlib.sha256).hexdigest()


@dataclass(slots=True, repr=False)
class Sealer:
    """Seals one side's messages."""

    key: bytes
    direction: str
    _number: int = field(default=0)

    def seal(self, body: Mapping[str, Any]) -> str:
        """The next message."""
        text = json.dumps(body, ensure_ascii=True, separators=(",", ":"))
        number, self._number = self._number, self._number + 1
        mac = _mac(self.key, self.direction, number, text)
        return json.dumps({"n": number, "b": text, "m": mac}, separators=(",", ":"))


@dataclass(slots=True, repr=False)
class Opener:
    """Opens the other side's messages, in their order."""

    key: bytes
    direction: str
    _number: int = field(default=0)

    def open(self, message: str) -> dict[str, Any]:
        """The body of the next message. Errors: Malformed, after which the line is of no more use."""
        try:
            outer = json.loads(message)
            number, text, mac = outer["n"], outer["b"], outer["m"]
            fits = number == self._number and hmac.compare_digest(
                str(mac).encode(), _mac(self.key, self.direction, self._number, str(text)).encode()
            )
            body = json.loads(text) if fits else None
        except (ValueError, TypeError, KeyError, RecursionError) as bad:
            raise Malformed("a sealed message expected") from bad
        if not isinstance(body, dict):
            raise Malformed("a message that is sealed for this line and place expected")
        self._number += 1
        return body


def _mac(key: bytes, direction: str, number: int, text: str) -> str:
    return hmac.new(key, f"{direction}\0{number}\0{text}".encode(), hashlib.sha256).hexdigest()
