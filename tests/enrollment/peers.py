"""The systems around us, played for tests: a municipality's resident record, and a channel that must acknowledge flags.

`faults` is a seeded list of what goes wrong: messages late, twice, out of order, wrong, or not at all.
"""

import json
from dataclasses import dataclass, field
from random import Random as Dice
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from enrollment.canonical import canonical


@dataclass
class ResidentRecord:
    """A municipality's own system: it signs what it sends; its line may be bad."""

    owner: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.derive_private_key(4711, ec.SECP256R1()))
    number: int = 0

    @property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def message(self, kind: str, person: str, sent_at: Any, values: dict[str, Any], /, **changes: Any) -> bytes:
        """A message with the next id; `changes` replaces fields of the envelope."""
        self.number += 1
        record = {
            "kind": kind,
            "message": f"{self.number:032x}",
            "owner": self.owner,
            "person": person,
            "schema": 1,
            "sent_at": sent_at.iso(),
            "values": values,
            **changes,
        }
        return canonical(record)

    def sign(self, octets: bytes) -> bytes:
        return self.key.sign(octets, ec.ECDSA(hashes.SHA256()))


def bad_line(messages: list[bytes], seed: int) -> list[bytes]:
    """The same messages delayed past each other and repeated."""
    dice = Dice(seed)
    line = [(number + dice.random() * 6, octets) for number, octets in enumerate(messages)]
    line += [(number + dice.random() * 9, octets) for number, octets in enumerate(messages) if dice.random() < 0.4]
    return [octets for _, octets in sorted(line, key=lambda one: one[0])]


@dataclass
class KioskChannel:
    """A convenience-store channel: it keeps the flags that it was told, and answers, unless it is down."""

    name: str
    flags: dict[str, int] = field(default_factory=dict)
    down: bool = False

    def receive(self, message: Any) -> tuple[str, int] | None:
        """What it acknowledges: flag and version."""
        if self.down:
            return None
        body = json.loads(message.body)
        flag, version = body["flag"], body["version"]
        if version >= self.flags.get(flag, 0):  # repeated or late messages change nothing
            self.flags[flag] = version
        return flag, version
