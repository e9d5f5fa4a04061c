"""A deployment that is served by real processes, at a time of our choosing, and its peers as processes beside it."""

import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import update

from ca.journal_file import JournaledDatabase, JournalFile
from cli.database import Database
from cli.deployment import _operator_certificate
from cli.keys import DeploymentKeys
from cli.office_work import office_key
from cli.officer_keys import OfficerKeys
from cli.settings import load_settings
from enrollment import protection, registry, signed
from enrollment.acts import What
from enrollment.operators import Operator, Role
from enrollment.person import PersonId
from enrollment.signed import CHANNEL, MUNICIPALITY
from enrollment.store import care, people, tables_care
from fixtures.peers.record import key_of, spki_of
from pki.attributes import Attributes, Gender
from pki.http_signature import RequestKey
from pki.instant import Instant, Validity
from tests.support.processes import end
from tests.support.service import serving

FRIDAY = Instant.parse("2026-11-20T00:10:00Z")
TUESDAY_NOON = Instant.parse("2026-11-24T03:00:05Z")
"""The next working day's noon in Japan: between them lie a week-end and Labour Thanksgiving Day."""
TOWN_KEY = 4711


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], Any], patience: float = 40.0) -> Any:
    """The first true answer."""
    until = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)
    return found


def add_officers(folder: Path, at: Instant) -> None:
    """Two more officers, so that everything that takes two can be done."""
    settings = load_settings(folder)
    database = Database(settings.database_url)
    journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
    keys = DeploymentKeys(settings, secrets.token_bytes)
    code, town = settings.municipality.code, settings.municipality.municipality_roman
    for name in ("first", "second"):
        certificate = _operator_certificate(journaled, town, keys, f"{code}-{name}", at, secrets.token_bytes)
        roles = frozenset({Role.CLERK, Role.SUPERVISOR, Role.PROTECTION})
        period = Validity(at, Instant(at.seconds + 5 * 365 * 86400))
        one = Operator(f"{code}-{name}", code, roles, certificate.fingerprint.hex(), f"{code}-main", period)
        database.transaction(lambda conn, one=one: people.add_operator(conn, one))
    database.close()


@dataclass
class PeerProcess:
    """A running peer."""

    url: str

    def plan(self, **faults: Any) -> None:
        assert httpx.put(f"{self.url}/plan", json=faults).status_code == 200

    def own(self, path: str) -> Any:
        return httpx.get(f"{self.url}/own/{path}").json()


