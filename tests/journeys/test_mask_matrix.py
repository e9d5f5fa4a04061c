"""Every way by which anything is read out of this system, walked with somebody under protection: the address of no way.

The routes are those that the running applications have, the commands those that the command line has: whoever adds one
adds a row here, or the test fails. Each is asked with everything that an attacker inside could have: the person's ids,
a clerk's card, a supervisor's card, the municipality's key, a channel's key, a desk's session. Before the flag is set
the same walk must find the address where it is meant to be seen; otherwise it would prove nothing.
"""

import io
import itertools
import json
import logging
import os
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from cli.__main__ import COMMANDS, load_command
from cli.planes import open_web
from enrollment import copying, emergency, registry, snapshot
from enrollment.copying import Why
from enrollment.registry import FOUR_ATTRIBUTES
from enrollment.store import messages, work
from pki.purpose import Purpose
from tests.journeys.mask_world import AT, BASE, SECRET, MaskWorld, every_route, shows
from tests.support.service import command
from web.citizen.citizen import REALM as CITIZEN
from web.desk.desk import REALM as DESK
from web.errors import FormRefused
from web.pages.forms import TOKEN
from web.pages.sessions import Sessions

NOBODY = "says nothing of any person"
ASKED = "asked with the person's ids"

ROWS = {
    "GET /": NOBODY, "GET /about/who-can-see-what": NOBODY, "GET /ca/{authority}.cer": NOBODY,
    "GET /crl/{authority}.crl": NOBODY,
    "GET /crl/{authority}/{name}.crl": NOBODY, "GET /docs": NOBODY, "GET /docs/style.css": NOBODY,
    "GET /health": NOBODY, "GET /openapi.json": NOBODY, "GET /pages/{name}": NOBODY, "GET /problems/{code}": NOBODY,
    "GET /ready": NOBODY, "GET /static/home.css": NOBODY, "GET /v1/verdict-certificates": NOBODY, "POST /tsa": NOBODY,
    "POST /ocsp/{authority}": NOBODY, "GET /ocsp/{authority}/{encoded:path}": NOBODY,
    "WEBSOCKET /v1/reader-line": "carries commands to a card and its answers, sealed; tests/web of the readers",
    "POST /v1/reader-pairings": NOBODY,
    **dict.fromkeys((
        "GET /desk/cases", "GET /desk/cases/{case}", "POST /desk/cases/{case}", "GET /desk/incidents",
        "POST /desk/incidents", "GET /desk/incidents/{incident}", "POST /desk/incidents/{incident}/close",
        "POST /desk/incidents/{incident}/notify", "POST /desk/incidents/{incident}/scope",
        "GET /desk/", "GET /desk/day", "POST /desk/day", "GET /desk/login", "POST /desk/login/card",
        "POST /desk/login/passkey", "POST /desk/logout", "GET /desk/near-misses", "GET /desk/pairing",
        "POST /desk/passkeys", "GET /desk/people/{person}", "POST /desk/people/{person}/work", "GET /desk/queue",
        "GET /desk/queue/list", "POST /desk/queue/{work}", "GET /desk/reader", "POST /desk/search",
        "POST /desk/search/card", "GET /desk/statistics", "POST /desk/stock", "GET /desk/work/{work}",
        "POST /desk/work/{work}/card", "POST /desk/work/{work}/carry-out", "POST /desk/work/{work}/details",
        "POST /desk/work/{work}/evidence", "POST /desk/work/{work}/give-up", "GET /desk/work/{work}/now",
        "POST /desk/work/{work}/again", "POST /desk/work/{work}/code", "POST /desk/work/{work}/later",
        "GET /desk/bookings", "POST /desk/bookings", "POST /desk/prefills", "POST /citizen/counter",
        "GET /desk/notes", "POST /desk/notes",
        "GET /citizen/counter",
        "POST /desk/work/{work}/receipt", "POST /desk/work/{work}/see", "GET /receipts/{number}",
        "POST /v1/cards/{card}/changes", "POST /v1/cards/{card}/pin-permissions",
        "POST /v1/cards/{card}/pin-permissions/draft", "POST /v1/card-management",
        "POST /v1/card-management/{conversation}",
        "POST /v1/channels/acknowledgements", "GET /v1/channels/flags", "PUT /v1/channels/flags",
        "POST /v1/filings", "GET /v1/filings/{filing}", "POST /v1/residence-statements",
        "POST /v1/gateway/messages", "GET /v1/gateway/messages/{message}", "GET /v1/gateway/quarantine",
        "POST /v1/household-filings", "POST /v1/household-filings/applications/{application}",
        "GET /v1/household-filings/applications/{application}", "GET /v1/household-filings/{filing}",
        "GET /v1/office/alarms", "GET /v1/office/brake", "POST /v1/office/brake/releases",
        "POST /v1/office/brake/releases/{approval}/approval", "GET /v1/office/channels",
        "GET /v1/office/messages/{message}", "GET /v1/office/messages/{message}/recipients",
        "POST /v1/office/messages/{message}/retraction", "GET /v1/office/near-misses",
        "POST /v1/office/protection/{person}", "GET /v1/office/protection/{person}",
        "POST /v1/office/protection/{person}/address", "POST /v1/office/protection/{person}/confirmation",
        "POST /v1/office/protection/{person}/release", "POST /v1/office/protection/{person}/releases",
        "DELETE /v1/office/protection/{person}/releases",
        "POST /v1/office/protection/{person}/releases/{approval}/approval",
        "POST /v1/office/protection/{person}/renewal", "POST /v1/office/protection/{person}/unlocks",
        "POST /v1/office/protection/{person}/unlocks/{approval}/approval", "GET /v1/office/quarantine",
        "GET /v1/office/snapshots", "POST /v1/verifications",
        "GET /citizen/", "GET /citizen/calendar.ics", "GET /citizen/card", "GET /citizen/cases",
        "GET /citizen/consents",
        "GET /citizen/grants", "GET /citizen/history", "GET /citizen/history.csv", "GET /citizen/history.json",
        "GET /citizen/certificates/{application}", "GET /citizen/certificates/{application}/now",
        "POST /citizen/certificates/{application}",
        "GET /citizen/lock", "GET /citizen/login", "GET /citizen/moves", "GET /citizen/moves/{filing}",
        "GET /citizen/notices", "GET /citizen/pairing", "GET /citizen/trust", "POST /citizen/cases/{case}",
        "POST /citizen/consents/{consent}/withdraw", "POST /citizen/exit", "POST /citizen/grants/{grant}/revoke",
        "POST /citizen/history/ask", "POST /citizen/lock", "POST /citizen/login/card", "POST /citizen/login/code",
        "POST /citizen/logout", "POST /citizen/moves", "POST /citizen/moves/{filing}/file",
        "POST /citizen/moves/{filing}/sign", "POST /citizen/moves/{filing}/withdraw", "POST /citizen/visits",
        "POST /citizen/visits/cancel", "GET /incidents", "GET /incidents/{incident}",
        "GET /citizen/incidents/{incident}/notice.pdf", "POST /desk/incidents/{incident}/letters",
    ), ASKED),
}  # fmt: skip
"""Every route of every role."""

