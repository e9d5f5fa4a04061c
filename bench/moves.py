"""Whole remote moves against a running service: from a fresh key on the card to the new certificate on it.

    python -m bench.moves [--people 6] [--clients 3]

Everything is real but the card reader: settings, processes, SQLite with FULL, verification with OCSP over HTTP, ledger,
revocation, signing process. Cards are virtual ones in this process; making their RSA-2048 keys is told apart, since a
real card does that by itself. Each person moves three times; a fourth is asked for and must be refused.
"""

import argparse
import secrets
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
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
from cli.deployment import create_deployment
from cli.errors import FilingRefused
from cli.home_filing import Home
from cli.keys import card_manager
from cli.sample import PASSWORD, enter
from cli.settings import Settings, make_settings
from pki.attributes import Attributes, Gender
from pki.purpose import Purpose
from tests.support.service import serving


@dataclass(slots=True)
class Times:
    """Seconds of each move: on the card (key, two signatures), and from sending to the certificate on the card."""

    on_card: list[float] = field(default_factory=list)
    by_service: list[float] = field(default_factory=list)
    refused: int = 0


def _move(home: Home, town: str, number: int, times: Times) -> None:
    begun = time.perf_counter()
    prepared = home.prepare_move(
        town,
        f"例示県見本市転居町{number}番地",
        date(2026, 1, 1),
        jpki.pin(Purpose.SIGNATURE, PASSWORD),
        SystemClock().now(),
    )
    sent = time.perf_counter()
    try:
        home.finish(prepared)
    except FilingRefused:
        times.refused += 1
        return
    times.on_card.append(sent - begun)
    times.by_service.append(time.perf_counter() - sent)


def _live(settings: Settings, card: Path, url: str, times: Times) -> None:
    session = CardSession.of_memory(VirtualJpkiCard(FileStorage(card), secrets.token_bytes), jpki.identify)
    with closing(Database(settings.database_url)) as database, httpx.Client(base_url=url, timeout=60) as client:
        slot = CardInReader(session, card_manager(settings, database, SystemClock(), secrets.token_bytes))
        home = Home(JpkiCard(session), slot, client, secrets.token_bytes, time.sleep)
        for number in range(4):
            _move(home, settings.municipality.code, number, times)
    database.close()


def main() -> None:
    """Make a deployment, let people move, print the figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--people", type=int, default=6)
    options.add_argument("--clients", type=int, default=3)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="jitsuin-bench-") as place:
        at = SystemClock().now()
        settings = create_deployment(
            Path(place) / "deployment",
            make_settings({"service": {"listen": "127.0.0.1:18089"}}),
            at,
            secrets.token_bytes,
            lambda _: None,
        )
        begun = time.perf_counter()
        cards = [
            enter(
                settings, Attributes(f"例示　{number}", date(1990, 1, 1), Gender.UNKNOWN, "例示県見本市一番地"), at
            ).card
            for number in range(chosen.people)
        ]
        entered = time.perf_counter() - begun
        times = Times()
        with serving(Path(place) / "deployment", "--listen", "127.0.0.1:18089") as service:
            begun = time.perf_counter()
            with ThreadPoolExecutor(chosen.clients) as clients:
                list(clients.map(lambda card: _live(settings, card, service.url, times), cards))
            spent = time.perf_counter() - begun
    _tell(chosen.people, chosen.clients, entered, spent, times)


def _tell(people: int, clients: int, entered: float, spent: float, times: Times) -> None:
    moves = len(times.by_service)
    print(f"enrollment, one after the other: {entered / people:.2f} s a person (two RSA-2048 keys, two certificates)")
    print(f"{moves} moves by {people} people with {clients} clients at once: {moves / spent:.1f} moves/s")
    for name, values in (("on the card", times.on_card), ("by the service", times.by_service)):
        spread = f"median {statistics.median(values) * 1000:.0f} ms, slowest {max(values) * 1000:.0f} ms"
        print(f"  {name:<15} {spread}")
    print(f"refused at the cap: {times.refused} of {people}")
    assert moves == 3 * people, "everybody moves three times"
    assert times.refused == people, "nobody moves a fourth time"


if __name__ == "__main__":
    main()
