"""Mutual TLS that ended at a proxy: whose word is taken, what the certificate opens, and when it stops doing so."""

import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi.testclient import TestClient

from pki.certificate import Certificate
from pki.errors import InvalidValue
from tests.verifier.filing_world import AT, ec_key, issue, root, usage
from tests.web.test_relying_api import Service, build, code

CLIENTS = root("Client CA")


def client(name: str, **more: Any) -> Certificate:
    return issue(
        name,
        ec_key(name),
        CLIENTS,
        [
            (usage("digital_signature"), True),
            (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        ],
        **more,
    ).certificate


CITY_CLIENT, BANK_CLIENT = client("city client"), client("bank client")


def rfc9440(certificate: Certificate) -> str:
    return f":{base64.b64encode(certificate.der).decode()}:"


def nginx(certificate: Certificate) -> str:
    return quote(certificate.x509.public_bytes(Encoding.PEM).decode(), safe="/+")


@pytest.fixture
def service(sqlite_database: Any, random: Callable[[int], bytes]) -> Service:
    made = build(sqlite_database, random)
    made.parties.add_certificate("city", hashlib.sha256(CITY_CLIENT.der).digest(), AT)
    made.parties.add_certificate("bank", hashlib.sha256(BANK_CLIENT.der).digest(), AT)
    return made


def calls(service: Service, told: str | None, **headers: str) -> Any:
    more = {} if told is None else {"client-cert": told}
    return service.client.get("/v1/calls", headers={**more, **headers})


@pytest.mark.parametrize("told", [rfc9440, nginx])
def test_a_registered_certificate_stands_in_for_an_assertion(told: Any, service: Service) -> None:
    answer = calls(service, told(CITY_CLIENT))
    assert answer.status_code == 200
    assert answer.headers["ratelimit-limit"] == "600"
    assert answer.headers["ratelimit-remaining"] == "599"
    body = service.filing(service.world.signer)
    verified = service.client.post("/v1/verifications", json=body, headers={"client-cert": told(CITY_CLIENT)})
    assert verified.json()["indication"] == "PASSED"
    assert [row["operation"] for row in calls(service, told(CITY_CLIENT)).json()["items"]] == ["verification"]
    assert calls(service, told(BANK_CLIENT)).json()["items"] == [], "another party's certificate, its own calls"


def test_only_a_named_proxy_is_believed(service: Service) -> None:
    elsewhere = TestClient(service.client.app, client=("203.0.113.9", 4711))
    answer = elsewhere.get("/v1/calls", headers={"client-cert": rfc9440(CITY_CLIENT)})
    assert code(answer) == (401, "web.not-authenticated")


def test_certificates_that_open_nothing(service: Service) -> None:
    unknown = client("stranger")
    expired = client("expired", not_before=AT + timedelta(days=-9), not_after=AT + timedelta(seconds=-1))
    early = client("early", not_before=AT + timedelta(seconds=1))
    for one in (expired, early):
        service.parties.add_certificate("city", hashlib.sha256(one.der).digest(), AT)
    for one in (unknown, expired, early):
        assert code(calls(service, rfc9440(one))) == (401, "web.not-authenticated")
    for told in ("", "::", ":AAAA:", ":!:", "x", rfc9440(CITY_CLIENT)[:-1], "%ff", ":" + "A" * 20_000 + ":"):
        assert calls(service, told).status_code == 401, told[:20]
    twice = [("client-cert", rfc9440(CITY_CLIENT)), ("client-cert", rfc9440(BANK_CLIENT))]
    assert service.client.get("/v1/calls", headers=twice).status_code == 401


def test_an_ended_certificate_and_an_ended_party(service: Service) -> None:
    fingerprint = hashlib.sha256(CITY_CLIENT.der).digest()
    assert not service.parties.end_certificate("bank", fingerprint, AT), "not the bank's to end"
    assert calls(service, rfc9440(CITY_CLIENT)).status_code == 200
    assert service.parties.end_certificate("city", fingerprint, AT)
    assert calls(service, rfc9440(CITY_CLIENT)).status_code == 401
    for party in ("city", "bank"):
        with pytest.raises(InvalidValue):
            service.parties.add_certificate(party, fingerprint, AT)
    service.parties.end("bank", AT)
    assert calls(service, rfc9440(BANK_CLIENT)).status_code == 401


def test_certificate_and_assertion_must_be_of_one_party(service: Service) -> None:
    assertion = {"authorization": f"Bearer {service.assertion('city', b'')}"}
    assert code(calls(service, rfc9440(BANK_CLIENT), **assertion)) == (401, "web.not-authenticated")
    assertion = {"authorization": f"Bearer {service.assertion('city', b'')}"}
    assert calls(service, rfc9440(CITY_CLIENT), **assertion).status_code == 200
    forged = {"authorization": f"Bearer {service.assertion('city', b'', key=ec_key('stranger'))}"}
    assert calls(service, rfc9440(CITY_CLIENT), **forged).status_code == 401, "a bad assertion is not healed"


def test_the_quota_counts_both_doors_together(service: Service) -> None:
    for left in range(99, 49, -1):
        assert calls(service, rfc9440(BANK_CLIENT)).headers["ratelimit-remaining"] == str(left)
    for left in range(49, -1, -1):
        answer = service.ask("GET", "/v1/calls", party="bank")
        assert answer.headers["ratelimit-remaining"] == str(left)
    refused = calls(service, rfc9440(BANK_CLIENT))
    assert code(refused) == (429, "web.quota-exhausted")
    assert refused.headers["retry-after"] == "60"
    assert service.ask("GET", "/v1/calls", party="bank").status_code == 429
    assert calls(service, rfc9440(CITY_CLIENT)).status_code == 200, "one party's quota is not another's"
    service.clock.set(AT + timedelta(minutes=1))
    assert calls(service, rfc9440(BANK_CLIENT)).status_code == 200


def test_a_refused_request_tells_the_quota_too(service: Service) -> None:
    answer = service.ask("POST", "/v1/verifications", {"document": "!"}, party="bank")
    assert answer.status_code == 400
    assert answer.headers["ratelimit-remaining"] == "99"
    assert service.ask("GET", "/v1/verifications/v-" + "0" * 32, party="bank").headers["ratelimit-remaining"] == "98"
    assert service.ask("POST", "/v1/verifications", {"bogus": 1}, party="bank").headers["ratelimit-remaining"] == "97"
    assert "ratelimit-remaining" not in service.client.get("/v1/calls").headers
