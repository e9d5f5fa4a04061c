"""The management side of a virtual JPKI card: the secure channel, and what is taken inside it only.

Commands: docs/formats/card-management.md. Every step has a pending side and an active one: new keys and certificates
are pending until ACTIVATE moves them together in one write.
"""

import hashlib

from cryptography import x509

from cardio import tlv
from cardio.apdu import CommandApdu, ResponseApdu, answer
from cardio.card_keys import CardKey, generate_key
from cardio.errors import SecureChannelFailed
from cardio.scp03 import CardChannel, KeySet, decrypt_key, key_check_value
from cardio.virtual_card import Refusal
from cardio.virtual_jpki_memory import (
    CERTIFICATES,
    FILE_SIZE,
    KEYS,
    PENDING,
    PENDING_FILES,
    PENDING_KEY,
    PINS,
    JpkiMemory,
    Slot,
)


class ManagedCard(JpkiMemory):
    """Its methods are handlers for whole, unwrapped commands; each may raise Refusal."""

    def _end_channel(self) -> None:
        """What could be selected inside the channel only is not selected outside of it."""
        self._now.channel = None
        if self._now.file in PENDING_FILES:
            self._now.file = None

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
        purpose = KEYS.get(reference & ~PENDING_KEY) if reference & PENDING_KEY else None
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
        purpose = KEYS.get(reference[0] & ~PENDING_KEY)
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
        if file_id is None or file_id not in PENDING_FILES:
            raise Refusal(0x6986)
        purpose, name = CERTIFICATES[file_id & ~PENDING]
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

    def _pin_permission(self, command: CommandApdu) -> ResponseApdu:
        """RESET RETRY COUNTER without any data of the PIN: that never comes this way."""
        if command.p1 not in (0x03, 0x04) or command.p2 & 0xE0 != 0x80 or (command.p2 & 0x1F) not in PINS:
            raise Refusal(0x6A86)
        purpose = PINS[command.p2 & 0x1F]
        if command.p1 == 0x04:
            if command.data:
                raise Refusal(0x6700)
            return answer(0x9000, self.slots[purpose].permission.to_bytes(4, "big"))
        if len(command.data) not in (0, 4):
            raise Refusal(0x6700)
        number, last = int.from_bytes(command.data, "big"), self.slots[purpose].permission
        # Without a number only until the first one came: at personalisation, before the card is anybody's.
        if number <= last and (command.data or last):
            raise Refusal(0x6985)
        self._now.may_set_pin[purpose] = number
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
