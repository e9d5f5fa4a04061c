"""What is kept with an issuance to show how the card was spoken to: the masked APDU transcript and its hash."""

import hashlib

from cardio.trace import Trace


class Transcript:
    """A trace that remembers. `digest` is SHA-256 over the lines, each ended by LF, as `text` gives them."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._hash = hashlib.sha256()
        self.trace = Trace(self._add)

    def _add(self, line: str) -> None:
        self._lines.append(line)
        self._hash.update(line.encode() + b"\n")

    @property
    def digest(self) -> bytes:
        """32 octets, of everything so far."""
        return self._hash.copy().digest()

    @property
    def text(self) -> str:
        """The transcript, without PINs, keys or secure-channel payloads."""
        return "".join(line + "\n" for line in self._lines)
