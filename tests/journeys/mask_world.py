"""A deployment with one resident who has a card with certificates, a filing, a gateway message, and a protection."""

import base64
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from starlette.routing import Mount, Route, WebSocketRoute

from ca.directory import Directory
from ca.issuance import Registrar, Signer
from ca.journal_file import JournaledDatabase, JournalFile
from ca.profiles import PROFILES
from cli.database import Database
from cli.deployment import create_deployment
from cli.keys import DeploymentKeys
from cli.officer_keys import OfficerKeys
from cli.planes import ROLES, open_web
from cli.settings import make_settings
from enrollment import cases, incidents, protection, registry, signed
from enrollment.acts import What
from enrollment.application import ApplicationKind
from enrollment.card_keys import CardKeys
from enrollment.filing import MoveFiling, VerifiedFiling
from enrollment.flags import Flag
from enrollment.gateway import Gateway
from enrollment.incident import IncidentKind, Scope
from enrollment.issuing import Issuing
from enrollment.moves import Moves
from enrollment.signed import CHANNEL, MUNICIPALITY, OwnerKeys, StoredKeys
from enrollment.store import people, work
from fixtures.peers.record import ResidentRecord, key_of, spki_of
from pki.algorithms import algorithm_for
from pki.attributes import Attributes, Gender
from pki.certificate import parse_certificate
from pki.certification_request import assemble_request, certification_request_info
from pki.http_signature import RequestKey
from pki.instant import Instant
from pki.purpose import Purpose
from tests.enrollment.folder_card import FolderCard
from tests.enrollment.town import seen
from tests.peers.world import values
from tests.support.chance import SetClock
from web.desk.work import Kind, State
from web.store import desk as desk_rows
from web.store.desk import WorkRow

AT = Instant.parse("2026-11-20T00:10:00Z")
SECRET = "東京都見本区隠町七丁目７番７号"
"""The address that nobody may see; it stands in the registry, the ledger's filings, certificates and messages."""
BASE = "http://127.0.0.1:18087"