FILLED_IN = {
    "reason": "walk", "kind": "leak", "finding": "rightful", "answer": "walk", "content": "no", "note": "walk",
    "since": "2026-11-19T00:00", "until": "2026-11-20T23:59", "function": "inquiry", "municipality": "999999",
    "address": "walk", "moved_on": "2026-11-19", "name": "実印　花子", "born": "1980-02-17", "present": "yes",
}  # fmt: skip
"""What a form is filled in with besides the ids, so that it is read to its end."""

MEANT = {
    "GET /desk/people/{person}", "GET /desk/work/{work}", "POST /desk/work/{work}/details", "GET /v1/filings/{filing}",
    "GET /v1/household-filings/applications/{application}",
}  # fmt: skip
"""Where the address is seen of somebody without protection: the walk must find it there, or it looks at nothing."""

COMMAND_ROWS = {
    **dict.fromkeys((
        "home finish", "home move", "home reissue", "home renew", "home residence",
        "demo", "doctor", "init", "sample", "serve", "agent", "lint", "migrate", "replay",
        "card change", "card change-pin", "card history", "card list", "card permit-pin", "card personalise",
        "card piv",
        "card read-certificates", "card reissue", "card retire", "card rotate-keys", "card show", "card sign",
        "card unblock", "card verify-pin", "card virtual", "card watch",
        "verify certificate", "verify explain", "verify file", "verify path", "verify status", "verify verdict",
        "audit verify", "witness collect", "witness follow", "witness new", "witness serve",
        "responder presign", "responder serve", "keys change", "keys show",
        "ceremony key-hash", "ceremony run", "ceremony show", "ceremony statement", "ceremony verify",
        "policy check", "policy diff", "policy simulate",
        "ca crl", "ca hold", "ca issue-batch", "ca ocsp-check", "ca release", "ca report", "ca restore", "ca revoke",
        "snapshot enter-looks", "snapshot keys", "snapshot restore", "snapshot serve",
        "office add-channel", "office add-key", "office end-key", "office key", "office retry", "office run",
        "party add", "party add-key", "party certify", "party end", "party end-certificate", "party end-key",
        "party sandbox", "database grants", "party service-key", "seats",
    ), "reads no person out of a deployment's registry"),
    **dict.fromkeys((
        "enroll application", "enroll confirm", "enroll deadlines", "enroll decide", "enroll desk", "enroll letter",
        "enroll operator",
        "enroll person", "enroll policy", "enroll procedure", "enroll visit", "enroll waiting",
    ), "an operator's own work by hand; its reads go by registry.look, which is walked below"),
    "ledger show": ["ledger", "show", "{folder}", "{person}"],
    "ledger explain": ["ledger", "explain", "{folder}", "{person}"],
    "ledger verify": ["ledger", "verify", "{folder}", "{person}"],
    "office case": ["office", "case", "list", "{folder}", "--as", "{owner}-supervisor", "--all"],
    "office incident": ["office", "incident", "list", "{folder}", "--as", "{owner}-supervisor"],
    "office messages": ["office", "messages", "{folder}", "--json"],
    "office alarms": ["office", "alarms", "{folder}", "--json"],
    "ca search": ["ca", "search", "{folder}", "--owner", "{person}", "--format", "json"],
    "ca show": ["ca", "show", "{folder}", "0x{serial}", "--json"],
    "ca export": ["ca", "export", "{folder}", "--certificates", "{out}/certificates"],
    "snapshot make": ["snapshot", "make", "{folder}", "--keys", "{keys}", "--out", "{out}/town.snapshot"],
    "snapshot verify": ["snapshot", "verify", "{out}/town.snapshot", "--keys", "{keys}"],
    "snapshot drill": ["snapshot", "drill", "{folder}", "--keys", "{keys}"],
}  # fmt: skip
"""Every command; those that read a person's data with how they are called."""


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[MaskWorld]:
    made = MaskWorld(tmp_path_factory.mktemp("mask"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def walked(world):
    """What each route gave away before the flag and after it, and everything that was logged meanwhile."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        before = _walk(world)
        world.protect()
        after = _walk(world)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    return before, after, written.getvalue().encode()


def _walk(world: MaskWorld) -> set[str]:
    """The routes that showed the secret to anybody. What a request changed is undone before the next row."""
    found = set()
    visitors = _logged_in(world)
    with open_web(world.settings, "all", world.clock, os.urandom, lambda: 0.0) as web, as_it_was(world) as undo:
        client = TestClient(web.application, base_url=BASE, raise_server_exceptions=False, follow_redirects=False)
        for row, how in ROWS.items():
            method, template = row.split(" ", 1)
            if method == "WEBSOCKET":
                continue
            for path in _paths(world, template):
                for body in _bodies(world, method) if how == ASKED else (b"",):
                    for who in ("nobody", "officer", "boss", "town", "kiosk"):
                        if shows(world.ask(client, who, method, path, body).content):
                            found.add(row)
                if method != "GET":
                    undo()
                for visitor in visitors:
                    client.cookies.clear()
                    answer = client.request(method, path, content=visitor.form(world, method), headers=visitor.headers)
                    if shows(answer.content):
                        found.add(row)
                    if method != "GET":
                        assert not visitor.refused(path, answer), (row, "a form that nobody read proves nothing")
                        undo()
    return found


@contextmanager
def as_it_was(world: MaskWorld) -> Iterator[Callable[[], None]]:
    """Puts the database back to how it was, as often as it is called, under the connections of whoever uses it."""
    with (
        closing(sqlite3.connect(world.settings.database_url.removeprefix("sqlite:///"))) as live,
        closing(sqlite3.connect(":memory:")) as kept,
    ):
        live.backup(kept)
        yield lambda: kept.backup(live)


@dataclass(frozen=True)
class Visitor:
    """Somebody who is logged in, and what their browser sends."""

    realm: str
    cookie: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"cookie": self.cookie, "origin": BASE, "content-type": "application/x-www-form-urlencoded"}

    def form(self, world: MaskWorld, method: str) -> bytes:
        if method == "GET":
            return b""
        ids = {name: value for name, value in world.ids.items() if name != "code"}
        return urlencode({**FILLED_IN, **ids, "q": world.person, TOKEN: self.token}).encode()

    def refused(self, path: str, answer: Response) -> bool:
        """Whether a page of their own did not even read the form."""
        return path.startswith(f"/{self.realm}/") and FormRefused.code.encode() in answer.content


def _logged_in(world: MaskWorld) -> list[Visitor]:
    """A clerk and a supervisor at the desk, and the protected person, as whoever has their card would be."""
    held = world.database.read(lambda conn: work.certificates_of(conn, world.person))
    card = next(one.fingerprint or "" for one in held if one.purpose is Purpose.AUTHENTICATION)
    found = []
    for realm, subject, fingerprint, method in (
        (DESK, f"{world.owner}-clerk", "", "passkey"), (DESK, f"{world.owner}-supervisor", "", "passkey"),
        (CITIZEN, world.person, card, "card"),
    ):  # fmt: skip
        sessions = Sessions(realm, world.database, world.clock, os.urandom)
        one = sessions.log_in(sessions.begin(), subject, fingerprint, method)
        found.append(Visitor(realm, f"{sessions.cookie_name}={one.cookie}", one.form_token))
    return found


def _paths(world: MaskWorld, template: str) -> Iterator[str]:
    names = re.findall(r"{([a-z]+)(?::path)?}", template)
    for choice in itertools.product(*(_choices(world, name) for name in names)):
        path = template
        for name, value in zip(names, choice, strict=True):
            path = re.sub(rf"{{{name}(:path)?}}", value, path)
        yield path


def _choices(world: MaskWorld, name: str) -> list[str]:
    known = [world.ids[name]] if name in world.ids else []
    return known or [world.person, world.ids["application"]]


def _bodies(world: MaskWorld, method: str) -> list[bytes]:
    if method == "GET":
        return [b""]
    every = {**world.ids, "reason": "walk", "unlock": world.person, "flags": {}}
    return [b"{}", json.dumps({"reason": "walk"}).encode(), json.dumps(every).encode()]


def test_every_route_has_its_row(world):
    served = {f"{method} {path}" for method, path in every_route(world)}
    assert served - set(ROWS) == set(), "a new way to read: add its row to ROWS"
    assert set(ROWS) - served == set(), "rows of routes that are no more"


def test_before_the_flag_the_walk_finds_the_address_where_it_is_meant_to_be_seen(walked):
    assert walked[0] == MEANT


def test_after_the_flag_no_route_shows_it_to_anybody(walked):
    assert walked[1] == set()


def test_no_log_line_ever_held_it(walked, world):
    assert len(walked[2]) > 1000, "the log was read"
    assert not shows(walked[2])
    assert "実印".encode() not in walked[2]


def test_every_command_has_its_row():
    here = set()
    for name, announced in COMMANDS.items():
        if find_spec(announced.module) is not None:
            inner = getattr(load_command(name), "commands", None)
            here |= {f"{name} {part}" for part in inner} if inner else {name}
    assert here - set(COMMAND_ROWS) == set(), "a new command: add its row to COMMAND_ROWS"


def test_no_command_prints_or_writes_it(walked, world, tmp_path):
    names = {**world.ids, "folder": str(world.folder), "out": str(tmp_path), "keys": str(tmp_path / "keys")}
    names["owner"] = world.owner
    _run(["snapshot", "keys", names["keys"]])
    for row, line in COMMAND_ROWS.items():
        if isinstance(line, list):
            said = _run([part.format(**names) for part in line])
            assert not shows(said), row
            for file in tmp_path.rglob("*"):
                assert file.is_dir() or not shows(file.read_bytes()), (row, file.name)


def test_a_certificate_of_somebody_under_protection_is_not_printed(walked, world):
    said = _run(["ca", "show", str(world.folder), f"0x{world.ids['serial']}", "--pem"], status=1)
    assert b"enrollment.output-blocked" in said
    assert not shows(said)


def _run(arguments: list[str], status: int = 0) -> bytes:
    ran = subprocess.run(command(*arguments), capture_output=True, timeout=120, check=False)
    assert ran.returncode == status, (arguments, ran.stderr)
    return ran.stdout + ran.stderr


def test_what_is_told_to_others_and_kept_for_bad_days_does_not_hold_it(walked, world):
    def told(conn):
        subjects = (world.person, "flag:kiosk", f"owner:{world.owner}")
        return [message.body for subject in subjects for message in messages.about(conn, subject)]

    bodies = world.database.read(told)
    assert bodies
    assert not any(shows(body.encode()) for body in bodies)
    made = copying.take(
        world.database, world.owner, Why.BACKUP, "support/x", AT, bytes(32), lambda _octets: b"signed", os.urandom
    )
    assert not shows(made)
    for file in (world.settings.path(world.settings.log.folder)).rglob("*"):
        assert file.is_dir() or not shows(file.read_bytes())


def test_the_emergency_counter_masks_as_well(walked, world):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    octets = copying.take(world.database, world.owner, Why.BACKUP, "support/x", AT, bytes(32), key.sign, os.urandom)
    loaded = snapshot.load(octets, bytes(32), spki)
    assert any(SECRET in one.attributes.address for one in loaded.people), "it is in there, locked and signed"
    view = emergency.Emergency(loaded).look(world.person, FOUR_ATTRIBUTES)
    assert view is not None
    assert SECRET not in str(view.shown)
    assert view.shown[registry.Field.NAME]
