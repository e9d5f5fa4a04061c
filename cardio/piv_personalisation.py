"""A PIV card made ours: identity, management key and PUK of its own, nothing left as the maker prints it in the manual.

Steps, each found done when the whole is called again after power loss at any command:

    1 management key proven: the card's own, or the maker's         nothing changed
    2 maker's key → own key, in one command (Yubico)                both are tried next time
    3 PUK: maker's → own                                            see below
    4 capability container, then CHUID, where absent                written whole or not at all; CHUID: all is done

A card without Yubico's additions has no command to change its management key (SP 800-73-4 leaves that to its maker):
its bureau must have set the derived key, for the CHUID that the card came with. With the maker's key it is refused.

Guessing which PUK the card has costs tries, and power lost inside a guess costs one more: with three tries, a guess
after one loss could block it for ever (a test found that). So nothing is guessed: cards since 5.3 say whether the PUK
is still the maker's; on older YubiKeys the PUK is set while there is no CHUID, and only there is the own value tried
after the maker's (two losses of power at that very place would block the PUK, and a reset of the card is the way out).
A card without Yubico's additions keeps the PUK that its bureau gave it.

The PIN is the holder's own: `set_first_pin` takes it where it is entered, in place of the maker's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

from cardio import piv_commands, tlv
from cardio.channel import Channel
from cardio.errors import ManagementKeyAtDefault, ManagementKeyRefused, Refused, WrongCardState, WrongPin
from cardio.pin import Pin
from cardio.piv import read_chuid
from cardio.piv_commands import PIN_RULE, PUK_RULE
from cardio.piv_management_key import ManagementKey, derive_management_key, factory_key
from cardio.piv_objects import CAPABILITIES, CHUID, CardHolderIdentifier, FascN
from cardio.piv_places import abilities_of
from cardio.piv_slots import (
    PENDING_SLOT_OF_PURPOSE,
    PIN_REFERENCE,
    PUK_REFERENCE,
    SLOT_OF_PURPOSE,
    CipherAlgorithm,
)
from cardio.session import CardSession

FACTORY_PIN, FACTORY_PUK = "123456", "12345678"
PUK_LABEL = b"jitsuin piv unblocking key"
PUK_DIGITS = 8
SPARE_TRIES = 2
"""Below this the PUK is not asked for: a loss of power in the question could take the last try."""

AES_FIRMWARE = (5, 4, 2)
"""From here on a YubiKey takes AES as management key."""


@dataclass(frozen=True, slots=True)
class CardSecrets:
    """The two secrets of one card that its manager holds; derived again whenever needed, stored nowhere."""

    management_key: ManagementKey
    puk: Pin


def derive_secrets(master: bytes, card_id: str, cipher: CipherAlgorithm, version: int = 1) -> CardSecrets:
    """Both from the master key and the card's own name (SP 800-108r1 4.1). Errors: InvalidValue."""
    return CardSecrets(
        management_key=derive_management_key(master, card_id, cipher, version),
        puk=Pin(PUK_RULE, _derive_puk(master, card_id, version)),
    )


def _derive_puk(master: bytes, card_id: str, version: int) -> str:
    octets = KBKDFCMAC(
        algorithm=AES,
        mode=Mode.CounterMode,
        length=16,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=PUK_LABEL,
        context=version.to_bytes(4, "big") + card_id.encode(),
        fixed=None,
    ).derive(master)
    # 128 bits reduced modulo 10^8: the bias is below 2^-100.
    return f"{int.from_bytes(octets, 'big') % 10**PUK_DIGITS:0{PUK_DIGITS}d}"


def cipher_for(session: CardSession) -> CipherAlgorithm:
    """The management key's algorithm on this card: what it says it has, AES-256 where it may be chosen, else 3DES."""
    with session.work() as channel:
        firmware = abilities_of(channel).firmware
        if firmware is not None:
            return CipherAlgorithm.AES_256 if firmware >= AES_FIRMWARE else CipherAlgorithm.TDES
    return CipherAlgorithm.TDES