class MaskWorld:
    """Everything, unprotected at first; `protect` sets the flag."""

    def __init__(self, folder: Path, listen: str = BASE.removeprefix("http://"), at: Instant = AT) -> None:
        self.folder, self.clock, self.at = folder / "deployment", SetClock(at), at
        given = {"authorities": {"profile": "next"}, "service": {"listen": listen}}
        self.settings = create_deployment(
            self.folder, make_settings(given), self.at + timedelta(days=-1), os.urandom, lambda _what: None
        )
        self.owner = self.settings.municipality.code
        self.database = Database(self.settings.database_url)
        self.journaled = JournaledDatabase(self.database, JournalFile(self.settings.path(self.settings.status.journal)))
        self.store = DeploymentKeys(self.settings, os.urandom)
        self.officers = OfficerKeys(self.settings, os.urandom)
        self.record = ResidentRecord(self.owner)
        self.keys = {"officer": self._officer("clerk"), "boss": self._officer("supervisor")}
        self.keys["town"] = RequestKey(f"municipality:{self.owner}/k", self.record.spki, self.record.sign)
        self.database.transaction(self._enter_peers)
        self.person = self.database.transaction(
            lambda conn: registry.register(
                conn,
                self.owner,
                Attributes("実印　花子", date(1980, 2, 17), Gender.FEMALE, SECRET),
                self.at,
                os.urandom,
            )
        )
        self.ids: dict[str, str] = {"person": self.person, "code": "enrollment.not-yours"}
        self._enroll(folder)
        self._tell()
        self._begin_work()
        self.database.transaction(self._ask)

    def _ask(self, conn: Any) -> None:
        """The person does not recognise one of their records, and an incident of the same office is looked into."""
        record = registry.own_lines(conn, self.person)[0].record
        asked = cases.open_case(conn, self.person, record, self.at, os.urandom)
        boss = people.operator_of(conn, f"{self.owner}-supervisor")
        found = incidents.find(conn, IncidentKind.LEAK, boss, self.at, os.urandom)
        incidents.scope(
            conn, found.incident, Scope(self.at + timedelta(days=-1), self.at, records=(record,)), boss, self.at
        )
        self.ids |= {"case": asked.case, "record": record, "incident": found.incident}

    def _begin_work(self) -> None:
        """A clerk is about to write down a new address: the old one stands beside the field."""
        name, owner, kind = os.urandom(16).hex(), self.owner, Kind.CHANGE.value
        row = WorkRow(
            name,
            owner,
            f"{owner}-main",
            kind,
            State.DETAILS.value,
            1,
            self.person,
            f"{owner}-clerk",
            self.at,
            self.at,
            {},
            False,
        )
        self.database.transaction(lambda conn: desk_rows.add_work(conn, row))
        self.ids["work"] = row.work

    def _officer(self, name: str) -> RequestKey:
        key = self.store.operators.open(f"{self.owner}-{name}")
        return RequestKey(f"officer:{self.owner}-{name}", key.public_spki, key.sign)

    def _enter_peers(self, conn: Any) -> None:
        signed.add_key(conn, MUNICIPALITY, self.owner, "k", self.record.spki, self.at)
        protection.register_channel(conn, "kiosk", self.owner, "見本店", "", self.at, os.urandom)
        kiosk = key_of(77)
        signed.add_key(conn, CHANNEL, "kiosk", "k", spki_of(kiosk), self.at)
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        self.keys["kiosk"] = RequestKey(
            "channel:kiosk/k", spki_of(kiosk), lambda octets: kiosk.sign(octets, ec.ECDSA(hashes.SHA256()))
        )

    def _enroll(self, folder: Path) -> None:
        """Certificates on a card at the counter, then one remote move to the same secret street."""
        signer = Signer(self.store.authorities, PROFILES)
        registrar = Registrar(PROFILES, Directory(), os.urandom)
        issuers = self.database.read(
            lambda conn: {purpose: Directory().active(conn, purpose).certificate.der for purpose in Purpose}
        )

        def sign(intent: Any, at: Instant) -> object:
            return signer.sign(self.journaled, intent, at)

        evidence = self.officers.evidence(seen(self.person, f"{self.owner}-clerk", f"{self.owner}-main", self.at))
        end = self.at + timedelta(days=3376)
        filed = self.database.transaction(
            lambda conn: self.officers.file(conn, ApplicationKind.FIRST_ISSUE, evidence, end, self.at)
        )
        self.database.transaction(lambda conn: self.officers.approve(conn, filed, f"{self.owner}-supervisor", self.at))
        made = CardKeys(self.database, self.clock).made
        self.card = FolderCard(folder / "card", "CARD0001", made)
        Issuing(self.journaled, registrar, issuers, os.urandom, sign).continue_(filed.application, self.card, self.at)
        spki = self.card.generate(Purpose.SIGNATURE)
        info = certification_request_info(spki)
        request = assemble_request(info, algorithm_for(spki).oid, self.card.prove(Purpose.SIGNATURE, info))
        filing = MoveFiling(
            os.urandom(16).hex(), self.owner, f"{SECRET}１０１", (self.at + timedelta(days=-1)).jst_date(),
            hashlib.sha256(request).hexdigest(), self.at + timedelta(days=1),
        )  # fmt: skip
        held = parse_certificate(self.card.read(Purpose.SIGNATURE) or b"")
        document = filing.document()
        verified = VerifiedFiling(
            filing, document, self.card.sign(Purpose.SIGNATURE, document), held.fingerprint.hex(), f"{held.serial:x}",
            "{}", self.at,
        )  # fmt: skip
        result = Moves(self.journaled, registrar, os.urandom, sign).accept(verified, request, "key-00001", self.at)
        assert result.certificate is not None
        self.card.install(Purpose.SIGNATURE, result.certificate, issuers[Purpose.SIGNATURE])
        self.ids |= {"filing": result.filing, "application": result.application, "event": result.event}
        certificates = self.database.read(lambda conn: work.certificates_of(conn, self.person))
        self.ids |= {"card": "CARD0001", "intent": certificates[-1].intent, "serial": certificates[-1].serial or ""}
        self.ids["fingerprint"] = certificates[-1].fingerprint or ""
        authority = certificates[-1].issuer or ""
        self.ids["authority"] = authority

    def _tell(self) -> None:
        octets = self.record.message("attributes-changed", self.person, self.at, values(f"{SECRET}２０２"))
        gateway = Gateway(OwnerKeys(StoredKeys(self.database)), os.urandom)
        received = self.database.transaction(
            lambda conn: gateway.receive(conn, self.owner, octets, self.record.sign(octets), self.at)
        )
        self.ids["message"] = received.message

    def protect(self) -> None:
        """Set the flag, by a clerk."""

        def apply(conn: Any) -> Flag:
            clerk = people.operator_of(conn, f"{self.owner}-clerk")
            about = protection.act_content("apply", self.person)
            self.officers.act(conn, clerk.operator, What.PROTECTION, self.person, about, self.at)
            return protection.apply(conn, self.person, clerk, self.at, os.urandom)

        self.ids["flag"] = self.database.transaction(apply).flag

    # asking

    def headers(self, who: str, method: str, path: str, body: bytes) -> dict[str, str]:
        """A signed request's headers."""
        return self.keys[who].headers(method, f"{BASE}{path}", body, self.at, os.urandom(12).hex())

    def ask(self, client: TestClient, who: str, method: str, path: str, body: bytes = b"") -> Any:
        """One request, signed by `who` unless they are nobody."""
        headers = {"content-type": "application/json", "idempotency-key": os.urandom(8).hex()}
        if who in self.keys:
            headers |= self.headers(who, method, path, body)
        return client.request(method, path, content=body, headers=headers, follow_redirects=False)

    def close(self) -> None:
        self.database.close()


