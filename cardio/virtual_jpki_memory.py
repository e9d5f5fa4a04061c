"""What a virtual JPKI card remembers: for ever in its image, and until power or selection goes in `Volatile`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cardio.card_keys import CardKey, load_key
from cardio.jpki import AVAILABILITY, NEXT_LABEL, SLOTS, TOKEN_INFO, KeySlot
from cardio.scp03 import CardChannel, KeySet
from cardio.virtual_card import PinCounter, Random, Storage, VirtualCard
from cardio.virtual_neighbours import Neighbour
from pki.purpose import Purpose

DEFAULT_ATR = bytes.fromhex("3BE000FF8131FE4514")
FILE_SIZE = 2560
"""Certificate files are longer than their certificates, as on real cards; the rest reads FF."""
PENDING = 0xE000
"""Added to a certificate's file id: the copy that waits for ACTIVATE. Reachable inside the secure channel only."""
PENDING_KEY = 0x40
"""Added to a key's short identifier: the key pair that waits for ACTIVATE."""
LABELS = {"jpki": "JPKIAPICCTOKEN2", "next": NEXT_LABEL}
MANUFACTURER, MODEL = "JITSUIN VIRTUAL CARD", "JITSUIN-V1"


@dataclass(slots=True)
class Slot:
    """Non-volatile contents for one purpose. Keys are PKCS#8 in DER."""

    pin: PinCounter
    permission: int = 0
    """The number of the permission with which the PIN was last set; no permission up to it opens anything again."""
    key: CardKey | None = None
    certificate: bytes = b""
    ca_certificate: bytes = b""
    pending_key: CardKey | None = None
    pending_certificate: bytes = b""
    pending_ca_certificate: bytes = b""

    def clear_pending(self) -> None:
        self.pending_key, self.pending_certificate, self.pending_ca_certificate = None, b"", b""


@dataclass(slots=True)
class Volatile:
    """What a reset forgets."""

    selected_application: bool = False
    neighbour: Neighbour | None = None
    """Another application than JPKI that is selected; `file` is then one of its files."""
    file: int | None = None
    verified: set[Purpose] = field(default_factory=set)
    may_set_pin: dict[Purpose, int] = field(default_factory=dict)
    """PINs that may be set anew without the old one, each with the number of the permission for it."""
    channel: CardChannel | None = None


class JpkiMemory(VirtualCard):
    """The memory of such a card; what it does with it is in `virtual_jpki_management` and `virtual_jpki`."""

    kind = "jpki"
    slots: dict[Purpose, Slot]
    key_sets: dict[int, KeySet]
    serial: str
    generation: str
    locked_answer: int
    terminated: bool

    def __init__(self, storage: Storage, random: Random, image: dict[str, Any] | None = None) -> None:
        self._now = Volatile()
        super().__init__(storage, random, image)

    def _dump(self) -> dict[str, Any]:
        return {
            "serial": self.serial,
            "generation": self.generation,
            "atr": self.atr.hex(),
            "locked_answer": self.locked_answer,
            "terminated": self.terminated,
            "key_sets": {
                str(keys.version): [keys.enc.hex(), keys.mac.hex(), keys.dek.hex()] for keys in self.key_sets.values()
            },
            "slots": {
                purpose: {
                    "pin": slot.pin.dump(),
                    **({"permission": slot.permission} if slot.permission else {}),
                    "key": _dump_key(slot.key),
                    "pending_key": _dump_key(slot.pending_key),
                    **{name: getattr(slot, name).hex() for name in FILES},
                }
                for purpose, slot in self.slots.items()
            },
        }

    def _load(self, image: dict[str, Any]) -> None:
        self.serial = str(image["serial"])
        self.generation = str(image["generation"])
        self.atr = bytes.fromhex(image["atr"])
        self.locked_answer = int(image["locked_answer"])
        self.terminated = bool(image["terminated"])
        self.key_sets = {
            int(version): KeySet(int(version), *(bytes.fromhex(k) for k in keys))
            for version, keys in image["key_sets"].items()
        }
        self.slots = {
            Purpose(purpose): Slot(
                PinCounter.load(slot["pin"]),
                permission=int(slot.get("permission", 0)),
                key=_load_key(slot["key"]),
                pending_key=_load_key(slot["pending_key"]),
                **{name: bytes.fromhex(slot[name]) for name in FILES},
            )
            for purpose, slot in image["slots"].items()
        }

    def _forget(self) -> None:
        self._now = Volatile()


FILES = ("certificate", "ca_certificate", "pending_certificate", "pending_ca_certificate")
PINS: Mapping[int, Purpose] = {slot.pin: purpose for purpose, slot in SLOTS.items()}
KEYS: Mapping[int, Purpose] = {slot.key: purpose for purpose, slot in SLOTS.items()}


def _certificates(slots: Mapping[Purpose, KeySlot]) -> Mapping[int, tuple[Purpose, str]]:
    files: dict[int, tuple[Purpose, str]] = {}
    for purpose, slot in slots.items():
        files[slot.certificate] = (purpose, "certificate")
        files[slot.ca_certificate] = (purpose, "ca_certificate")
    return files


CERTIFICATES = _certificates(SLOTS)
PLAIN_FILES = frozenset({*CERTIFICATES, *PINS, *KEYS, TOKEN_INFO, AVAILABILITY})
PENDING_FILES = frozenset(PENDING | file_id for file_id in CERTIFICATES)


def _dump_key(key: CardKey | None) -> str | None:
    return None if key is None else key.encode().hex()


def _load_key(text: str | None) -> CardKey | None:
    return None if text is None else load_key(bytes.fromhex(text))


def blank_image(
    serial: str, generation: str, atr: bytes, locked_answer: int, key_set: KeySet, random: Random
) -> dict[str, Any]:
    """The image of a card with these management keys, and nothing else."""
    return {
        "serial": serial,
        "generation": generation,
        "atr": atr.hex(),
        "locked_answer": locked_answer,
        "terminated": False,
        "key_sets": {str(key_set.version): [key_set.enc.hex(), key_set.mac.hex(), key_set.dek.hex()]},
        "slots": {
            purpose: {
                "pin": PinCounter(slot.rule.tries, 0, random(16)).dump(),
                "key": None,
                "pending_key": None,
                **dict.fromkeys(FILES, ""),
            }
            for purpose, slot in SLOTS.items()
        },
    }
