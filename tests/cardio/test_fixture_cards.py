"""The test cards: each is what the list says, and making one again gives the same octets."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cardio import jpki
from cardio.errors import CardError
from cardio.jpki_card import JpkiCard
from cardio.session import CardSession
from cardio.virtual_card import FileStorage, MemoryStorage
from cardio.virtual_jpki import VirtualJpkiCard
from fixtures.build_cards import CARDS, FOLDER, main
from pki.certificate import parse_certificate
from pki.instant import Instant
from pki.purpose import Purpose

LIST: dict[str, Any] = json.loads((FOLDER / "cards.json").read_text(encoding="utf-8"))
AT = Instant.parse(LIST["at"])
NOT_VALID_NOW = {"clock-skewed"}


def opened(name: str) -> JpkiCard:
    card = VirtualJpkiCard(MemoryStorage(FileStorage(FOLDER / f"{name}.json").read()), os.urandom)
    return JpkiCard(CardSession.of_memory(card, jpki.identify))


def test_all_are_listed() -> None:
    assert [card["name"] for card in LIST["cards"]] == [card.name for card in CARDS]
    kinds = {name.rstrip("1234") if name[-1].isdigit() else name for name in (card.name for card in CARDS)}
    assert len(kinds) >= 25
    assert len({card["card"] for card in LIST["cards"]}) == len(CARDS)


@pytest.mark.parametrize("entry", LIST["cards"], ids=lambda entry: entry["name"])
def test_each_card_is_what_the_list_says(entry: dict[str, Any], tmp_path: Path) -> None:
    card = opened(entry["name"])
    told = card.describe()
    assert told.card_id == entry["card"]
    assert {p for p, there in told.available.items() if there} == set(entry["certificates"])
    spec = next(one for one in CARDS if one.name == entry["name"])
    for purpose in Purpose:
        if purpose not in entry["certificates"]:
            continue
        rule = jpki.SLOTS[purpose].rule
        assert told.tries_left[purpose] == spec.tries.get(purpose, rule.tries)
        pin = jpki.pin(purpose, LIST["pins"][purpose])
        if told.tries_left[purpose] == 0:
            with pytest.raises(CardError):
                card.sign(purpose, pin, b"x")
            continue
        certificate = parse_certificate(card.read(purpose, pin, last_try=True) or b"")
        assert certificate.fingerprint.hex() == entry["certificates"][purpose]
        assert certificate.validity.contains(AT) is (entry["name"] not in NOT_VALID_NOW)
        assert _verified(certificate.der, FOLDER / f"{purpose}-ca.cer", tmp_path) is not spec.stranger
        if purpose is Purpose.SIGNATURE:
            assert entry["holder"].encode() in certificate.der


def _verified(certificate: bytes, ca: Path, folder: Path) -> bool:
    """By openssl, as of the cards' day; a day later for those that begin in ten minutes."""
    (folder / "c.der").write_bytes(certificate)
    for name, source in (("c.pem", folder / "c.der"), ("ca.pem", ca)):
        subprocess.run(["openssl", "x509", "-inform", "DER", "-in", source, "-out", folder / name], check=True)
    command = ["openssl", "verify", "-x509_strict", "-attime", str(AT.seconds + 3600), "-CAfile"]
    done = subprocess.run([*command, folder / "ca.pem", folder / "c.pem"], capture_output=True, check=False)
    return done.returncode == 0


def test_making_one_again_leaves_no_difference(tmp_path: Path) -> None:
    main(tmp_path, tuple(card for card in CARDS if card.name == "minor"))
    for name in ("minor.json", "signature-ca.cer", "authentication-ca.cer"):
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes()