@dataclass
class World:
    """A deployment's folder with the short ways of its officers and peers."""

    folder: Path
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.settings = load_settings(self.folder)
        self.owner = self.settings.municipality.code
        self.database = Database(self.settings.database_url)
        self.url = f"http://127.0.0.1:{self.port}"
        self.shift = 0
        store = DeploymentKeys(self.settings, secrets.token_bytes).operators
        self.officers = {}
        for name in ("first", "second"):
            key = store.open(f"{self.owner}-{name}")
            self.officers[name] = RequestKey(f"officer:{self.owner}-{name}", key.public_spki, key.sign)

    @contextmanager
    def served(self, at: Instant) -> Iterator[None]:
        """`jitsuin serve` with everything, beginning at `at`."""
        self.shift = at.seconds - int(time.time())
        with serving(self.folder, "--listen", f"127.0.0.1:{self.port}", "--clock", at.iso()):
            yield

    def now(self) -> Instant:
        return Instant(int(time.time()) + self.shift)

    @contextmanager
    def peer(self, kind: str, **config: Any) -> Iterator[PeerProcess]:
        """A peer as a process; it ends with us, even if we are killed."""
        file = self.folder.parent / f"peer-{secrets.token_hex(4)}.json"
        file.write_text(json.dumps({"service": self.url, "shift": self.shift, **config}))
        command = ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "fixtures.peers", kind, str(file)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        assert process.stdout is not None
        try:
            yield PeerProcess(json.loads(process.stdout.readline())["url"])
        finally:
            end(process.pid)
            process.wait()
            process.stdout.close()

    @contextmanager
    def channel(self, name: str, number: int, **plan: Any) -> Iterator[PeerProcess]:
        """A channel that is registered, or registered anew at its new address."""
        office = office_key(self.settings, secrets.token_bytes).spki.hex()
        with self.peer("channel", channel=name, key=number, office=office, plan=plan) as peer:

            def register(conn: Any) -> None:
                if name in care.channels_of(conn, self.owner):
                    c = tables_care.channels
                    conn.execute(update(c).where(c.c.channel == name).values(address=peer.url))
                    return
                protection.register_channel(conn, name, self.owner, name, peer.url, self.now(), secrets.token_bytes)
                signed.add_key(conn, CHANNEL, name, "key-1", spki_of(key_of(number)), self.now())

            self.database.transaction(register)
            yield peer

    @contextmanager
    def town(self, through: dict[str, Any] | None = None) -> Iterator[PeerProcess]:
        """The municipality's resident record, behind a national server where `through` is its plan."""
        with ExitStack() as stack:
            by = self.url
            if through is not None:
                by = stack.enter_context(self.peer("national-server", plan=through)).url
            yield stack.enter_context(self.peer("resident-record", owner=self.owner, key=TOWN_KEY, by=by))

    def register_town(self) -> None:
        spki = spki_of(key_of(TOWN_KEY))
        self.database.transaction(lambda conn: signed.add_key(conn, MUNICIPALITY, self.owner, "key-1", spki, FRIDAY))

    def resident(self, name: str = "実印　花子") -> PersonId:
        attributes = Attributes(name, _BORN, Gender.FEMALE, OLD)
        return self.database.transaction(
            lambda conn: registry.register(conn, self.owner, attributes, FRIDAY, secrets.token_bytes)
        )

    def address(self, person: PersonId) -> str:
        return self.database.read(lambda conn: people.person_of(conn, person)).attributes.address

    def ask(self, who: str, method: str, path: str, body: Any = None) -> Any:
        """A signed request by an officer; its JSON."""
        answer = self._answer(who, method, path, body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def do(self, who: str, path: str, body: Any = None) -> Any:
        """A deed that the officer's card has to sign: what the refusal names is signed, and then it is done."""
        refused = self._answer(who, "POST", path, body)
        assert refused.json()["code"] == "enrollment.act-not-signed", refused.text
        act = refused.json()["fields"]
        self._sign_act(who, What(act["what"]), act["subject"], act["content"])
        return self.ask(who, "POST", path, body)

    def _answer(self, who: str, method: str, path: str, body: Any) -> httpx.Response:
        octets = b"" if body is None else json.dumps(body).encode()
        headers = self.officers[who].headers(method, f"{self.url}{path}", octets, self.now(), secrets.token_urlsafe(16))
        if octets:
            headers["content-type"] = "application/json"
        return httpx.request(method, f"{self.url}{path}", content=octets, headers=headers)

    def _sign_act(self, who: str, what: What, subject: str, content: str) -> None:
        """An officer's card signs what they are about to do, by a clock that is behind the service's: that one begins
        only when its process is up, and nothing is signed in the future."""
        at = self.now() + timedelta(seconds=-60)
        officers = OfficerKeys(self.settings, secrets.token_bytes)
        operator = f"{self.owner}-{who}"
        self.database.transaction(lambda conn: officers.act(conn, operator, what, subject, content, at))

    def alarms(self) -> list[str]:
        return [one["kind"] for one in self.ask("first", "GET", "/v1/office/alarms")["alarms"]]


OLD = "東京都見本区見本町一丁目２番３号"
_BORN = Instant.parse("1980-02-17T00:00:00Z").jst_date()


def values(address: str, name: str = "実印　花子") -> dict[str, str]:
    """The four attributes as a message has them."""
    return {
        "address": address, "address_substitutes": "", "date_of_birth": "1980-02-17", "gender": "2",
        "name": name, "name_substitutes": "",
    }  # fmt: skip
