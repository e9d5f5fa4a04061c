"""Runs where PLACE is a small file system: fills it under a running service, empties it, and tells what happened.

python -m tests.faults.disk_full_driver PLACE HOLDERS_FOLDER

The holder's card is not on the service's disk. Prints one JSON document with what was seen.
"""

import contextlib
import json
import secrets
import socket
import subprocess
import sys
import time
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
from cli.errors import FilingRefused
from cli.home_filing import Home
from cli.keys import card_manager
from cli.sample import PASSWORD
from cli.settings import Settings, load_settings
from pki.purpose import Purpose
from tests.support.service import command, serving


def fill(place: Path) -> None:
    """Not an octet more fits."""
    with contextlib.suppress(OSError), (place / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


def free_port() -> int:
    """A port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def told(place: Path, settings: Settings, home: Home, http: httpx.Client) -> dict[str, object]:
    """Move on a full disk, then on one with room."""
    password = jpki.pin(Purpose.SIGNATURE, PASSWORD)
    before = home.card.read(Purpose.SIGNATURE, password)
    at = SystemClock().now()
    prepared = home.prepare_move(settings.municipality.code, "見本市満杯町1", at.jst_date(), password, at)
    fill(place)
    seen: dict[str, object] = {}
    try:
        home.finish(prepared)
    except FilingRefused as refused:
        seen["refused"] = refused.problem_code
    seen["kept"] = http.get(f"/v1/filings/{prepared.filing}").status_code
    seen["ready"] = http.get("/ready").status_code
    seen["card_unchanged"] = home.card.read(Purpose.SIGNATURE, password) == before
    (place / "filler").unlink()
    seen["used"] = home.finish(prepared)["decision"]["used"]
    seen["card_renewed"] = home.card.read(Purpose.SIGNATURE, password) not in (None, before)
    return seen


def main(place: Path, holders: Path) -> None:
    """Make the deployment, serve it, and go through it."""
    folder = place / "deployment"
    address = f"127.0.0.1:{free_port()}"
    subprocess.run(command("init", str(folder), "--listen", address), check=True, stdout=subprocess.DEVNULL)
    subprocess.run(command("sample", str(folder)), check=True, stdout=subprocess.DEVNULL)
    card = holders / "card"
    card.write_bytes(next((folder / "cards").iterdir()).read_bytes())
    settings = load_settings(folder)
    session = CardSession.of_memory(VirtualJpkiCard(FileStorage(card), secrets.token_bytes), jpki.identify)
    with (
        serving(folder, "--listen", address) as service,
        httpx.Client(base_url=service.url, timeout=60) as http,
        contextlib.closing(Database(settings.database_url)) as database,
    ):
        slot = CardInReader(session, card_manager(settings, database, SystemClock(), secrets.token_bytes))
        print(
            json.dumps(
                told(place, settings, Home(JpkiCard(session), slot, http, secrets.token_bytes, time.sleep), http)
            )
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
