"""`jitsuin sample` enters people as a counter does, and their cards sign filings that the service accepts."""

import base64
import json
import secrets
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path

import httpx

from cardio import jpki
from cardio.jpki_card import JpkiCard
from cardio.personalisation import CardInReader
from cardio.session import CardSession
from cardio.virtual_card import FileStorage
from cardio.virtual_jpki import VirtualJpkiCard
from cli.clock import SystemClock
from cli.database import Database
from cli.home_filing import Home
from cli.keys import card_manager
from cli.sample import PASSWORD
from cli.settings import load_settings
from pki.certificate import Certificate
from pki.purpose import Purpose
from tests.support.service import command, serving


def _run(*arguments: str) -> str:
    ran = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_sample_persons_card_moves_its_holder(tmp_path: Path) -> None:
    deployment = tmp_path / "deployment"
    address = f"127.0.0.1:{_free_port()}"  # certificates name it, so it has to be known beforehand
    _run("init", str(deployment), "--listen", address)
    people = json.loads(_run("sample", str(deployment), "--json"))
    assert len({one["person"] for one in people}) == len(people) == 3
    settings = load_settings(deployment)
    assert (deployment / "cards").stat().st_mode & 0o777 == 0o700
    card = VirtualJpkiCard(FileStorage(Path(people[0]["card"])), secrets.token_bytes)
    session = CardSession.of_memory(card, jpki.identify)
    password = jpki.pin(Purpose.SIGNATURE, PASSWORD)
    with (
        serving(deployment, "--listen", address) as service,
        httpx.Client(base_url=service.url) as http,
        closing(Database(settings.database_url)) as database,
    ):
        database = Database(settings.database_url)
        slot = CardInReader(session, card_manager(settings, database, SystemClock(), secrets.token_bytes))
        home = Home(JpkiCard(session), slot, http, secrets.token_bytes, time.sleep)
        before = home.card.read(Purpose.SIGNATURE, password)
        at = SystemClock().now()
        town = settings.municipality.code
        answer = home.finish(home.prepare_move(town, "見本市新町1", at.jst_date(), password, at))
        after = home.card.read(Purpose.SIGNATURE, password)
    database.close()
    assert after is not None
    assert after != before
    assert base64.b64decode(answer["certificate"]) == after
    assert Certificate(after).validity.not_before >= at
