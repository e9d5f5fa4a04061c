"""The API of registered parties and the readers' line, walked like every other way (`test_mask_matrix`): once with
somebody without protection, whose address a party is told that may be told it, and once with the flag."""

import base64
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from cli.party import ensure_handle_key
from cli.planes import open_web
from pki import cms
from pki.certificate import parse_certificate
from pki.purpose import Purpose
from tests.journeys.mask_world import AT, BASE, SECRET, MaskWorld, every_route, shows
from tests.support.service import serving
from web.parties import FIELDS, Parties, RelyingParty, make_assertion

PARTY = RelyingParty(
    "city", "見本市", "Mihon City", frozenset(Purpose), "住民基本台帳法", frozenset(FIELDS),
    frozenset({"https://city.example"}), a_minute=600, may_have_evidence=True,
)  # fmt: skip
ROWS = {
    "POST /v1/verifications", "POST /v1/verifications/batch", "GET /v1/verifications/{verification}",
    "GET /v1/verifications/{verification}/verdict", "DELETE /v1/verifications/{verification}", "POST /v1/consents",
    "POST /v1/authentications/challenges", "POST /v1/authentications", "GET /v1/status", "GET /v1/status/{handle}",
    "POST /v1/status", "GET /v1/calls",
}  # fmt: skip
"""The routes that there are once a party is registered."""
MEANT = {
    "POST /v1/verifications", "POST /v1/verifications/batch", "GET /v1/verifications/{verification}",
    "GET /v1/verifications/{verification}/verdict",
}  # fmt: skip
"""Where a party is told the address that it may be told."""


class Caller:
    """A registered party, against the running service."""

    def __init__(self, world: MaskWorld, url: str) -> None:
        self.world, self.url, self.began = world, url, time.monotonic()
        self.key = ec.generate_private_key(ec.SECP256R1())
        parties = Parties(world.database, world.settings.public_url)
        parties.register(PARTY, world.at)
        spki = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        parties.add_key("city", "k", spki, world.at)

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        octets = b"" if body is None else json.dumps(body).encode()
        now = self.world.at + timedelta(seconds=int(time.monotonic() - self.began))
        token = make_assertion(
            "city", "k", self.world.settings.public_url, octets, now, os.urandom(12).hex(), "ES256", self._sign
        )
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        return httpx.request(method, f"{self.url}{path}", content=octets, headers=headers, timeout=60)

    def _sign(self, message: bytes) -> bytes:
        r, s = utils.decode_dss_signature(self.key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def signed(world: MaskWorld, document: bytes) -> dict[str, str]:
    """Signed by the person's card, in the form of a request."""
    certificate = parse_certificate(world.card.read(Purpose.SIGNATURE) or b"")
    hashed = hashlib.new(cms.digest_name(certificate), document).digest()
    attributes = cms.to_be_signed(hashed, certificate, world.at)
    signature = cms.assemble(attributes, world.card.sign(Purpose.SIGNATURE, attributes), certificate)
    return {"document": base64.b64encode(document).decode(), "signature": base64.b64encode(signature).decode()}


def walk(caller: Caller) -> tuple[set[str], set[str]]:
    """Every route of the party's; (asked, gave the address away)."""
    world, asked, gave = caller.world, set(), set()
    wanted = {**signed(world, b"filing"), "fields": list(FIELDS), "affairs": "walk"}

    def ask(row: str, body: Any = None, **names: str) -> httpx.Response:
        method, path = row.split(" ", 1)
        answer = caller.ask(method, path.format(**names), body)
        asked.add(row)
        if shows(answer.content):
            gave.add(row)
        return answer

    first = ask("POST /v1/verifications", wanted)
    assert first.status_code == 200, first.text
    verdict = first.json()
    assert verdict["indication"] == "PASSED", first.text
    ask("POST /v1/verifications/batch", {"items": [wanted, {**wanted, "purpose": "authentication"}]})
    handles = [verdict[name] for name in ("certificate", "person") if verdict.get(name)]
    assert handles
    ids = {"verification": verdict["id"]}
    ask("GET /v1/verifications/{verification}", **ids)
    ask("GET /v1/verifications/{verification}/verdict", **ids)
    for handle in handles:
        ask("GET /v1/status/{handle}", handle=handle)
    ask("POST /v1/status", {"handles": handles})
    ask("GET /v1/status")
    ask("GET /v1/calls")
    ask("POST /v1/consents", signed(world, json.dumps({"fields": list(FIELDS), "party": "city"}).encode()))
    challenge = ask("POST /v1/authentications/challenges", {"origin": "https://city.example"}).json()
    ask("POST /v1/authentications", {"challenge": challenge["id"], "token": "{}"})
    ask("DELETE /v1/verifications/{verification}", **ids)
    return asked, gave


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MaskWorld]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    made = MaskWorld(tmp_path_factory.mktemp("parties"), listen)
    ensure_handle_key(made.settings)
    yield made
    made.close()


@pytest.fixture(scope="module")
def walked(world: MaskWorld) -> tuple[set[str], set[str], set[str]]:
    """What was asked; what showed the address before the flag; what did after it."""
    with serving(world.folder, "--listen", str(world.settings.service.listen), "--clock", AT.iso()) as service:
        caller = Caller(world, service.url)
        asked, before = walk(caller)
        world.protect()
        again, after = walk(caller)
    assert asked == again
    return asked, before, after


def test_every_route_of_a_party_was_asked(world: MaskWorld, walked: tuple[set[str], set[str], set[str]]) -> None:
    served = {f"{method} {path}" for (method, path), roles in every_route(world).items() if "relying-party" in roles}
    assert walked[0] == ROWS
    assert served >= ROWS
    elsewhere = {f"{method} {path}" for (method, path), roles in every_route(world).items() if len(roles) > 1}
    assert {row for row in served - elsewhere if row.startswith(("POST /v1", "GET /v1", "DELETE"))} <= ROWS


def test_before_the_flag_the_party_is_told_what_it_may_be_told(walked: tuple[set[str], set[str], set[str]]) -> None:
    assert walked[1] == MEANT


def test_after_the_flag_no_answer_shows_the_address(walked: tuple[set[str], set[str], set[str]]) -> None:
    assert walked[2] == set()


def test_the_readers_line_tells_a_stranger_nothing(world: MaskWorld) -> None:
    with open_web(world.settings, "all", world.clock, os.urandom, lambda: 0.0) as web:
        client = TestClient(web.application, base_url=BASE)
        for said in ("", "x", "[]", "{}", '{"channel": "x", "proof": "y"}', json.dumps(world.ids), "\u0000" * 100):
            heard = []
            with client.websocket_connect("/v1/reader-line") as line:
                heard.append(line.receive_text())
                line.send_text(said)
                with pytest.raises(WebSocketDisconnect):
                    heard.append(line.receive_text())
            assert [set(json.loads(one)) for one in heard] == [{"nonce"}]
            assert SECRET not in "".join(heard)
