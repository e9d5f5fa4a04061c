"""Torn through the real reader stack: the card is pulled in the middle of a re-issue, put back, and the same call
finishes.
"""

import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cardio import card_keys
from cardio.card_management import CardManager
from cardio.errors import CardSwapped, ConnectionFailed
from cardio.pcsc import Context
from cardio.personalisation import CardInReader
from cardio.present_cards import CardKind, session_at
from cardio.throwaway_ca import ThrowawayCa
from cardio.virtual_card import MemoryStorage, PowerLost
from cardio.virtual_jpki import VirtualJpkiCard
from pki.purpose import Purpose
from tests.cardio.conftest import Reader
from tests.cardio.jpki_cards import MASTER_KEYS, MadeCard

SIGN = Purpose.SIGNATURE


class Pulled(VirtualJpkiCard):
    """A card that is pulled out at one APDU, before or after it took effect."""

    left = -1
    after = False

    def process(self, raw: bytes) -> bytes:
        Pulled.left -= 1
        if Pulled.left == 0 and not Pulled.after:
            raise PowerLost
        answer = super().process(raw)
        if Pulled.left == 0:
            raise PowerLost
        return answer


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("position", [2, 8, 12, 20, 31, 44, 58, 66])
def test_pulled_and_put_back(
    reader: Reader,
    context: Context,
    made_card: MadeCard,
    throwaway_ca: ThrowawayCa,
    monkeypatch: pytest.MonkeyPatch,
    position: int,
    after: bool,
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    monkeypatch.setattr("cardio.virtual_jpki_management.generate_key", lambda _: card_keys.RsaKey(key))
    storage = MemoryStorage(made_card.image)
    Pulled.left, Pulled.after = position, after
    reader.insert(Pulled(storage, os.urandom), wait=True)
    session = session_at(context, reader.name, CardKind.JPKI, expected=made_card.serial)
    slot = CardInReader(session, CardManager(MASTER_KEYS, os.urandom))
    stored: dict[str, bytes] = {}

    def reissue() -> None:
        if "spki" not in stored:
            stored["spki"] = slot.generate(SIGN)
        if "certificate" not in stored:
            slot.prove(SIGN, b"request")
            stored["certificate"] = throwaway_ca.issue(stored["spki"], SIGN, "Holder")
        slot.install(SIGN, stored["certificate"], throwaway_ca.certificate)

    with pytest.raises(ConnectionFailed):
        reissue()
    assert VirtualJpkiCard(storage, os.urandom).slots[SIGN].certificate in (
        made_card.certificates[SIGN],
        stored.get("certificate"),
    )
    reader.empty()
    reader.insert(Pulled(storage, os.urandom))
    reissue()
    assert slot.read(SIGN) == stored["certificate"]
    session.close()


def test_another_card_put_back_is_not_personalised(
    reader: Reader, context: Context, made_card: MadeCard, blank_card: VirtualJpkiCard, random: Callable[[int], bytes]
) -> None:
    reader.insert(VirtualJpkiCard(MemoryStorage(made_card.image), random))
    session = session_at(context, reader.name, CardKind.JPKI)
    slot = CardInReader(session, CardManager(MASTER_KEYS, random))
    assert slot.card_id() == made_card.serial
    reader.empty()
    reader.insert(blank_card)
    for _ in range(3):
        with pytest.raises((CardSwapped, ConnectionFailed)):
            slot.generate(SIGN)
    assert blank_card.slots[SIGN].pending_key is None
    session.close()
