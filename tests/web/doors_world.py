"""A town whose officers, systems and channels sign their requests; the doors of the gateway in front of it."""

import base64
import json
from itertools import count

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi.testclient import TestClient
from sqlalchemy import update

from ca import authorities
from ca.directory import Directory
from ca.issuance import Registrar, Signer
from ca.orders import ServiceKind, ServiceOrder
from ca.profiles import PROFILES, KeyShape
from enrollment import protection, signed
from enrollment.gateway import GatePolicy, Gateway
from enrollment.signed import CHANNEL, MUNICIPALITY, OwnerKeys, StoredKeys
from enrollment.store import tables
from fixtures.peers.record import ResidentRecord, key_of, spki_of
from pki.certificate import Certificate
from pki.http_signature import RequestKey
from tests.enrollment.office import key_store, open_office
from tests.enrollment.town import AT, OTHER_TOWN, TOWN
from tests.support.chance import SetClock
from web.application import Frame, compose
from web.callers import Callers
from web.gate_desk import make_gate_desk_router
from web.gateway import make_channels_router, make_gateway_router
from web.protection_desk import make_protection_desk_router

SERVICE = "http://service.test"
OFFICERS = ("clerk", "boss", "boss2", "other-boss", "postclerk")
VALUES = {
    "address": "東京都見本区北町２番", "address_substitutes": "", "date_of_birth": "1980-02-17", "gender": "2",
    "name": "実印　花子", "name_substitutes": "",
}  # fmt: skip


def card_of(database, folder, random, operator, at=AT):
    """A key and a certificate for an operator, entered as their card."""
    keys = key_store(folder / "keys", random)
    key = keys.create(f"op-{operator}", KeyShape.P256)
    order = ServiceOrder(
        ServiceKind.OPERATOR, authorities.self_request(key), operator, "Mihon-ku", operator, "", None, f"op:{operator}"
    )
    intent = database.transaction(lambda conn: Registrar(PROFILES, Directory(), random).intend(conn, order, at))
    issued = Signer(keys, PROFILES, Directory()).sign(database, intent, at)
    fingerprint = Certificate(issued.der).fingerprint.hex()
    o = tables.operators
    database.transaction(
        lambda conn: conn.execute(update(o).where(o.c.operator == operator).values(card_fingerprint=fingerprint))
    )
    return RequestKey(f"officer:{operator}", key.public_spki, key.sign), issued


class Doors:
    """The doors in this process, and everybody's keys."""

    def __init__(self, database, folder, seed, *, office=None, **policy):
        self.office = office or open_office(database, folder, seed)
        self.database, self.random, self.clock = database, self.office.random, SetClock(AT)
        self.numbers = count()
        self.record = ResidentRecord(TOWN)
        kiosk, other = key_of(77), key_of(78)
        self.keys = {
            "town": RequestKey(f"municipality:{TOWN}/k1", self.record.spki, self.record.sign),
            "other-town": self._peer(f"municipality:{OTHER_TOWN}/k1", other),
            "kiosk": self._peer("channel:kiosk/k1", kiosk),
        }
        self.cards = {}
        for operator in OFFICERS:
            self.keys[operator], self.cards[operator] = card_of(database, folder, self.random, operator)

        def enter(conn):
            signed.add_key(conn, MUNICIPALITY, TOWN, "k1", self.record.spki, AT)
            signed.add_key(conn, MUNICIPALITY, OTHER_TOWN, "k1", spki_of(other), AT)
            protection.register_channel(conn, "kiosk", TOWN, "見本店", "", AT, self.random)
            signed.add_key(conn, CHANNEL, "kiosk", "k1", spki_of(kiosk), AT)

        database.transaction(enter)
        callers = Callers(database, SERVICE, self.clock)
        gateway = Gateway(OwnerKeys(StoredKeys(database)), self.random, {TOWN: GatePolicy(**policy)})
        self.routers = [
            make_gateway_router(gateway, callers, database, self.clock),
            make_channels_router(callers, database, self.clock, self.random),
            make_gate_desk_router(callers, database, self.clock, self.random),
            make_protection_desk_router(callers, database, self.clock, self.random),
        ]
        self.client = TestClient(compose("doors", self.routers, Frame(self.random, lambda: 0.0)), base_url=SERVICE)

    @staticmethod
    def _peer(name, key):
        return RequestKey(name, spki_of(key), lambda octets: key.sign(octets, ec.ECDSA(hashes.SHA256())))

    def ask(self, who, method, path, body=None, *, at=None, nonce=None, extra=None, language="en"):
        """A signed request by one of `keys`."""
        octets = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        nonce = nonce or f"nonce-{next(self.numbers):012}"
        url = f"{SERVICE}{path}"
        headers = self.keys[who].headers(method, url, octets, at or self.clock.now(), nonce)
        headers |= {"accept-language": language, **(extra or {})}
        if octets:
            headers["content-type"] = "application/json"
        return self.client.request(method, path, content=octets, headers=headers)

    def tell(self, kind, person, values, *, who="town", **changes):
        """One message of the resident record."""
        octets = self.record.message(kind, person, self.clock.now(), values, **changes)
        return self.send(octets, who=who)

    def send(self, octets, who="town"):
        signature = base64.b64encode(self.record.sign(octets)).decode()
        return self.ask(who, "POST", "/v1/gateway/messages", octets, extra={"gateway-signature": signature})
