"""A virtual card with the JPKI application, as its clients see the real one, and with management inside SCP03.

Card-holder commands: `jpki.py`. Management commands (docs/formats/card-management.md) are taken only with C-MAC, and
a plain command ends the secure channel. What differs between real cards or is not public is an option: the answer of
a locked PIN, the ATR, the generation ("jpki" RSA-2048; "next" P-384 with the card's own short list of commands).

Every management step has a pending side and an active one: new keys and certificates are pending until ACTIVATE
moves them together in one write, so a card torn from the reader always has the old pair or the new pair, never half
of each.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from cardio import tlv
from cardio.apdu import CommandApdu, ResponseApdu, answer
from cardio.card_keys import CardKey, generate_key, load_key
from cardio.errors import SecureChannelFailed
from cardio.jpki import AID, AVAILABILITY, NEXT_LABEL, SLOTS, TOKEN_INFO, KeySlot, encode_token_info
from cardio.pin import PinRule
from cardio.scp03 import SECURE, CardChannel, KeySet, decrypt_key, key_check_value
from cardio.virtual_card import PinCounter, Random, Refusal, Storage, VirtualCard
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
    key: CardKey | None = None
    certificate: bytes = b""
    ca_certificate: bytes = b""
    pending_key: CardKey | None = None
    pending_certificate: bytes = b""
    pending_ca_certificate: bytes = b""

    def clear_pending(self) -> None:
        self.pending_key, self.pending_certificate, self.pending_ca_certificate = None, b"", b""


@dataclass(slots=True)
class _Volatile:
    """What a reset forgets."""

    selected_application: bool = False
    file: int | None = None
    verified: set[Purpose] = field(default_factory=set)
    may_set_pin: set[Purpose] = field(default_factory=set)
    channel: CardChannel | None = None


class VirtualJpkiCard(VirtualCard):
    """See the module. Make one with `new_card`, open one with the constructor."""

    kind = "jpki"
    slots: dict[Purpose, Slot]
    key_sets: dict[int, KeySet]
    serial: str
    generation: str
    locked_answer: int
    terminated: bool

    def __init__(self, storage: Storage, random: Random, image: dict[str, Any] | None = None) -> None:
        self._now = _Volatile()
        super().__init__(storage, random, image)

    # -- image -----------------------------------------------------------------------------------------------------

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
                    "key": _dump_key(slot.key),
                    "pending_key": _dump_key(slot.pending_key),
                    **{name: getattr(slot, name).hex() for name in _FILES},
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
                key=_load_key(slot["key"]),
                pending_key=_load_key(slot["pending_key"]),
                **{name: bytes.fromhex(slot[name]) for name in _FILES},
            )
            for purpose, slot in image["slots"].items()
        }

    def _forget(self) -> None:
        self._now = _Volatile()

    # -- dispatch --------------------------------------------------------------------------------------------------

    def execute(self, command: CommandApdu) -> ResponseApdu:
        if command.cla & 0x03:
            raise Refusal(0x6881)
        channel = self._now.channel
        if channel is not None and channel.open:
            if command.cla & SECURE:
                return self._execute_secured(channel, command)
            self._end_channel()  # a plain command ends the secure channel
        if command.cla == 0x84 and command.ins == 0x82:
            return self._external_authenticate(command)
        if command.cla & SECURE:
            raise Refusal(0x6982)
        return self._execute_plain(command)

    def _execute_plain(self, command: CommandApdu) -> ResponseApdu:
        if (command.cla, command.ins) == (0x00, 0xA4) and command.p1 == 0x04:
            return self._select_application(command)
        if not self._now.selected_application:
            raise Refusal(0x6A86 if command.ins == 0xA4 else 0x6D00)
        handler = _PLAIN.get((command.cla, command.ins))
        if handler is None:
            raise Refusal(0x6D00 if command.cla in (0x00, 0x80) else 0x6E00)
        if self.terminated and command.ins not in (0xA4, 0xB0, 0x50):
            raise Refusal(0x6985)
        return handler(self, command)

    def _execute_secured(self, channel: CardChannel, command: CommandApdu) -> ResponseApdu:
        try:
            plain = channel.unwrap(command)
        except SecureChannelFailed:
            self._end_channel()
            raise Refusal(0x6982) from None
        handler = _MANAGEMENT.get((plain.cla, plain.ins))
        try:
            if handler is None or (self.terminated and plain.ins != 0xFE):
                raise Refusal(0x6D00 if handler is None else 0x6985)
            return channel.wrap(handler(self, plain))
        except Refusal as refusal:
            return channel.wrap(answer(refusal.status))

    def _end_channel(self) -> None:
        """What could be selected inside the channel only is not selected outside of it."""
        self._now.channel = None
        if self._now.file in _PENDING_FILES:
            self._now.file = None

    # -- commands of the holder ------------------------------------------------------------------------------------

    def _select_application(self, command: CommandApdu) -> ResponseApdu:
        if command.data != AID:
            # A wrong name leaves what is selected (ISO/IEC 7816-4, 7.1.1); other programs probe for their own cards.
            raise Refusal(0x6A82)
        self._forget()
        self._now.selected_application = True
        return answer(0x6285 if self.terminated else 0x9000)

    def _select_file(self, command: CommandApdu) -> ResponseApdu:
        if command.p1 != 0x02 or command.p2 & 0xF3:
            raise Refusal(0x6A86)
        if len(command.data) != 2:
            raise Refusal(0x6700)
        file_id = int.from_bytes(command.data, "big")
        secured = self._now.channel is not None and self._now.channel.open
        if file_id not in _PLAIN_FILES and not (secured and file_id in _PENDING_FILES):
            raise Refusal(0x6A82)
        self._now.file = file_id
        return answer(0x9000)

    def _file_of(self, reference: int, files: Mapping[int, Purpose]) -> Purpose:
        """The purpose whose file P2 names: 80 the selected one, 80|short identifier another, which then is selected."""
        if not reference & 0x80 or reference & 0x60:
            raise Refusal(0x6A86)
        if reference & 0x1F:
            self._now.file = reference & 0x1F
        if self._now.file is None:
            raise Refusal(0x6986)
        if self._now.file not in files:
            raise Refusal(0x6A88 if reference & 0x1F else 0x6981)
        return files[self._now.file]

    def _read_binary(self, command: CommandApdu) -> ResponseApdu:
        offset = command.p1 << 8 | command.p2
        if command.p1 & 0x80:
            if command.p1 & 0x60:
                raise Refusal(0x6A86)
            if (command.p1 & 0x1F) not in _PLAIN_FILES:
                raise Refusal(0x6A82)
            self._now.file, offset = command.p1 & 0x1F, command.p2
        if self._now.file is None:
            raise Refusal(0x6986)
        if command.data or not command.ne:
            raise Refusal(0x6700)
        content = self._content(self._now.file)
        if offset >= len(content):
            raise Refusal(0x6B00)
        return answer(0x9000, content[offset : offset + command.ne])

    def _content(self, file_id: int) -> bytes:
        """What reads as the file, filler included; Refusal if it may not be read."""
        if file_id == TOKEN_INFO:
            return encode_token_info(LABELS[self.generation], MANUFACTURER, MODEL, self.serial)
        if file_id == AVAILABILITY:
            have = (bool(self.slots[p].certificate) for p in (Purpose.SIGNATURE, Purpose.AUTHENTICATION))
            return bytes(0x8F if one else 0x00 for one in have) + b"\x00"
        secured = self._now.channel is not None and self._now.channel.open
        if file_id & PENDING:
            purpose, name = _CERTIFICATES[file_id & ~PENDING]
            return bytes(getattr(self.slots[purpose], f"pending_{name}"))
        if file_id not in _CERTIFICATES:
            raise Refusal(0x6982)  # keys and PINs are never read
        purpose, name = _CERTIFICATES[file_id]
        if (purpose, name) == (Purpose.SIGNATURE, "certificate") and not (secured or purpose in self._now.verified):
            raise Refusal(0x6982)
        content: bytes = getattr(self.slots[purpose], name)
        return content.ljust(FILE_SIZE, b"\xff") if content else b""

    def _verify(self, command: CommandApdu) -> ResponseApdu:
        if command.p1:
            raise Refusal(0x6A86)
        purpose = self._file_of(command.p2, _PINS)
        pin = self.slots[purpose].pin
        if not command.data:
            # Always the counter, verified or not, blocked or not: clients take 63C0 for "blocked" and anything else
            # amiss.
            return answer(0x63C0 | (0 if pin.blocked else min(pin.left, 15)))
        self._now.verified.discard(purpose)
        if pin.blocked:
            raise Refusal(self.locked_answer)
        if not pin.check(command.data, self.commit):
            return answer(0x63C0 | min(pin.left, 15))
        self._now.verified.add(purpose)
        return answer(0x9000)

    def _change_pin(self, command: CommandApdu) -> ResponseApdu:
        if command.p1 != 0x01:
            raise Refusal(0x6A86)
        purpose = self._file_of(command.p2, _PINS)
        allowed = purpose in self._now.may_set_pin
        if not allowed and purpose not in self._now.verified:
            raise Refusal(0x6982)
        if not _fits(SLOTS[purpose].rule, command.data):
            raise Refusal(0x6A80)
        self.slots[purpose].pin.set(command.data)
        self.commit()
        self._now.may_set_pin.discard(purpose)
        return answer(0x9000)

    def _sign(self, command: CommandApdu) -> ResponseApdu:
        purpose = self._file_of(command.p2, _KEYS)
        if purpose not in self._now.verified:
            raise Refusal(0x6982)
        key = self.slots[purpose].key
        if key is None:
            raise Refusal(0x6A88)
        return answer(0x9000, key.sign(command.p1, command.data))

    def _get_challenge(self, command: CommandApdu) -> ResponseApdu:
        if command.p1 or command.p2 or command.data or not command.ne:
            raise Refusal(0x6A86 if command.p1 or command.p2 else 0x6700)
        return answer(0x9000, self.random(min(command.ne, 256)))

    # -- secure channel --------------------------------------------------------------------------------------------

    @property
    def diversification(self) -> bytes:
        """Ten octets for INITIALIZE UPDATE: the serial's eight, behind two zeros."""
        return bytes.fromhex(self.serial).rjust(10, b"\x00")

    def _initialize_update(self, command: CommandApdu) -> ResponseApdu:
        self._end_channel()
        if command.p2 or len(command.data) != 8:
            raise Refusal(0x6A86 if command.p2 else 0x6700)
        version = command.p1 or max(self.key_sets)
        if version not in self.key_sets:
            raise Refusal(0x6A88)
        self._now.channel = CardChannel(self.key_sets[version], self.diversification, command.data, self.random(8))
        return answer(0x9000, self._now.channel.answer)

    def _external_authenticate(self, command: CommandApdu) -> ResponseApdu:
        channel = self._now.channel
        if channel is None:
            raise Refusal(0x6985)
        try:
            channel.external_authenticate(command)
        except SecureChannelFailed:
            self._now.channel = None
            raise Refusal(0x6300) from None
        return answer(0x9000)

    # -- management, inside the secure channel only ----------------------------------------------------------------

    def _pending_slot(self, reference: int) -> Slot:
        purpose = _KEYS.get(reference & ~PENDING_KEY) if reference & PENDING_KEY else None
        if purpose is None:
            raise Refusal(0x6A88)
        return self.slots[purpose]

    def _generate(self, command: CommandApdu) -> ResponseApdu:
        if command.p1 not in (0x80, 0x81) or command.p2:
            raise Refusal(0x6A86)
        try:
            reference = tlv.require(tlv.parse_one(command.data, 0xB6), 0x84)
        except Exception:
            raise Refusal(0x6A80) from None
        if len(reference) != 1:
            raise Refusal(0x6A80)
        if command.p1 == 0x80:
            slot = self._pending_slot(reference[0])
            slot.clear_pending()
            slot.pending_key = generate_key(self.generation)
            self.commit()
            return answer(0x9000, slot.pending_key.public_template())
        purpose = _KEYS.get(reference[0] & ~PENDING_KEY)
        if purpose is None:
            raise Refusal(0x6A88)
        slot = self.slots[purpose]
        key = slot.pending_key if reference[0] & PENDING_KEY else slot.key
        if key is None:
            raise Refusal(0x6A88)
        return answer(0x9000, key.public_template())

    def _prove(self, command: CommandApdu) -> ResponseApdu:
        if command.p2 & 0xE0 != 0xC0:
            raise Refusal(0x6A86)
        key = self._pending_slot(command.p2 & 0x7F).pending_key
        if key is None:
            raise Refusal(0x6A88)
        return answer(0x9000, key.sign(command.p1, command.data))

    def _update_binary(self, command: CommandApdu) -> ResponseApdu:
        file_id, offset = self._now.file, command.p1 << 8 | command.p2
        if file_id is None or file_id not in _PENDING_FILES:
            raise Refusal(0x6986)
        purpose, name = _CERTIFICATES[file_id & ~PENDING]
        content: bytes = getattr(self.slots[purpose], f"pending_{name}")
        if offset > len(content) or not command.data:
            raise Refusal(0x6B00 if command.data else 0x6700)
        if offset + len(command.data) > FILE_SIZE:
            raise Refusal(0x6A84)
        # Writing at 0 begins the file anew: a torn write is repeated from its beginning.
        setattr(self.slots[purpose], f"pending_{name}", content[:offset] + command.data)
        self.commit()
        return answer(0x9000)

    def _activate(self, command: CommandApdu) -> ResponseApdu:
        if command.p1 or command.p2 & 0xE0 != 0xC0 or len(command.data) != 32:
            raise Refusal(0x6A86 if len(command.data) == 32 else 0x6700)
        slot = self._pending_slot(command.p2 & 0x7F)
        if slot.key is not None and slot.pending_key is None and _sha256(slot.certificate) == command.data:
            return answer(0x9000)  # done before, and the answer was lost
        if slot.pending_key is None or not slot.pending_certificate or not slot.pending_ca_certificate:
            raise Refusal(0x6985)
        if _sha256(slot.pending_certificate) != command.data:
            raise Refusal(0x6A80)
        if not _certifies(slot.pending_certificate, slot.pending_key):
            raise Refusal(0x6A80)
        slot.key = slot.pending_key
        slot.certificate, slot.ca_certificate = slot.pending_certificate, slot.pending_ca_certificate
        slot.clear_pending()
        self.commit()
        return answer(0x9000)

    def _allow_pin(self, command: CommandApdu) -> ResponseApdu:
        if command.p1 != 0x03 or command.p2 & 0xE0 != 0x80 or (command.p2 & 0x1F) not in _PINS:
            raise Refusal(0x6A86)
        if command.data:
            raise Refusal(0x6700)  # a PIN never comes this way: neither server nor officer may know it
        self._now.may_set_pin.add(_PINS[command.p2 & 0x1F])
        return answer(0x9000)

    def _put_key(self, command: CommandApdu) -> ResponseApdu:
        channel = self._now.channel
        if channel is None or command.p2 != 0x81:
            raise Refusal(0x6A86)
        if command.p1 not in self.key_sets:
            raise Refusal(0x6A88)
        new = _parse_put_key(command.data, channel.keys.dek)
        if new.version != command.p1 and new.version in self.key_sets:
            raise Refusal(0x6A80)
        del self.key_sets[command.p1]
        self.key_sets[new.version] = new
        self.commit()
        return answer(0x9000, bytes((new.version,)) + b"".join(map(key_check_value, (new.enc, new.mac, new.dek))))

    def _terminate(self, command: CommandApdu) -> ResponseApdu:
        if command.p1 or command.p2 or command.data:
            raise Refusal(0x6A86)
        if not self.terminated:
            for slot in self.slots.values():
                slot.clear_pending()
                slot.key, slot.certificate, slot.ca_certificate = None, b"", b""
                slot.pin.left, slot.pin.digest = 0, None
            self.terminated = True
            self.commit()
        return answer(0x9000)


