"""The JPKI application of the My Number Card: two keys, two PINs, four certificates.

Layout: jpki.md of the project's research, from public clients and OpenSC's driver. Elementary files under the
application:

    0001 signature certificate (needs the signature password)      0002 its CA's certificate
    000A authentication certificate                                000B its CA's certificate
    0006 token info   0008 which certificates are available
    0017 / 0018 authentication key / PIN                           001A / 001B signature key / password
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from cardio import commands
from cardio.apdu import CommandApdu
from cardio.channel import Channel
from cardio.errors import NotThisKind, ProtocolViolated, Refused, WrongCardState
from cardio.pin import CAPITALS, DIGITS, Pin, PinRule
from pki import der
from pki.errors import Malformed
from pki.purpose import Purpose

AID = bytes.fromhex("D392F000260100000001")
TOKEN_INFO, AVAILABILITY = 0x0006, 0x0008
NEXT_LABEL = "JITSUINNEXTTOKEN"
"""Label of our own P-384 generation; cards with other labels are RSA-2048."""


@dataclass(frozen=True, slots=True)
class KeySlot:
    """Where the files of one purpose are; also short identifiers, for the file ids fit in five bits."""

    certificate: int
    ca_certificate: int
    key: int
    pin: int
    rule: PinRule


SLOTS: Mapping[Purpose, KeySlot] = {
    Purpose.AUTHENTICATION: KeySlot(
        0x000A, 0x000B, 0x0017, 0x0018, PinRule("authentication PIN (利用者証明用)", 4, 4, DIGITS, tries=3)
    ),
    Purpose.SIGNATURE: KeySlot(
        0x0001, 0x0002, 0x001A, 0x001B, PinRule("signature password (署名用)", 6, 16, CAPITALS, tries=5, upper=True)
    ),
}


def pin(purpose: Purpose, text: str) -> Pin:
    """The PIN of that purpose as typed; small letters of the password become capitals. Errors: PinMalformed."""
    return Pin(SLOTS[purpose].rule, text)


class SignForm(IntEnum):
    """P1 of SIGN: what the card is given and what it makes of it (RSA cards)."""

    VERBATIM = 0x00
    """1–245 octets, padded by PKCS#1 v1.5 type 1 as they are: the caller builds the DigestInfo."""
    HASH_NO_INFO = 0x01
    """A message; the card hashes with SHA-256 and pads the bare hash."""
    HASH_GIVEN = 0x02
    """A SHA-256 hash; the card builds the DigestInfo."""
    HASH_ON_CARD = 0x03
    """A message; the card hashes and builds the DigestInfo."""
    PSS_HASH_GIVEN = 0x04
    PSS_ON_CARD = 0x05


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """EF 0006, laid out like PKCS#11's CK_TOKEN_INFO, 160 octets."""

    label: str
    manufacturer: str
    model: str
    serial: str
    flags: int
    maximum_pin: int
    minimum_pin: int

    @property
    def next_generation(self) -> bool:
        return self.label == NEXT_LABEL


def parse_token_info(data: bytes) -> TokenInfo:
    """label[32] manufacturer[32] model[16] serial[16] flags u32 maximum-sessions u32 sessions u32 … big-endian.

    Errors: Malformed if it is shorter than 160 octets or not ASCII.
    """
    if len(data) < 160:
        raise Malformed("token info shorter than 160 octets", len(data))
    try:
        label, maker, model, serial = (
            data[a:b].decode("ascii").rstrip(" \x00") for a, b in ((0, 32), (32, 64), (64, 80), (80, 96))
        )
    except UnicodeDecodeError as error:
        raise Malformed("token info is not ASCII", error.start) from None
    if not serial.isprintable() or not label.isprintable():
        raise Malformed("token info has control characters", 0)
    numbers = [int.from_bytes(data[n : n + 4], "big") for n in range(96, 132, 4)]
    return TokenInfo(label, maker, model, serial, numbers[0], numbers[5], numbers[6])


def encode_token_info(label: str, manufacturer: str, model: str, serial: str) -> bytes:
    """EF 0006 of a card of ours."""
    text = b"".join(
        part.encode("ascii").ljust(width)
        for part, width in ((label, 32), (manufacturer, 32), (model, 16), (serial, 16))
    )
    # flags; sessions 1, 0; read-write sessions 1, 0; PIN length 16, 6; memory four times "not told"
    numbers = (0x040D, 1, 0, 1, 0, 16, 6, *[0xFFFFFFFF] * 4)
    return text + b"".join(n.to_bytes(4, "big") for n in numbers) + b"\x01\x00\x01\x00" + b"9" * 16


def identify(channel: Channel) -> str:
    """Select the application and read the card's own serial: what a CardSession knows the card by.

    Errors: NotThisKind; ConnectionFailed; ProtocolViolated if the card names no serial.
    """
    select(channel)
    serial = token_info(channel).serial
    if not serial:
        raise ProtocolViolated("reading the card's serial", what="no serial")
    return serial


