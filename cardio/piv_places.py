"""Where the keys of a PIV card stand: which one is active, and where the next one can wait.

    MOVING       YubiKey 5.7 and later. A new key is made in a retired place (82 for 9A, 83 for 9C); one command moves
                 it to its own slot, over the old one.
    ALTERNATING  YubiKey 5.3 to 5.6: retired places, but no move. The two places of a purpose take turns. Active is the
                 key of the own slot if its certificate stands there, else that of the retired place: so the active key
                 changes by one command, which writes a certificate or makes another key under it.
    IN PLACE     Every other card: GENERATE knows no retired places, or the card does not tell which key is where. The
                 old key is gone as soon as the new one is made.

Other people's software looks into 9A and 9C only: an alternating card shows it a certificate at every second renewal.
"""

from dataclasses import dataclass
from enum import Enum

from cardio import piv_commands
from cardio.channel import Channel
from cardio.piv_objects import parse_certificate_object
from cardio.piv_slots import PENDING_SLOT_OF_PURPOSE, SLOT_OF_PURPOSE, Slot
from pki.certificate import Certificate
from pki.errors import Malformed
from pki.purpose import Purpose

ATTESTATION_FIRMWARE = (4, 3, 0)
METADATA_FIRMWARE = (5, 3, 0)
MOVE_FIRMWARE = (5, 7, 0)


class Renewal(Enum):
    """How a key gives way to the next one."""

    MOVING = "moving"
    ALTERNATING = "alternating"
    IN_PLACE = "in-place"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a card can do beyond the standard, by its firmware; None: a card without Yubico's additions."""

    firmware: tuple[int, int, int] | None

    @property
    def metadata(self) -> bool:
        """Whether it tells what key a slot holds."""
        return self.firmware is not None and self.firmware >= METADATA_FIRMWARE

    @property
    def attests(self) -> bool:
        """Whether it proves where its keys were made."""
        return self.firmware is not None and self.firmware >= ATTESTATION_FIRMWARE

    @property
    def renewal(self) -> Renewal:
        """How its keys are renewed."""
        if not self.metadata or self.firmware is None:
            return Renewal.IN_PLACE
        return Renewal.MOVING if self.firmware >= MOVE_FIRMWARE else Renewal.ALTERNATING


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """The key that counts for a purpose, and its certificate in DER."""

    slot: Slot
    certificate: bytes


def abilities_of(channel: Channel) -> Abilities:
    """Ask the card."""
    return Abilities(piv_commands.version(channel))


def read_certificate(channel: Channel, slot: Slot) -> bytes | None:
    """The certificate (DER) that stands for the key in `slot`; None if there is none that can be read."""
    content = piv_commands.read_object(channel, slot.certificate_object)
    if content is None:
        return None
    try:
        return parse_certificate_object(content)
    except Malformed:
        return None


def find_active(channel: Channel, abilities: Abilities, purpose: Purpose) -> ActiveKey | None:
    """The active key, by the rules above; a certificate whose key is not there does not count.

    A MOVING card whose move was cut off by power loss has its new key at home and the certificate still in the waiting
    place: that is found too.
    """
    home, waiting = SLOT_OF_PURPOSE[purpose], PENDING_SLOT_OF_PURPOSE[purpose]
    certificate = read_certificate(channel, home)
    if not abilities.metadata:
        return None if certificate is None else ActiveKey(home, certificate)
    key = piv_commands.metadata(channel, home)
    if certificate is not None and _fits(certificate, key):
        return ActiveKey(home, certificate)
    certificate = read_certificate(channel, waiting)
    if certificate is None:
        return None
    if abilities.renewal is Renewal.MOVING:
        return ActiveKey(home, certificate) if _fits(certificate, key) else None
    return ActiveKey(waiting, certificate) if _fits(certificate, piv_commands.metadata(channel, waiting)) else None


def pending_slot(channel: Channel, abilities: Abilities, purpose: Purpose) -> Slot:
    """Where a new key of the purpose is made now."""
    home, waiting = SLOT_OF_PURPOSE[purpose], PENDING_SLOT_OF_PURPOSE[purpose]
    match abilities.renewal:
        case Renewal.MOVING:
            return waiting
        case Renewal.IN_PLACE:
            return home
        case Renewal.ALTERNATING:
            active = find_active(channel, abilities, purpose)
            return waiting if active is not None and active.slot is home else home


def _fits(certificate: bytes, key: piv_commands.Metadata | None) -> bool:
    if key is None:
        return False
    try:
        return Certificate(certificate).spki == key.spki
    except Malformed:
        return False
