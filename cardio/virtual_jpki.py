"""A virtual card with the JPKI application, as its clients see the real one, and with management inside SCP03.

Card-holder commands: `jpki.py`. Management commands (docs/formats/card-management.md) are taken only with C-MAC, and
a plain command ends the secure channel. What differs between real cards or is not public is an option: the answer of
a locked PIN, the ATR, the generation ("jpki" RSA-2048; "next" P-384 with the card's own short list of commands).

Every management step has a pending side and an active one: new keys and certificates are pending until ACTIVATE
moves them together in one write, so a card torn from the reader always has the old pair or the new pair, never half
of each.
"""

from collections.abc import Callable, Mapping

from cardio.apdu import CommandApdu, ResponseApdu, answer
from cardio.errors import SecureChannelFailed
from cardio.jpki import AID, AVAILABILITY, SLOTS, TOKEN_INFO, encode_token_info
from cardio.pin import PinRule
from cardio.scp03 import SECURE, CardChannel, KeySet
from cardio.virtual_card import Random, Refusal, Storage
from cardio.virtual_jpki_management import ManagedCard
from cardio.virtual_jpki_memory import (
    CERTIFICATES,
    DEFAULT_ATR,
    FILE_SIZE,
    KEYS,
    LABELS,
    MANUFACTURER,
    MODEL,
    PENDING,
    PENDING_FILES,
    PINS,
    PLAIN_FILES,
    blank_image,
)
from cardio.virtual_neighbours import NEIGHBOURS, Neighbour, files, respond
from pki.purpose import Purpose


class VirtualJpkiCard(ManagedCard):
    """See the module. Make one with `new_card`, open one with the constructor."""

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
        if self._now.neighbour is not None:
            return self._ask_neighbour(self._now.neighbour, command)
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

    # -- commands of the holder ------------------------------------------------------------------------------------

    def _select_application(self, command: CommandApdu) -> ResponseApdu:
        if (neighbour := NEIGHBOURS.get(command.data)) is not None and not self.terminated:
            self._forget()
            self._now.neighbour = neighbour
            return answer(0x9000)
        if command.data != AID:
            # A wrong name leaves what is selected (ISO/IEC 7816-4, 7.1.1); other programs probe for their own cards.
            raise Refusal(0x6A82)
        self._forget()
        self._now.selected_application = True
        return answer(0x6285 if self.terminated else 0x9000)

    def _ask_neighbour(self, neighbour: Neighbour, command: CommandApdu) -> ResponseApdu:
        if (command.cla, command.ins) != (0x00, 0xA4):
            return respond(neighbour, command, self._now.file, self.serial)
        if command.p1 != 0x02 or command.p2 & 0xF3 or len(command.data) != 2:
            raise Refusal(0x6A86)
        file_id = int.from_bytes(command.data, "big")
        if file_id not in files(neighbour):
            raise Refusal(0x6A82)
        self._now.file = file_id
        return answer(0x9000)

    def _select_file(self, command: CommandApdu) -> ResponseApdu:
        if command.p1 != 0x02 or command.p2 & 0xF3:
            raise Refusal(0x6A86)
        if len(command.data) != 2:
            raise Refusal(0x6700)
        file_id = int.from_bytes(command.data, "big")
        secured = self._now.channel is not None and self._now.channel.open
        if file_id not in PLAIN_FILES and not (secured and file_id in PENDING_FILES):
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
            if (command.p1 & 0x1F) not in PLAIN_FILES:
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
            purpose, name = CERTIFICATES[file_id & ~PENDING]
            return bytes(getattr(self.slots[purpose], f"pending_{name}"))
        if file_id not in CERTIFICATES:
            raise Refusal(0x6982)  # keys and PINs are never read
        purpose, name = CERTIFICATES[file_id]
        if (purpose, name) == (Purpose.SIGNATURE, "certificate") and not (secured or purpose in self._now.verified):
            raise Refusal(0x6982)
        content: bytes = getattr(self.slots[purpose], name)
        return content.ljust(FILE_SIZE, b"\xff") if content else b""

    def _verify(self, command: CommandApdu) -> ResponseApdu:
        if command.p1:
            raise Refusal(0x6A86)
        purpose = self._file_of(command.p2, PINS)
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
        purpose = self._file_of(command.p2, PINS)
        permission = self._now.may_set_pin.get(purpose)
        if permission is None and purpose not in self._now.verified:
            raise Refusal(0x6982)
        if not _fits(SLOTS[purpose].rule, command.data):
            raise Refusal(0x6A80)
        slot = self.slots[purpose]
        slot.pin.set(command.data)
        if permission:
            slot.permission = permission  # in the same write: used up with the PIN that it was given for
        self.commit()
        self._now.may_set_pin.pop(purpose, None)
        return answer(0x9000)

    def _sign(self, command: CommandApdu) -> ResponseApdu:
        purpose = self._file_of(command.p2, KEYS)
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
    (0x80, 0x2C): VirtualJpkiCard._pin_permission,
    (0x80, 0xD8): VirtualJpkiCard._put_key,
    (0x80, 0xFE): VirtualJpkiCard._terminate,
}


def _fits(rule: PinRule, octets: bytes) -> bool:
    return rule.minimum <= len(octets) <= rule.maximum and all(chr(o) in rule.alphabet for o in octets)


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
    return VirtualJpkiCard(storage, random, blank_image(number, generation, atr, locked_answer, key_set, random))
