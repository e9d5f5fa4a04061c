"""The key places, algorithms and policies of a PIV card, by the numbers their standards give them.

Source: SP 800-73-4 part 1 table 4b (key references) and table 3 (data objects); SP 800-78-4 tables 6-2 and 6-3
(algorithm identifiers). Slot F9, RSA-3072 and RSA-4096, PIN and touch policies are Yubico's additions.
"""

from enum import Enum, IntEnum
from types import MappingProxyType

from pki.purpose import Purpose


class Slot(IntEnum):
    """A key reference that can hold a key pair."""

    AUTHENTICATION = 0x9A
    SIGNATURE = 0x9C
    KEY_MANAGEMENT = 0x9D
    CARD_AUTHENTICATION = 0x9E
    RETIRED_1 = 0x82
    RETIRED_2 = 0x83
    RETIRED_3 = 0x84
    RETIRED_4 = 0x85
    RETIRED_5 = 0x86
    RETIRED_6 = 0x87
    RETIRED_7 = 0x88
    RETIRED_8 = 0x89
    RETIRED_9 = 0x8A
    RETIRED_10 = 0x8B
    RETIRED_11 = 0x8C
    RETIRED_12 = 0x8D
    RETIRED_13 = 0x8E
    RETIRED_14 = 0x8F
    RETIRED_15 = 0x90
    RETIRED_16 = 0x91
    RETIRED_17 = 0x92
    RETIRED_18 = 0x93
    RETIRED_19 = 0x94
    RETIRED_20 = 0x95
    ATTESTATION = 0xF9

    @property
    def retired(self) -> bool:
        """Whether this is one of the twenty places for retired key management keys."""
        return Slot.RETIRED_1 <= self <= Slot.RETIRED_20

    @property
    def certificate_object(self) -> bytes:
        """The tag of the data object that holds this key's certificate."""
        if self.retired:
            # 5FC10D to 5FC120, in the order of the key references 82 to 95.
            return (0x5FC10D + self - Slot.RETIRED_1).to_bytes(3, "big")
        return _CERTIFICATE_OBJECTS[self]


_CERTIFICATE_OBJECTS = MappingProxyType(
    {
        Slot.AUTHENTICATION: bytes.fromhex("5FC105"),
        Slot.SIGNATURE: bytes.fromhex("5FC10A"),
        Slot.KEY_MANAGEMENT: bytes.fromhex("5FC10B"),
        Slot.CARD_AUTHENTICATION: bytes.fromhex("5FC101"),
        Slot.ATTESTATION: bytes.fromhex("5FFF01"),
    }
)

SLOT_OF_PURPOSE = MappingProxyType(
    {Purpose.AUTHENTICATION: Slot.AUTHENTICATION, Purpose.SIGNATURE: Slot.SIGNATURE},
)
"""Where the active key of a purpose lives: where everybody's PIV software looks for it."""

PENDING_SLOT_OF_PURPOSE = MappingProxyType(
    {Purpose.AUTHENTICATION: Slot.RETIRED_1, Purpose.SIGNATURE: Slot.RETIRED_2},
)
"""Where a new key waits for its certificate on cards that can generate there and move it afterwards."""

MANAGEMENT_KEY_REFERENCE = 0x9B
PIN_REFERENCE = 0x80
PUK_REFERENCE = 0x81


class KeyAlgorithm(IntEnum):
    """An asymmetric algorithm, by its octet in P1 and in the GENERATE template."""

    RSA_1024 = 0x06
    RSA_2048 = 0x07
    RSA_3072 = 0x05
    RSA_4096 = 0x16
    P256 = 0x11
    P384 = 0x14

    @property
    def elliptic(self) -> bool:
        """Whether the key is a point on a curve."""
        return self in (KeyAlgorithm.P256, KeyAlgorithm.P384)

    @property
    def bits(self) -> int:
        """Length of the modulus, or of a coordinate."""
        return _BITS[self]

    @property
    def octets(self) -> int:
        """The same in octets: the length of an RSA block, of a hash that ECDSA signs, of an ECDH secret."""
        return _BITS[self] // 8


_BITS = MappingProxyType(
    {
        KeyAlgorithm.RSA_1024: 1024,
        KeyAlgorithm.RSA_2048: 2048,
        KeyAlgorithm.RSA_3072: 3072,
        KeyAlgorithm.RSA_4096: 4096,
        KeyAlgorithm.P256: 256,
        KeyAlgorithm.P384: 384,
    }
)


class CipherAlgorithm(IntEnum):
    """A symmetric algorithm of the card management key (SP 800-78-4 table 6-3)."""

    TDES = 0x03
    AES_128 = 0x08
    AES_192 = 0x0A
    AES_256 = 0x0C

    @property
    def key_length(self) -> int:
        """Octets of a key."""
        return {3: 24, 8: 16, 10: 24, 12: 32}[int(self)]

    @property
    def block_length(self) -> int:
        """Octets of a block, and so of a witness or a challenge."""
        return 8 if self is CipherAlgorithm.TDES else 16


class PinPolicy(Enum):
    """How often the holder's PIN is asked for before a key works (Yubico: tag AA)."""

    DEFAULT = 0
    NEVER = 1
    ONCE = 2
    ALWAYS = 3


class TouchPolicy(Enum):
    """Whether a finger must touch the card before a key works (Yubico: tag AB)."""

    DEFAULT = 0
    NEVER = 1
    ALWAYS = 2
    CACHED = 3


def default_pin_policy(slot: Slot) -> PinPolicy:
    """What SP 800-73-4 part 1 table 4b demands of a key in `slot`: 9C always, 9E never, the others once."""
    if slot is Slot.SIGNATURE:
        return PinPolicy.ALWAYS
    if slot is Slot.CARD_AUTHENTICATION:
        return PinPolicy.NEVER
    return PinPolicy.ONCE
