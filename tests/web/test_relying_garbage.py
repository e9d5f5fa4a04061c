"""Whatever is sent to POST /v1/verifications: a problem that says what is wrong and repeats nothing, never a crash."""

import json
import random as chance
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from pki.purpose import Purpose
from tests.support.chance import SetClock
from tests.verifier.filing_world import AT, SIGNATURE_POLICY, build_world
from tests.web.test_relying_api import Service, build
from verifier.anchors import anchor_of
from verifier.judge import Trust
from verifier.policy import Policy
from web.application import Frame, compose
from web.filing_check import FilingCheck
from web.relying_party import make_relying_party_router

SECRET = "WWFtYWRhIFRhcm8="
"""What is in a request and must not come back in a refusal."""
GOOD: dict[str, Any] = {
    "document": SECRET,
    "signature": "MIIB",
    "purpose": "signature",
    "evidence": {"certificates": ["MIIB"], "crls": [], "ocsp": []},
    "fields": [],
    "once": False,
}
Send = Callable[[bytes], Any]


@pytest.fixture(scope="module")
def open_door() -> Send:
    world = build_world()
    check = FilingCheck(
        {purpose: Trust([anchor_of(world.signature_ca.certificate)]) for purpose in Purpose},
        {purpose: Policy(certificate_policies=frozenset({SIGNATURE_POLICY})) for purpose in Purpose},
        None,
        None,
    )
    router = make_relying_party_router(check, SetClock(AT))
    octets = chance.Random(5).randbytes
    client = TestClient(compose("open", [router], Frame(octets, lambda: 0.0)), raise_server_exceptions=False)
    return lambda body: client.post(
        "/v1/verifications", content=body, headers={"content-type": "application/json", "accept-language": "en"}
    )


@pytest.fixture
def registered(sqlite_database: Any, random: Callable[[int], bytes]) -> Service:
    return build(sqlite_database, random)


def at_the_registered_door(service: Service, path: str = "/v1/verifications") -> Send:
    return lambda body: service.client.post(
        path,
        content=body,
        headers={
            "authorization": f"Bearer {service.assertion('city', body)}",
            "content-type": "application/json",
            "accept-language": "en",
        },
    )


def bent(**members: Any) -> bytes:
    return json.dumps({**GOOD, **members}).encode()


def text(more: str) -> bytes:
    """A good request with one member more, as it is written here."""
    return (json.dumps(GOOD)[:-1] + ", " + more + "}").encode("utf-8", "surrogatepass")


GARBAGE: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "true": b"true",
    "a number": b"7",
    "a text": b'"document"',
    "a list": b"[]",
    "a list of requests": b"[" + bent() + b"]",
    "cut short": bent()[:-3],
    "more after the end": bent() + b"{}",
    "two values": bent() + bent(),
    "a trailing comma": bent()[:-1] + b",}",
    "a comment": bent() + b"// hello",
    "single quotes": b"{'document': 'YQ=='}",
    "not UTF-8": b'{"document": "\xff\xfe"}',
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "UTF-32": json.dumps(GOOD).encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + bent(),
    "a surrogate in UTF-8": text('"affairs": "\ud800"'),
    "half a pair as a value": text('"affairs": "\\ud800"'),
    "the other half": text('"at": "\\udfff"'),
    "half a pair as a name": text('"\\ud800": 1'),
    "half a pair in the document": text('"at": null').replace(SECRET.encode(), b"\\ud83d"),
    "a control character": text('"affairs": "\x00"'),
    "NaN": text('"at": NaN'),
    "an infinity": text('"once": Infinity'),
    "a negative infinity": text('"affairs": -Infinity'),
    "a float that is infinite": text('"at": 1e999'),
    "a huge integer": text('"at": 1' + "0" * 4000),
    "an integer that nobody reads": text('"at": 1' + "0" * 100_000),
    "a huge exponent": text('"once": 1e' + "9" * 400),
    "a name twice": text(f'"document": "{SECRET}"'),
    "a name twice, escaped": text(f'"d\\u006fcument": "{SECRET}"'),
    "a name twice, inside": text('"digest": {"hash": "sha256", "hash": "sha256", "value": "00"}'),
    "evidence twice": text('"evidence": {}'),
    "deep lists": b'{"fields": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"evidence": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
    "only opened": b"[" * 300_000,
    "a number as document": bent(document=1),
    "a list as document": bent(document=[SECRET]),
    "lists in lists as document": bent(document=[[[SECRET]]]),
    "an object as document": bent(document={"a": SECRET}),
    "true as signature": bent(signature=True),
    "a number as signature": bent(signature=1.5),
    "a list as purpose": bent(purpose=["signature"]),
    "another purpose": bent(purpose=SECRET),
    "null as purpose": bent(purpose=None),
    "a number as time": bent(at=1_000_000_000),
    "a list as time": bent(at=["2026-01-01T00:00:00Z"]),
    "a time without a zone": bent(at="2026-01-01T00:00:00"),
    "a time before all times": bent(at="0001-01-01T00:00:00+23:59"),
    "a time after all times": bent(at="9999-12-31T23:59:59-23:59"),
    "a time of 25 hours": bent(at="2026-01-01T25:00:00Z"),
    "a time of a kilobyte": bent(at="2" * 1024),
    "a time in other digits": bent(at="２０２６-01-01T00:00:00Z"),
    "text as evidence": bent(evidence=SECRET),
    "a list as evidence": bent(evidence=[SECRET]),
    "an object as a CRL": bent(evidence={"crls": {"a": SECRET}}),
    "numbers as CRLs": bent(evidence={"crls": [1, 2]}),
    "lists as CRLs": bent(evidence={"crls": [[SECRET]]}),
    "null among CRLs": bent(evidence={"crls": [None]}),
    "too many certificates": bent(evidence={"certificates": ["MIIB"] * 257}),
    "evidence of another kind": bent(evidence={"passports": [SECRET]}),
    "a digest that is no object": bent(document=None, digest=SECRET),
    "a digest of another hash": bent(document=None, digest={"hash": "md5", "value": "ab" * 16}),
    "a digest in capitals": bent(document=None, digest={"hash": "sha256", "value": "AB" * 32}),
    "a digest with a line after": bent(document=None, digest={"hash": "sha256", "value": "ab" * 32 + "\n"}),
    "a digest too short": bent(document=None, digest={"hash": "sha512", "value": "ab" * 32}),
    "a digest beside the document": bent(digest={"hash": "sha256", "value": "ab" * 32}),
    "base64 with a line break": bent(document=SECRET[:8] + "\n" + SECRET[8:]),
    "base64 of URLs": bent(document="-_-_"),
    "base64 without padding": bent(document=SECRET.rstrip("=")),
    "base64 with too much padding": bent(document=SECRET + "="),
    "base64 after its end": bent(document=SECRET + "AAAA"),
    "base64 in another alphabet": bent(signature="ＭＩＩＢ"),
    "a level that is none": bent(minimum_level="Z"),
    "a field that is none": bent(fields=["salary"]),
    "fields in a list": bent(fields=[["name"]]),
    "fields as text": bent(fields="name"),
    "fields as an object": bent(fields={"name": True}),
    "affairs too long": bent(affairs="あ" * 201),
    "affairs as a list": bent(affairs=[SECRET]),
    "neither yes nor no": bent(once="perhaps"),
    "a list for yes or no": bent(once=[True]),
    "an assurance that is none": bent(required_assurance="total"),
    "a member nobody knows": bent(purpos="signature"),
    "an empty name": bent(**{"": 1}),
    "a very long name": bent(**{"n" * 10_000: 1}),
}