_FILES = ("certificate", "ca_certificate", "pending_certificate", "pending_ca_certificate")
_PINS: Mapping[int, Purpose] = {slot.pin: purpose for purpose, slot in SLOTS.items()}
_KEYS: Mapping[int, Purpose] = {slot.key: purpose for purpose, slot in SLOTS.items()}


def _certificates(slots: Mapping[Purpose, KeySlot]) -> Mapping[int, tuple[Purpose, str]]:
    files: dict[int, tuple[Purpose, str]] = {}
    for purpose, slot in slots.items():
        files[slot.certificate] = (purpose, "certificate")
        files[slot.ca_certificate] = (purpose, "ca_certificate")
    return files


_CERTIFICATES = _certificates(SLOTS)
_PLAIN_FILES = frozenset({*_CERTIFICATES, *_PINS, *_KEYS, TOKEN_INFO, AVAILABILITY})
_PENDING_FILES = frozenset(PENDING | file_id for file_id in _CERTIFICATES)

_Handler = Callable[[VirtualJpkiCard, CommandApdu], ResponseApdu]
_PLAIN: Mapping[tuple[int, int], _Handler] = {
    (0x00, 0xA4): VirtualJpkiCard._select_file,
    (0x00, 0xB0): VirtualJpkiCard._read_binary,
    (0x00, 0x20): VirtualJpkiCard._verify,
    (0x00, 0x24): VirtualJpkiCard._change_pin,
    (0x80, 0x2A): VirtualJpkiCard._sign,
    (0x00, 0x84): VirtualJpkiCard._get_challenge,
    (0x80, 0x50): VirtualJpkiCard._initialize_update,
}
_MANAGEMENT: Mapping[tuple[int, int], _Handler] = {
    (0x00, 0xA4): VirtualJpkiCard._select_file,
    (0x00, 0xB0): VirtualJpkiCard._read_binary,
    (0x80, 0x47): VirtualJpkiCard._generate,
    (0x80, 0x2A): VirtualJpkiCard._prove,
    (0x00, 0xD6): VirtualJpkiCard._update_binary,
    (0x80, 0x44): VirtualJpkiCard._activate,
    (0x80, 0x2C): VirtualJpkiCard._allow_pin,
    (0x80, 0xD8): VirtualJpkiCard._put_key,
    (0x80, 0xFE): VirtualJpkiCard._terminate,
}


