"""JPKI cards for tests, made as real ones are: through the management channel."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from cardio import jpki
from cardio.card_management import CardManager, MasterKeys
from cardio.personalisation import CardInReader
from cardio.session import CardSession
from cardio.throwaway_ca import ThrowawayCa
from cardio.virtual_card import MemoryStorage, VirtualCard
from cardio.virtual_jpki import new_card
from pki.purpose import Purpose

MASTER_KEYS = MasterKeys({1: bytes(range(16))})
PIN, PASSWORD = "1234", "ABC123"


def in_memory(card: VirtualCard) -> CardInReader:
    """The card as personalisation sees it, without a reader."""
    return CardInReader(CardSession.of_memory(card, jpki.identify), CardManager(MASTER_KEYS, os.urandom))


def personalise(card: CardInReader, ca: ThrowawayCa) -> dict[Purpose, bytes]:
    """Both keys, both certificates, both PINs; gives the certificates."""
    certificates = {}
    for purpose in Purpose:
        certificates[purpose] = ca.issue(card.generate(purpose), purpose, f"Test holder {purpose}")
        card.install(purpose, certificates[purpose], ca.certificate)
    card.set_pins(PIN, PASSWORD)
    return certificates


@dataclass(frozen=True)
class MadeCard:
    """A personalised card: its image, and what went into it."""

    image: bytes
    serial: str
    certificates: Mapping[Purpose, bytes]
    ca_certificate: bytes

    @classmethod
    def make(cls, ca: ThrowawayCa, generation: str) -> "MadeCard":
        storage = MemoryStorage()
        card = new_card(storage, os.urandom, lambda d: MASTER_KEYS.key_set(d, 1), generation=generation)
        certificates = personalise(in_memory(card), ca)
        assert storage.image is not None
        return cls(storage.image, card.serial, certificates, ca.certificate)
