"""Recorded dialogues with the fixture card, answer for answer; and our own layer says what it said when it was
recorded.
"""

import os

import pytest

from cardio import jpki
from cardio.jpki_card import JpkiCard
from cardio.session import CardSession
from cardio.trace import Trace
from pki.purpose import Purpose
from tests.cardio.transcripts import FOLDER, SCRIPTS, fixture_card, read

SELECT = bytes.fromhex("00A4040C")


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_the_card_answers_opensc_as_recorded(name: str) -> None:
    card = fixture_card()
    dialogue = read(name)
    assert len(dialogue) > 3
    assert any(command.startswith(SELECT) for command, _ in dialogue)
    for command, answer in dialogue:
        assert card.process(command).hex() == answer.hex(), command.hex()


def _ours(name: str) -> list[str]:
    lines: list[str] = []
    card = JpkiCard(CardSession.of_memory(fixture_card(), jpki.identify, Trace(lines.append)))
    if name == "ours-describe":
        card.describe()
    elif name == "ours-sign":
        card.sign(Purpose.SIGNATURE, jpki.pin(Purpose.SIGNATURE, "ABC123"), b"a filing\n")
    else:
        card.change_pin(
            Purpose.AUTHENTICATION, jpki.pin(Purpose.AUTHENTICATION, "1234"), jpki.pin(Purpose.AUTHENTICATION, "5678")
        )
    return lines


@pytest.mark.parametrize("name", ["ours-describe", "ours-sign", "ours-change-pin"])
def test_our_layer_says_what_it_said(name: str) -> None:
    """A change here is a change of what reaches people's cards: record it on purpose (RECORD=1), and say why."""
    file = FOLDER / f"{name}.txt"
    said = "\n".join(_ours(name)) + "\n"
    if os.environ.get("RECORD"):
        file.write_text(said)
    assert file.read_text() == said