def _fits(rule: PinRule, octets: bytes) -> bool:
    return rule.minimum <= len(octets) <= rule.maximum and all(chr(o) in rule.alphabet for o in octets)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _certifies(certificate: bytes, key: CardKey) -> bool:
    try:
        return x509.load_der_x509_certificate(certificate).public_key() == key.public_key
    except ValueError:
        return False


def _parse_put_key(data: bytes, dek: bytes) -> KeySet:
    """version, then three times 88 11 10 key(16) 03 check(3) (Card Specification 11.8.2.3, Amendment D 7.2)."""
    if len(data) != 1 + 3 * 23:
        raise Refusal(0x6A80)
    keys = []
    for start in range(1, len(data), 23):
        block = data[start : start + 23]
        key = decrypt_key(dek, block[3:19])
        if block[:3] != b"\x88\x11\x10" or block[19] != 3 or key_check_value(key) != block[20:]:
            raise Refusal(0x6A80)
        keys.append(key)
    if not 1 <= data[0] <= 0x7F:
        raise Refusal(0x6A80)
    return KeySet(data[0], *keys)


def _dump_key(key: CardKey | None) -> str | None:
    return None if key is None else key.encode().hex()


def _load_key(text: str | None) -> CardKey | None:
    return None if text is None else load_key(bytes.fromhex(text))


def new_card(
    storage: Storage,
    random: Random,
    keys: Callable[[bytes], KeySet],
    *,
    generation: str = "jpki",
    atr: bytes = DEFAULT_ATR,
    locked_answer: int = 0x6984,
    serial: str | None = None,
) -> VirtualJpkiCard:
    """A blank card: no keys, no certificates, PINs never set. `keys` gives its management keys by its ten octets of
    diversification data, as the card's manufacturer would load them.
    """
    if generation not in LABELS:
        raise ValueError(f"generation {generation!r} is not one of {sorted(LABELS)}")
    number = serial or random(8).hex().upper()
    key_set = keys(bytes.fromhex(number).rjust(10, b"\x00"))
    image = {
        "serial": number,
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
                **dict.fromkeys(_FILES, ""),
            }
            for purpose, slot in SLOTS.items()
        },
    }
    return VirtualJpkiCard(storage, random, image)
