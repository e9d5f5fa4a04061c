"""A reader of published logs that shares no code with ours: the specifications once more, word by word and slowly.

c2sp.org/signed-note and tlog-checkpoint for the note, c2sp.org/tlog-tiles for files, RFC 9162 2.1.1 for the tree.
"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True)
class PlainLog:
    """What was published, everything checked: the checkpoint's size and root, and every entry."""

    origin: str
    size: int
    root: bytes
    entries: tuple[bytes, ...]

    def extends(self, older: "PlainLog") -> bool:
        """Whether every entry of `older` is still where it was."""
        return self.origin == older.origin and self.entries[: older.size] == older.entries


def read_log(folder: Path) -> PlainLog:
    """Read a published log. Fails by AssertionError where anything does not fit."""
    name, _, rest = (folder / "key").read_text("utf-8").strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    key = base64.b64decode(encoded)
    assert key[0] == 1, "Ed25519"
    digest = hashlib.sha256(name.encode() + b"\n" + key).digest()
    assert digest[:4].hex() == key_id, "the key's own hash"

    text, _, signatures = (folder / "checkpoint").read_text("utf-8").partition("\n\n")
    text += "\n"
    mine = [line.split(" ")[2] for line in signatures.splitlines() if line.split(" ")[1] == name]
    verified = 0
    for line in mine:
        octets = base64.b64decode(line)
        if octets[:4] == digest[:4]:
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(octets[4:], text.encode())
            verified += 1
    assert verified, "the log signed it"
    origin, size_line, root_line = text.splitlines()[:3]
    size, root = int(size_line), base64.b64decode(root_line)
    assert origin == name

    entries: list[bytes] = []
    for number in range(-(-size // 256)):
        width = min(256, size - number * 256)
        octets = _tile(folder, "entries", number, width)
        for _ in range(width):
            length = int.from_bytes(octets[:2], "big")
            entries.append(octets[2 : 2 + length])
            octets = octets[2 + length :]
        assert octets == b""
    level, hashes = 0, [hashlib.sha256(b"\x00" + one).digest() for one in entries]
    assert _root(hashes) == root, "the entries give the root that was signed"
    while hashes:
        for number in range(-(-len(hashes) // 256)):
            part = hashes[number * 256 : number * 256 + 256]
            assert _tile(folder, str(level), number, len(part)) == b"".join(part), "the hashes are those of the entries"
        hashes = [_root(hashes[start : start + 256]) for start in range(0, len(hashes) - 255, 256)]
        level += 1
    return PlainLog(origin, size, root, tuple(entries))


def _root(hashes: list[bytes]) -> bytes:
    """RFC 9162 2.1.1 over leaf hashes."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + _root(hashes[:split]) + _root(hashes[split:])).digest()


def _tile(folder: Path, level: str, number: int, width: int) -> bytes:
    parts = [f"{number % 1000:03d}"]
    while number := number // 1000:
        parts.insert(0, f"x{number % 1000:03d}")
    file = folder / "tile" / level / "/".join(parts)
    return (file if width == 256 else file.with_name(file.name + ".p") / str(width)).read_bytes()
