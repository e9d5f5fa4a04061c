"""POST /v1/verifications: verdicts over HTTP, problems for what cannot be read."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from pki.purpose import Purpose
from tests.support.chance import SetClock
from tests.verifier.filing_world import AT, SIGNATURE_POLICY, World, build_world, sign_filing
from tests.verifier.test_verify import Responders
from verifier.anchors import anchor_of
from verifier.judge import Trust
from verifier.policy import Policy
from web.application import Frame, compose
from web.filing_check import FilingCheck
from web.relying_party import make_relying_party_router

DOCUMENT = "転居届\n".encode()


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def clock() -> SetClock:
    return SetClock(AT)


@pytest.fixture
def online(world: World) -> Responders:
    return Responders(world, [world.signer], AT)


@pytest.fixture
def client(world: World, random: Callable[[int], bytes], clock: SetClock, online: Responders) -> TestClient:
    check = FilingCheck(
        {purpose: Trust([anchor_of(world.signature_ca.certificate)]) for purpose in Purpose},
        {purpose: Policy(certificate_policies=frozenset({SIGNATURE_POLICY})) for purpose in Purpose},
        online,
        random,
    )
    router = make_relying_party_router(check, clock)
    return TestClient(compose("relying party", [router], Frame(random, lambda: 0.0)))


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def asked(client: TestClient, **body: object) -> Any:
    return client.post("/v1/verifications", json=body)


def test_a_filing_passes_and_a_changed_one_fails(client: TestClient, world: World) -> None:
    signature = b64(sign_filing(world.signer, DOCUMENT))
    told = asked(client, document=b64(DOCUMENT), signature=signature)
    assert told.status_code == 200
    assert told.json()["indication"] == "PASSED"
    changed = asked(client, document=b64(DOCUMENT + b"!"), signature=signature).json()
    assert (changed["indication"], changed["sub_indication"]) == ("FAILED", "HASH_FAILURE")


def test_as_of_then_with_the_evidence_of_an_earlier_answer(
    client: TestClient, world: World, clock: SetClock, online: Responders
) -> None:
    signature = b64(sign_filing(world.signer, DOCUMENT))
    first = asked(client, document=b64(DOCUMENT), signature=signature).json()
    world.revoke(world.signer, AT + timedelta(hours=1))
    online.at = clock.advance(hours=2)
    now = asked(client, document=b64(DOCUMENT), signature=signature).json()
    assert (now["indication"], now["sub_indication"]) == ("INDETERMINATE", "REVOKED_NO_POE")
    before = len(online.asked)
    then = asked(client, document=b64(DOCUMENT), signature=signature, at=AT.iso(), evidence=first["evidence"]).json()
    assert then == first
    assert len(online.asked) == before, "an answer of today says nothing about then"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"document": "!", "signature": "MIIB"}, 400),
        ({"document": "YQ==", "digest": {"hash": "sha256", "value": "ab" * 32}, "signature": "MIIB"}, 400),
        ({"document": "YQ==", "signature": "MIIB", "at": "2027-01-01T00:00:00Z"}, 400),
        ({"document": "YQ==", "signature": "MIIB", "at": "tomorrow"}, 400),
        ({"document": "YQ==", "signature": "MIIB", "evidence": {"ocsp": ["!"]}}, 400),
        ({"document": "YQ==", "signature": "MIIB", "purpos": "signature"}, 422),
        ({"digest": {"hash": "md5", "value": "ab" * 16}, "signature": "MIIB"}, 422),
    ],
)
def test_what_cannot_be_read_is_a_problem(client: TestClient, body: dict[str, object], status: int) -> None:
    answer = asked(client, **body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "YQ==" not in json.dumps(answer.json())


def test_garbage_is_a_verdict(client: TestClient) -> None:
    told = asked(client, document="YQ==", signature="MIIB").json()
    assert (told["indication"], told["sub_indication"]) == ("FAILED", "FORMAT_FAILURE")