def is_a_problem(answer: Any) -> None:
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["code"]
    assert told["title"]
    assert SECRET not in answer.text, "what was sent is not repeated"


@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_at_the_open_door_is_a_problem(open_door: Send, what: str) -> None:
    is_a_problem(open_door(GARBAGE[what]))


@pytest.fixture
def send(registered: Service) -> Send:
    """As a registered party that may ask as often as it likes."""
    city = registered.parties.registered("city")
    assert city is not None
    registered.parties.register(replace(city, a_minute=100_000), AT)
    return at_the_registered_door(registered)


def test_garbage_of_a_registered_party_is_a_problem_and_looks_at_nobody(registered: Service, send: Send) -> None:
    for what, body in GARBAGE.items():
        answer = send(body)
        assert 400 <= answer.status_code < 500, (what, answer.status_code, answer.text[:300])
        is_a_problem(answer)
    assert registered.town.records == []


@pytest.mark.parametrize(
    "key", ["short", "a b c d e f g", "x" * 129, "kürzlich-12", "'; drop table", "\t\t\t\t\t\t\t\t\t"]
)
def test_an_idempotency_key_of_another_form_is_a_problem(registered: Service, key: str) -> None:
    body = bent()
    headers = {
        b"authorization": f"Bearer {registered.assertion('city', body)}".encode(),
        b"content-type": b"application/json",
        b"idempotency-key": key.encode(),
    }
    is_a_problem(registered.client.post("/v1/verifications", content=body, headers=headers))


def test_garbage_in_a_batch_is_a_problem_or_the_problem_of_its_item(registered: Service, send: Send) -> None:
    batch = at_the_registered_door(registered, "/v1/verifications/batch")
    del send
    good = json.dumps(GOOD)
    for what, body in GARBAGE.items():
        answer = batch(b'{"items": [' + good.encode() + b", " + body + b"]}")
        if answer.status_code == 200:
            # what the item means, not how it is written, is wrong: the others are answered all the same
            first, second = answer.json()["items"]
            assert first["indication"] == "FAILED", what
            assert second["error"]["code"].startswith(("pki.", "web.")), what
            assert SECRET not in answer.text, what
        else:
            is_a_problem(answer)
    for items in (b"[]", b"{}", b"null", b'"x"', b"[null]", b"[[]]", b"[" + b",".join([good.encode()] * 51) + b"]"):
        is_a_problem(batch(b'{"items": ' + items + b"}"))


def test_what_is_bent_by_chance_is_answered_or_refused(open_door: Send, send: Send) -> None:
    """Octets changed, taken out, doubled and moved; members given another's value. Nothing is ever a 5xx."""
    dice = chance.Random(20261124)
    values: list[object] = [
        None, True, -1, 10**30, 1.5, 1e308, "", "\x00", "\ud800", "é", [], {}, [[]], [{}], {"": ""}, "MIIB", ["MIIB"],
    ]  # fmt: skip
    for number in range(400):
        if number % 2:
            name = dice.choice([*GOOD, "at", "digest", "affairs", "required_assurance", "minimum_level", "more"])
            body = bent(**{name: dice.choice(values)})
        else:
            octets = bytearray(bent(at="2026-01-01T00:00:00Z"))
            for _ in range(dice.randrange(1, 6)):
                at = dice.randrange(len(octets))
                piece = bytes(octets[at : at + dice.randrange(1, 12)])
                octets[at : at + dice.randrange(3)] = dice.choice(
                    [b"", piece, bytes([dice.randrange(256)]), b'"', b"}"]
                )
            body = bytes(octets)
        for door in (open_door, send) if number % 8 < 2 else (open_door,):
            answer = door(body)
            if answer.status_code != 200:
                is_a_problem(answer)
