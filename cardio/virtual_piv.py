"""A virtual PIV card: SP 800-73-4's card application, with or without Yubico's additions.

The commands live by family in `virtual_piv_pins`, `virtual_piv_data`, `virtual_piv_authenticate` and
`virtual_piv_yubico`; this file selects the application, hands commands out and keeps the image.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from cardio import (
    virtual_piv_authenticate,
    virtual_piv_data,
    virtual_piv_management,
    virtual_piv_pins,
    virtual_piv_yubico,
)
from cardio.apdu import CommandApdu, ResponseApdu, answer
from cardio.piv_management_key import ManagementKey, factory_key
from cardio.piv_objects import (
    APPLICATION,
    CHUID,
    PROVIDER,
    CardHolderIdentifier,
    application_template,
    certificate_object,
)
from cardio.piv_slots import Slot
from cardio.virtual_card import Random, Storage, VirtualCard
from cardio.virtual_piv_attestation import AttestationParts, make_attestation_parts
from cardio.virtual_piv_keys import KeyMaker, make_key
from cardio.virtual_piv_memory import Memory, decode_memory, encode_memory, factory_cipher
from cardio.virtual_piv_session import NOT_FOUND, WRONG_LENGTH, WRONG_PARAMETERS, Handler, SecurityStatus, Session
from pki.errors import Malformed
from pki.instant import Instant

NEUTRAL_ATR = bytes.fromhex("3B888001A000000308000010B2")
"""T=1, with the PIV AID in its historical octets. In no table of OpenSC's, so that nothing is switched off for it."""
YUBICO_ATR = bytes.fromhex("3BFD1300008131FE158073C021C057597562694B657940")

FIRMWARE_WITHOUT_MOVE = (5, 4, 3)
FIRMWARE_WITH_MOVE = (5, 7, 1)

_STANDARD: Mapping[int, Handler] = {
    **virtual_piv_pins.INSTRUCTIONS,
    **virtual_piv_data.INSTRUCTIONS,
    **virtual_piv_authenticate.INSTRUCTIONS,
}
_WITH_YUBICO: Mapping[int, Handler] = {**_STANDARD, **virtual_piv_yubico.INSTRUCTIONS}

_SELECT = 0xA4
_BY_NAME = 0x04


class VirtualPiv(VirtualCard):
    """A PIV card. `key_maker` lets tests hand in ready RSA keys."""

    kind: ClassVar[str] = "piv"

    def __init__(
        self,
        storage: Storage,
        random: Random,
        image: dict[str, Any] | None = None,
        *,
        key_maker: KeyMaker = make_key,
    ) -> None:
        self._key_maker = key_maker
        self._selected: bytes | None = None
        self._session: Session | None = None
        super().__init__(storage, random, image)

    @property
    def memory(self) -> Memory:
        """What the card keeps without power, as it is now."""
        return self._running.memory

    @property
    def atr(self) -> bytes:  # type: ignore[override]
        """The answer to reset: a YubiKey's where its commands are spoken."""
        return YUBICO_ATR if self.memory.yubico else NEUTRAL_ATR

    def execute(self, command: CommandApdu) -> ResponseApdu:
        """SELECT, or a command of the selected application."""
        if command.cla & 0x0C and not command.cla & 0x40:
            return answer(0x6882)
        if command.cla:
            return answer(0x6881 if command.cla & 0x80 == 0 else 0x6E00)
        if command.ins == _SELECT:
            return self._select(command)
        if self._selected == virtual_piv_management.APPLICATION:
            return virtual_piv_management.execute(self.memory, command)
        if self._selected is None:
            return answer(0x6D00)
        handlers = _WITH_YUBICO if self.memory.yubico else _STANDARD
        handler = handlers.get(command.ins)
        return answer(0x6D00) if handler is None else handler(self._running, command)

    @property
    def _running(self) -> Session:
        session = self._session
        assert session is not None, "the constructor loads the image"
        return session

    def _select(self, command: CommandApdu) -> ResponseApdu:
        """SELECT by name, right-truncated names too (part 2 3.1.1).

        A name that is not here leaves the selection as it was; PIV's own name, selected again, leaves the security
        status as it was; another application ends it.
        """
        name = command.data
        if command.p1 != _BY_NAME or command.p2 not in (0x00, 0x0C):
            return answer(NOT_FOUND if command.p1 != _BY_NAME else WRONG_PARAMETERS)
        if not name or len(name) > 16:
            return answer(WRONG_LENGTH)
        if len(name) >= len(PROVIDER) and APPLICATION.startswith(name):
            if self._selected != APPLICATION:
                self._running.status = SecurityStatus()
            self._selected = APPLICATION
            return answer(0x9000, b"" if command.p2 == 0x0C else application_template())
        if self.memory.yubico and virtual_piv_management.APPLICATION.startswith(name) and len(name) >= len(PROVIDER):
            self._selected = virtual_piv_management.APPLICATION
            self._running.status = SecurityStatus()
            return answer(0x9000, virtual_piv_management.greeting(self.memory))
        return answer(NOT_FOUND)

    def _dump(self) -> dict[str, Any]:
        return encode_memory(self.memory)

    def _load(self, image: dict[str, Any]) -> None:
        try:
            memory = decode_memory(image)
        except Malformed as error:
            raise ValueError("not a PIV card's memory") from error
        self._session = Session(memory, self.random, self._key_maker, self.commit)

    def _forget(self) -> None:
        self._selected = None
        if self._session is not None:
            self._session.status = SecurityStatus()


def blank_image(
    serial: int,
    firmware: tuple[int, int, int] | None,
    *,
    management_key: ManagementKey | None = None,
    attestation: AttestationParts | None = None,
    chuid: CardHolderIdentifier | None = None,
    rsa_1024: bool = False,
) -> dict[str, Any]:
    """The image of a card fresh from its maker: PIN 123456, PUK 12345678, the factory's management key, no keys.

    `management_key` and `chuid` are what a card bureau would have set; `attestation` is what goes into slot F9.
    """
    memory = Memory(
        serial=serial,
        firmware=firmware,
        management_key=management_key or factory_key(factory_cipher(firmware)),
        rsa_1024=rsa_1024,
    )
    if attestation is not None:
        content = certificate_object(attestation.certificate)
        memory = memory.with_key(Slot.ATTESTATION, attestation.key)
        memory = memory.with_object(Slot.ATTESTATION.certificate_object, content)
    if chuid is not None:
        memory = memory.with_object(CHUID, chuid.encode())
    return encode_memory(memory)


def new_virtual_piv(
    storage: Storage,
    random: Random,
    *,
    at: Instant,
    firmware: tuple[int, int, int] | None = FIRMWARE_WITH_MOVE,
    management_key: ManagementKey | None = None,
    chuid: CardHolderIdentifier | None = None,
    rsa_1024: bool = False,
    key_maker: KeyMaker = make_key,
) -> tuple[VirtualPiv, bytes | None]:
    """A new card, and the root (DER) that its attestations lead to; None for a card without Yubico's additions.

    Each card has a root of its own: nobody could take one virtual card's word for another's.
    """
    serial = int.from_bytes(random(4), "big") & 0x7FFFFFFF
    parts = make_attestation_parts(serial, at, random) if firmware is not None else None
    image = blank_image(
        serial,
        firmware,
        management_key=management_key,
        attestation=parts,
        chuid=chuid,
        rsa_1024=rsa_1024,
    )
    return VirtualPiv(storage, random, image, key_maker=key_maker), parts.root if parts else None
