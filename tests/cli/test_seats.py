"""`jitsuin seats`: agents for every seat of a trial, with staff cards that are the operators' from then on."""

import json
import os
import subprocess
from datetime import date
from pathlib import Path

import httpx

from cardio.virtual_card import FileStorage
from cardio.virtual_jpki import VirtualJpkiCard
from cli.clock import SystemClock
from cli.database import Database
from cli.deployment import CLERK, POSTAL_CLERK, PROTECTION_OFFICER, SUPERVISOR, Desks
from cli.settings import load_settings
from enrollment.cards import Card
from enrollment.finding import find
from enrollment.store import people, work
from pki.card_state import CardState
from tests.support.processes import end
from tests.support.service import command


def test_five_seats_open_with_cards_in_their_readers_and_end_together(deployment: Path) -> None:
    settings = load_settings(deployment)
    name = Desks(settings.municipality.code)

    def fingerprints() -> list[str]:
        database = Database(settings.database_url)
        try:
            return [
                database.read(lambda conn, who=who: people.operator_of(conn, name(who))).card_fingerprint  # type: ignore[misc]
                for who in (CLERK, SUPERVISOR, PROTECTION_OFFICER, POSTAL_CLERK)
            ]
        finally:
            database.close()

    def sample() -> int:
        """People are entered by the operators, whatever they sign with by now."""
        made = subprocess.run(
            command("sample", str(deployment), "--json"), capture_output=True, text=True, timeout=120, check=False
        )
        assert made.returncode == 0, made.stderr
        return len(json.loads(made.stdout))

    def issue(one: dict[str, str]) -> str:
        """As the clerk does with the blank card and whoever has none; the card's number."""
        serial = VirtualJpkiCard(FileStorage(deployment / "cards" / "blank.card"), os.urandom).serial
        database, at = Database(settings.database_url), SystemClock().now()
        try:
            born, owner = date.fromisoformat(one["born"]), settings.municipality.code
            (person,) = database.read(lambda conn: find(conn, owner, one["name"], born))
            card = Card(serial, person, owner, CardState.ACTIVE, 1, at, at)
            database.transaction(lambda conn: work.add_card(conn, card))
        finally:
            database.close()
        return serial

    before = fingerprints()
    line = command("seats", str(deployment), "--json", "--first-port", "0", "--parent", str(os.getpid()))
    issued: dict[str, str] = {}
    for _ in range(2):  # the second time the cards are there already
        process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline())
            ready = said["seats"]
            newcomer = said["without_card"]
            assert newcomer["name"] not in issued, "whoever got the blank card is a resident with a card now"
            issued[newcomer["name"]] = issue(newcomer)
            assert [one["name"] for one in ready] == ["clerk", "supervisor", "protection", "post-office", "home"]
            for one in ready:
                page = httpx.get(f"{one['agent']}/?lang=en")
                assert page.status_code == 200
                assert settings.public_url in page.text
                assert "Pairing code" in page.text
        finally:
            end(process.pid, patience=20)
            process.wait()
            process.stdout.close()
        after = fingerprints()
        assert not set(before) & set(after)
    assert len(set(issued.values())) == 2, "a blank card was made for the second"
    assert (deployment / "cards" / f"{next(iter(issued.values()))}.card").exists()
    assert sample() == 3, "the operators have cards now, and their key files open nothing"
    assert fingerprints() == after, "and they keep them"
    for one in ready:
        try:
            httpx.get(one["agent"])
        except httpx.ConnectError:
            continue
        raise AssertionError(f"{one['name']} is still there")
