"""A look at somebody is on their page while it is fresh: a served deployment, its own signing process, the real clock.

The page is asked until the look is there, for a minute at most; how long it took is printed (`pytest -s`).
"""

import csv
import io
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from cli.clock import SystemClock
from cli.party import ensure_handle_key
from enrollment.store import work
from pki.purpose import Purpose
from tests.journeys.mask_world import MaskWorld
from tests.journeys.test_mask_parties import Caller, signed
from tests.peers.world import World, add_officers, free_port, wait_for
from tests.support.service import command
from web.citizen.citizen import REALM as CITIZEN
from web.desk.desk import REALM as DESK
from web.pages.sessions import Sessions

MINUTE = 60.0
"""Seconds. The promise: so soon a person can see who was told something about them."""


@dataclass
class Town:
    """A served town; `person`: the browser of one resident, `clerk`: of a clerk at its desk."""

    mask: MaskWorld
    served: World
    person: httpx.Client
    clerk: httpx.Client

    def looks(self) -> list[tuple[str, str]]:
        """Function and recipient of every look that the person's page shows now."""
        answer = self.person.get("/citizen/history.csv")
        assert answer.status_code == 200, answer.text
        rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
        return [(row["function"], row["to"]) for row in rows for _ in range(int(row["count"]))]

    def proven(self, function: str) -> int:
        """How many looks of a kind come with a proof that leads to the published checkpoint."""
        document = json.loads(self.person.get("/citizen/history.json").content)
        return sum(one["record"].get("function") == function for one in document["records"] if "record" in one)

    def seen_after(self, function: str, deed: Callable[[], object], proof: bool = True) -> None:
        """`deed` is done, and the person sees one look more of that kind within the minute, then its proof."""
        before = sum(one == function for one, _ in self.looks())
        proven = self.proven(function) if proof else 0
        began = time.monotonic()
        deed()
        wait_for(lambda: sum(one == function for one, _ in self.looks()) > before, MINUTE)
        print(f"{function}: seen after {time.monotonic() - began:.2f} s")
        if proof:
            wait_for(lambda: self.proven(function) > proven, MINUTE)
            print(f"{function}: with its proof after {time.monotonic() - began:.2f} s")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    clock, port = SystemClock(), free_port()
    mask = MaskWorld(tmp_path_factory.mktemp("seen"), f"127.0.0.1:{port}", clock.now())
    ensure_handle_key(mask.settings)
    add_officers(mask.folder, mask.at)
    served = World(mask.folder, port)
    held = mask.database.read(lambda conn: work.certificates_of(conn, mask.person))
    card = next(one.fingerprint or "" for one in held if one.purpose is Purpose.AUTHENTICATION)

    def browser(realm: str, subject: str, fingerprint: str, method: str) -> httpx.Client:
        sessions = Sessions(realm, mask.database, clock, os.urandom)
        one = sessions.log_in(sessions.begin(), subject, fingerprint, method)
        return httpx.Client(base_url=served.url, headers={"cookie": f"{sessions.cookie_name}={one.cookie}"}, timeout=60)

    with (
        served.served(clock.now()),
        browser(CITIZEN, mask.person, card, "card") as person,
        browser(DESK, f"{mask.owner}-clerk", "", "passkey") as clerk,
    ):
        yield Town(mask, served, person, clerk)
    served.database.close()
    mask.close()


def test_a_clerks_look_a_partys_verification_and_a_push_are_seen_within_a_minute(town: Town, tmp_path: Path) -> None:
    def clerk_looks() -> None:
        answer = town.clerk.get(f"/desk/people/{town.mask.person}")
        assert answer.status_code == 200, answer.text

    town.seen_after("desk", clerk_looks)

    caller = Caller(town.mask, town.served.url)

    def party_verifies() -> None:
        answer = caller.ask("POST", "/v1/verifications", {**signed(town.mask, b"filing"), "fields": [], "affairs": "x"})
        assert answer.json()["indication"] == "PASSED", answer.text

    town.seen_after("relying-party", party_verifies)

    taken = tmp_path / "history.json"
    taken.write_bytes(town.person.get("/citizen/history.json").content)
    checked = subprocess.run(command("audit", "verify", str(taken)), capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr

    with town.served.channel("hall", 5) as hall:
        town.seen_after("channel", town.mask.protect, proof=False)  # the file with proofs is withheld from now on
        wait_for(lambda: hall.own("flags"), MINUTE)
    assert [function for function, _ in town.looks()].count("channel") >= 1