def personalise(
    session: CardSession,
    secrets: CardSecrets,
    *,
    expires: date,
    random: Callable[[int], bytes],
    take_over: bool = False,
) -> CardHolderIdentifier:
    """Give the card its own management key, identity objects and PUK; may be called again at any time.

    `expires` goes into the CHUID; `take_over` lets keys be lost that somebody else made in the places that we use.
    Errors: ManagementKeyAtDefault, ManagementKeyRefused; WrongCardState for a card with somebody else's keys; WrongPin
    or PinBlocked for a PUK that is neither the maker's nor ours.
    """
    with session.work() as channel:
        _own_management_key(channel, secrets.management_key, random, take_over=take_over)
        _own_puk(channel, secrets.puk)
        return _own_identity(channel, expires, random)


def set_first_pin(session: CardSession, new: Pin) -> bool:
    """The holder's PIN in place of the maker's; False if it was changed before, and nothing was done.

    A card that does not say whether its PIN is the maker's is asked by trying, which costs a try if it is not.
    Errors: WrongPin, PinBlocked, LastTry from such a card.
    """
    maker = Pin(PIN_RULE, FACTORY_PIN)
    with session.work() as channel:
        if abilities_of(channel).metadata and not piv_commands.reference_state(channel, PIN_REFERENCE).factory:
            return False
        piv_commands.change_pin(channel, maker, new)
        return True


def _own_management_key(
    channel: Channel, own: ManagementKey, random: Callable[[int], bytes], *, take_over: bool
) -> None:
    try:
        piv_commands.authenticate_management_key(channel, own, random)
        return
    except ManagementKeyRefused:
        told = piv_commands.management_key_algorithm(channel)
    makers = [CipherAlgorithm(told)] if told in {known.value for known in CipherAlgorithm} else [CipherAlgorithm.TDES]
    piv_commands.authenticate_management_key(channel, factory_key(makers[0]), random)
    if not take_over:
        _require_unused(channel)
    try:
        piv_commands.set_management_key(channel, own)
    except Refused as error:
        if error.status_word in (0x6D00, 0x6A81):
            raise ManagementKeyAtDefault from error
        raise
    piv_commands.authenticate_management_key(channel, own, random)


def _require_unused(channel: Channel) -> None:
    """A YubiKey bought for something else may hold keys that its owner still needs."""
    metadata = abilities_of(channel).metadata
    for slot in (*SLOT_OF_PURPOSE.values(), *PENDING_SLOT_OF_PURPOSE.values()):
        certified = piv_commands.read_object(channel, slot.certificate_object) is not None
        if certified or (metadata and piv_commands.metadata(channel, slot) is not None):
            raise WrongCardState(f"somebody else's key or certificate is in slot {slot:02X}")


def _own_identity(channel: Channel, expires: date, random: Callable[[int], bytes]) -> CardHolderIdentifier:
    if piv_commands.read_object(channel, CAPABILITIES) is None:
        piv_commands.write_object(channel, CAPABILITIES, capability_container(random(14)))
    found = read_chuid(channel)
    if found is not None:
        return found
    identifier = CardHolderIdentifier(UUID(bytes=random(16), version=4), expires, FascN().encode())
    piv_commands.write_object(channel, CHUID, identifier.encode())
    return identifier


def _own_puk(channel: Channel, own: Pin) -> None:
    maker = Pin(PUK_RULE, FACTORY_PUK)
    abilities = abilities_of(channel)
    if abilities.metadata:
        told = piv_commands.reference_state(channel, PUK_REFERENCE)
        if told.factory:
            piv_commands.change_puk(channel, maker, own)
        elif told.tries_left >= SPARE_TRIES:
            piv_commands.change_puk(channel, own, own)  # changes nothing, but tells whether it is ours
    elif abilities.firmware is not None and read_chuid(channel) is None:
        try:
            piv_commands.change_puk(channel, maker, own)
        except WrongPin:
            piv_commands.change_puk(channel, own, own)


def capability_container(unique: bytes) -> bytes:
    """The content of a capability container (part 1 table 8): card identifier of GSC-IS type 2 and empty tuples.

    `unique` is 14 octets that no other card has.
    """
    identifier = bytes.fromhex("A000000116FF02") + unique
    parts: tuple[tuple[int, bytes], ...] = (
        (0xF0, identifier),
        (0xF1, b"\x21"),
        (0xF2, b"\x21"),
        (0xF3, b""),
        (0xF4, b"\x00"),
        (0xF5, b"\x10"),
        (0xF6, b""),
        (0xF7, b""),
        (0xFA, b""),
        (0xFB, b""),
        (0xFC, b""),
        (0xFD, b""),
        (0xFE, b""),
    )
    return b"".join(tlv.encode(tag, value) for tag, value in parts)
