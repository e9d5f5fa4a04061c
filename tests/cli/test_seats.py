"""`jitsuin seats`: agents for every seat of a trial, with staff cards that are the operators' from then on."""

import json
import os
import subprocess
from pathlib import Path

import httpx

from cli.database import Database
from cli.deployment import CLERK, POSTAL_CLERK, PROTECTION_OFFICER, SUPERVISOR, Desks
from cli.settings import load_settings
from enrollment.store import people
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

    before = fingerprints()
    line = command("seats", str(deployment), "--json", "--first-port", "0", "--parent", str(os.getpid()))
    for _ in range(2):  # the second time the cards are there already
        process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())["seats"]
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
    assert sample() == 3, "the operators have cards now, and their key files open nothing"
    assert fingerprints() == after, "and they keep them"
    for one in ready:
        try:
            httpx.get(one["agent"])
        except httpx.ConnectError:
            continue
        raise AssertionError(f"{one['name']} is still there")
