"""What a virtual PIV card keeps when the power goes: one frozen value, replaced as a whole.

A command that changes the card makes a new memory, has it written, and only then goes on: a write that fails leaves
the old card, in memory as in the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cardio.piv_management_key import ManagementKey, factory_key
from cardio.piv_slots import CipherAlgorithm, Slot
from cardio.virtual_piv_keys import KeyPair
from pki.errors import InvalidValue, Malformed

FORMAT = 1
MOVE_FIRMWARE = (5, 7, 0)
METADATA_FIRMWARE = (5, 3, 0)

FACTORY_PIN = b"123456\xff\xff"
FACTORY_PUK = b"12345678"
DEFAULT_TRIES = 3


@dataclass(frozen=True, slots=True)
class Reference:
    """A PIN or PUK: eight octets padded with FF, and its retry counter."""

    octets: bytes = field(repr=False)
    tries_left: int = DEFAULT_TRIES
    maximum: int = DEFAULT_TRIES

    @property
    def blocked(self) -> bool:
        """Whether no try is left."""
        return self.tries_left == 0

    def counted_down(self) -> "Reference":
        """One try fewer."""
        return replace(self, tries_left=max(0, self.tries_left - 1))

    def restored(self) -> "Reference":
        """All tries again."""
        return replace(self, tries_left=self.maximum)

    def with_octets(self, octets: bytes) -> "Reference":
        """Another value, and all tries."""
        return Reference(octets, self.maximum, self.maximum)


@dataclass(frozen=True, slots=True)
class Memory:
    """Everything lasting on the card. `firmware` None: a card without Yubico's extensions."""

    serial: int
    firmware: tuple[int, int, int] | None
    management_key: ManagementKey
    pin: Reference = Reference(FACTORY_PIN)
    puk: Reference = Reference(FACTORY_PUK)
    keys: Mapping[Slot, KeyPair] = field(default_factory=dict)
    objects: Mapping[bytes, bytes] = field(default_factory=dict)
    """Content of 53 by tag."""
    rsa_1024: bool = False
    """Whether GENERATE and import take RSA-1024, as old cards do; SP 800-78-4 ended it in 2013."""

    @property
    def yubico(self) -> bool:
        """Whether the card speaks Yubico's additional commands."""
        return self.firmware is not None

    def at_least(self, firmware: tuple[int, int, int]) -> bool:
        """Whether the card speaks what came with `firmware`."""
        return self.firmware is not None and self.firmware >= firmware

    def with_key(self, slot: Slot, key: KeyPair | None) -> "Memory":
        """This memory with another key in `slot`, or none."""
        keys = {place: pair for place, pair in self.keys.items() if place is not slot}
        return replace(self, keys=keys if key is None else {**keys, slot: key})

    def with_object(self, tag: bytes, content: bytes) -> "Memory":
        """This memory with another object; empty content deletes it."""
        objects = {name: value for name, value in self.objects.items() if name != tag}
        return replace(self, objects=objects if not content else {**objects, tag: content})

    def factory_reset(self) -> "Memory":
        """The card as it left its maker; only the attestation key and certificate stay."""
        return Memory(
            serial=self.serial,
            firmware=self.firmware,
            management_key=factory_key(factory_cipher(self.firmware)),
            keys={slot: key for slot, key in self.keys.items() if slot is Slot.ATTESTATION},
            objects={
                tag: content for tag, content in self.objects.items() if tag == Slot.ATTESTATION.certificate_object
            },
            rsa_1024=self.rsa_1024,
        )


def factory_cipher(firmware: tuple[int, int, int] | None) -> CipherAlgorithm:
    """The management key's algorithm on a new card: AES-192 since firmware 5.7, 3DES before and elsewhere."""
    return CipherAlgorithm.AES_192 if firmware is not None and firmware >= MOVE_FIRMWARE else CipherAlgorithm.TDES


def encode_memory(memory: Memory) -> dict[str, object]:
    """The memory as JSON has it."""
    return {
        "format": FORMAT,
        "serial": memory.serial,
        "firmware": list(memory.firmware) if memory.firmware else None,
        "management_key": {
            "algorithm": memory.management_key.algorithm.value,
            "octets": memory.management_key.octets.hex(),
        },
        "pin": _encode_reference(memory.pin),
        "puk": _encode_reference(memory.puk),
        "keys": {f"{slot:02x}": key.encode() for slot, key in sorted(memory.keys.items())},
        "objects": {tag.hex(): content.hex() for tag, content in sorted(memory.objects.items())},
        "rsa_1024": memory.rsa_1024,
    }


def decode_memory(record: Mapping[str, object]) -> Memory:
    """What `encode_memory` wrote. Errors: Malformed if it is no such record, or one of a newer version."""
    try:
        if record["format"] != FORMAT:
            raise Malformed("a virtual PIV card of this version expected", None)
        management_key, keys, objects = (_mapping(record[name]) for name in ("management_key", "keys", "objects"))
        return Memory(
            serial=_integer(record["serial"]),
            firmware=_firmware(record["firmware"]),
            management_key=ManagementKey(
                CipherAlgorithm(_integer(management_key["algorithm"])), bytes.fromhex(str(management_key["octets"]))
            ),
            pin=_decode_reference(_mapping(record["pin"])),
            puk=_decode_reference(_mapping(record["puk"])),
            keys={Slot(int(slot, 16)): KeyPair.decode(_mapping(key)) for slot, key in keys.items()},
            objects={bytes.fromhex(tag): bytes.fromhex(str(content)) for tag, content in objects.items()},
            rsa_1024=record["rsa_1024"] is True,
        )
    except (KeyError, TypeError, ValueError, InvalidValue) as error:
        raise Malformed("a whole virtual PIV card expected", None) from error


def _encode_reference(reference: Reference) -> dict[str, object]:
    return {"octets": reference.octets.hex(), "tries_left": reference.tries_left, "maximum": reference.maximum}


def _decode_reference(record: Mapping[str, object]) -> Reference:
    octets = bytes.fromhex(str(record["octets"]))
    tries_left, maximum = _integer(record["tries_left"]), _integer(record["maximum"])
    if len(octets) != 8 or not 0 <= tries_left <= maximum <= 255:
        raise Malformed("a reference of eight octets with its counter expected", None)
    return Reference(octets, tries_left, maximum)


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


def _firmware(value: object) -> tuple[int, int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise TypeError
    major, minor, patch = (_integer(part) for part in value)
    return (major, minor, patch)