def select(channel: Channel) -> None:
    """Select the application; all verified PINs are forgotten by the card. A terminated card (6285) is selected too."""
    try:
        commands.select_application(channel, AID, "JPKI")
    except Refused as refused:
        if refused.status_word != 0x6285:
            raise


def token_info(channel: Channel) -> TokenInfo:
    """Errors: NotThisKind if the file is not there; ProtocolViolated if it is not as it should be."""
    try:
        commands.select_file(channel, TOKEN_INFO)
        return parse_token_info(commands.read_binary(channel, 0, 160))
    except Refused as refused:
        raise NotThisKind("JPKI") from refused
    except Malformed as malformed:
        raise ProtocolViolated("reading token info", what=malformed.what) from malformed


def availability(channel: Channel) -> Mapping[Purpose, bool]:
    """Which certificates the card says it has (EF 0008: two octets, 8F for yes)."""
    commands.select_file(channel, AVAILABILITY)
    data = commands.read_binary(channel, 0, 3)
    if len(data) < 2:
        raise ProtocolViolated("reading the availability file", what="too short")
    return {Purpose.SIGNATURE: data[0] == 0x8F, Purpose.AUTHENTICATION: data[1] == 0x8F}


def read_certificate(
    channel: Channel, purpose: Purpose, *, ca: bool = False, by_short_id: bool = False
) -> bytes | None:
    """The certificate in DER, or None if the card has none. The signature certificate needs its password first.

    Errors: Refused (6982: password not verified).
    """
    slot = SLOTS[purpose]
    file_id = slot.ca_certificate if ca else slot.certificate
    try:
        if by_short_id:
            return commands.read_object(channel, file_id)
        commands.select_file(channel, file_id)
        return commands.read_object(channel)
    except Refused as refused:
        if refused.status_word in (0x6A82, 0x6B00):
            return None
        raise
    except Malformed as malformed:
        raise ProtocolViolated("reading a certificate", what=malformed.what) from malformed


def tries_left(channel: Channel, purpose: Purpose) -> int | None:
    """How many wrong entries are still allowed; costs none. 0: blocked. None: the card does not say."""
    commands.select_file(channel, SLOTS[purpose].pin)
    return commands.tries_left(channel)


def verify_pin(channel: Channel, purpose: Purpose, entered: commands.Entered, *, last_try: bool = False) -> None:
    """Errors: WrongPin, PinBlocked, LastTry (one try left and `last_try` not given; nothing was sent)."""
    commands.select_file(channel, SLOTS[purpose].pin)
    commands.verify(channel, entered, last_try=last_try)


def change_pin(
    channel: Channel, purpose: Purpose, old: commands.Entered, new: commands.Entered, *, last_try: bool = False
) -> None:
    """VERIFY the old one, then CHANGE REFERENCE DATA with the new one alone (P1 01).

    If the power goes in between or during it, the card has the old one or the new one, nothing else: try which.
    """
    verify_pin(channel, purpose, old, last_try=last_try)
    set_new_pin(channel, purpose, new)


def set_new_pin(channel: Channel, purpose: Purpose, new: commands.Entered) -> None:
    """CHANGE REFERENCE DATA P1 01 on the selected PIN file: allowed after VERIFY, or once where management allowed
    it.
    """
    slot = SLOTS[purpose]
    commands.select_file(channel, slot.pin)
    status = commands.set_reference(channel, new, 0x01)
    if status == 0x6982:
        raise WrongCardState("the PIN may not be changed now")
    commands.require_pin(status, slot.rule.slot, "CHANGE REFERENCE DATA")


def sign(
    channel: Channel, purpose: Purpose, data: bytes, form: SignForm = SignForm.VERBATIM, *, by_short_id: bool = False
) -> bytes:
    """SIGN (80 2A) with the purpose's key, whose PIN must be verified: RSA cards give a raw signature of the key's
    length.

    Errors: Refused (6982: PIN not verified; 6A86: form not known to the card).
    """
    slot = SLOTS[purpose]
    reference = 0x80
    if by_short_id:
        reference |= slot.key
    else:
        commands.select_file(channel, slot.key)
    return channel.require(CommandApdu(0x80, 0x2A, form, reference, data, 256), "SIGN")


_SHA256_DIGEST_INFO = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), der.null())


def digest_info(digest: bytes) -> bytes:
    """DigestInfo of a SHA-256 hash (RFC 8017, 9.2), 51 octets."""
    return der.sequence(_SHA256_DIGEST_INFO, der.octet_string(digest))


def sign_message(channel: Channel, purpose: Purpose, message: bytes, *, next_generation: bool = False) -> bytes:
    """sha256WithRSAEncryption over `message`; on our P-384 cards ecdsa-with-SHA384 (DER).

    The hash is made here: the form that every JPKI card knows is VERBATIM.
    """
    if next_generation:
        return sign(channel, purpose, hashlib.sha384(message).digest())
    return sign(channel, purpose, digest_info(hashlib.sha256(message).digest()))