def routes_of(application: Any) -> Iterator[tuple[str, str]]:
    """(method, path) of every route of a composed application, mounted ones included."""
    inner = application
    while not hasattr(inner, "routes"):
        inner = inner._inner
    yield from _walk(inner.routes, "")


def _walk(routes: Any, prefix: str) -> Iterator[tuple[str, str]]:
    for route in routes:
        inner = getattr(route, "original_router", None)  # how FastAPI keeps a router that was included
        if inner is not None:
            yield from _walk(inner.routes, prefix)
        elif isinstance(route, Route):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method, prefix + route.path
        elif isinstance(route, WebSocketRoute):
            yield "WEBSOCKET", prefix + route.path
        else:
            assert isinstance(route, Mount), f"a kind of route that this test does not know: {type(route)}"
            yield "GET", f"{prefix}{route.path}/*"


def every_route(world: MaskWorld) -> dict[tuple[str, str], set[str]]:
    """Each route with the roles that serve it."""
    found: dict[tuple[str, str], set[str]] = {}
    for role in ROLES:
        with open_web(world.settings, role, world.clock, os.urandom, lambda: 0.0) as web:
            for route in routes_of(web.application):
                found.setdefault(route, set()).add(role)
    return found


def shows(octets: bytes, secret: str = SECRET) -> bool:
    """Whether the secret can be read out of an answer: as it is, escaped, in base64, in hex, inside a certificate."""
    return any(secret.encode() in layer for layer in _layers(octets, 4))


def _layers(octets: bytes, depth: int) -> Iterator[bytes]:
    yield octets
    if depth == 0:
        return
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        return
    with suppress(ValueError):
        yield json.dumps(json.loads(text), ensure_ascii=False).encode()
    for piece in re.findall(r"[A-Za-z0-9+/_=-]{40,}", text):
        for decode in _DECODERS:
            try:
                inner = decode(piece)
            except ValueError:
                continue
            yield from _layers(inner, depth - 1)


_DECODERS: tuple[Callable[[str], bytes], ...] = (
    lambda piece: base64.b64decode(piece + "=" * (-len(piece) % 4), validate=True),
    lambda piece: base64.urlsafe_b64decode(piece + "=" * (-len(piece) % 4)),
    bytes.fromhex,
)
