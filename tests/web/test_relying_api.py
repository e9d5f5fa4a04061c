"""The API for registered parties: who may ask, what is kept, what is told, and what two parties cannot find out."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi.testclient import TestClient
from sqlalchemy import text

from enrollment.assurance import Grade
from pki.instant import Instant
from pki.purpose import Purpose
from tests.support.chance import SeededOctets, SetClock
from tests.verifier.filing_world import (
    AT,
    SIGNATURE_POLICY,
    Holder,
    World,
    build_world,
    ec_key,
    issue,
    raw_sign,
    root,
    sign_filing,
    usage,
)
from tests.verifier.test_verify import Responders
from verifier.anchors import anchor_of
from verifier.challenge import login_message
from verifier.indication import Indication
from verifier.judge import Trust
from verifier.policy import Policy
from verifier.verdict import VerdictSigner, check_verdict
from web.api_page import make_api_page_router, render
from web.application import Frame, compose
from web.client_certificate import from_proxies
from web.consents import Consents
from web.filing_check import FilingCheck
from web.handles import Handles
from web.parties import Parties, RelyingParty, make_assertion
from web.party_logins import PartyLogins
from web.party_status import PartyStatus
from web.relying_api import RelyingParts, make_relying_api
from web.store.tables import METADATA
from web.subjects import Assurance, Level, Recorded
from web.verdict_certificates import make_verdict_certificates_router
from web.verifications import Verifications

DOCUMENT = "転居届\n".encode()
SERVICE = "https://verify.example"
CITY = RelyingParty(
    "city", "見本市", "Mihon City", frozenset(Purpose), "住民基本台帳法", frozenset({"name", "address"}),
    frozenset({"https://city.example"}), may_have_evidence=True,
)  # fmt: skip
BANK = RelyingParty(
    "bank", "見本銀行", "Mihon Bank", frozenset({Purpose.SIGNATURE, Purpose.AUTHENTICATION}), "犯罪収益移転防止法",
    frozenset({"name"}), frozenset({"https://bank.example"}), a_minute=100,
)  # fmt: skip


@dataclass
class Town:
    """People behind certificates, and everything that was written into their records."""

    people: dict[bytes, str] = field(default_factory=dict)
    certificates: dict[bytes, bytes] = field(default_factory=dict)
    current: dict[str, bytes] = field(default_factory=dict)
    assurance: Assurance = field(default_factory=lambda: Assurance(Level.FRESH, 1, "none"))
    records: list[tuple[str, str, str, frozenset[str]]] = field(default_factory=list)
    bases: list[str] = field(default_factory=list)
    crls: list[bytes] = field(default_factory=list)
    masked: frozenset[str] = frozenset()
    refuses: bool = False
    uses: list[str] = field(default_factory=list)

    def holds(self, person: str, holder: Holder) -> None:
        self.people[holder.certificate.fingerprint] = person
        self.certificates[holder.certificate.fingerprint] = holder.certificate.der
        self.current[person] = holder.certificate.der

    def person_of(self, fingerprint: bytes) -> str | None:
        return self.people.get(fingerprint)

    def certificate_of(self, recorded: Recorded, fingerprint: bytes) -> bytes | None:
        assert self.people.get(fingerprint) == recorded.person == self.records[-1][0]
        return self.certificates.get(fingerprint)

    def current_certificate(self, recorded: Recorded, purpose: Purpose, at: Instant) -> bytes | None:
        del purpose, at
        assert recorded.person == self.records[-1][0]
        return self.current.get(recorded.person)

    def assurance_of(self, recorded: Recorded, at: Instant) -> Assurance:
        del at
        assert recorded.person == self.records[-1][0], "written down first"
        return self.assurance

    def used(self, person: str, at: Instant) -> None:
        del at
        self.uses.append(person)

    def record(
        self, person: str, party: RelyingParty, affairs: str, fields: frozenset[str], at: Instant, basis: str
    ) -> Recorded:
        del at
        if self.refuses:
            raise RuntimeError("the record cannot be written")
        self.records.append((person, party.party, affairs, fields))
        self.bases.append(basis)
        return Recorded(person, fields - self.masked)


@dataclass
class Service:
    world: World
    town: Town
    clock: SetClock
    online: Responders
    parties: Parties
    client: TestClient
    counter: Iterator[int]
    database: Any
    consents: Consents

    def ask(
        self, method: str, path: str, body: object = None, *, party: str = "city", key: Any = None, **headers: str
    ) -> Any:
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        assertion = self.assertion(party, content, key=key)
        return self.client.request(
            method,
            path,
            content=content,
            headers={"authorization": f"Bearer {assertion}", "content-type": "application/json", **headers},
        )

    def assertion(self, who: str, content: bytes, *, key: Any = None, **bend: Any) -> str:
        signing = key or ec_key(f"party {who}")
        given = {
            "party": who,
            "kid": "1",
            "audience": SERVICE,
            "body": content,
            "at": self.clock.now(),
            "jti": f"request-number-{next(self.counter)}",
            "algorithm": "ES256",
            "sign": lambda message: es256(signing, message),
            **bend,
        }
        return make_assertion(**given)

    def filing(self, holder: Holder, **more: Any) -> dict[str, Any]:
        return {"document": b64(DOCUMENT), "signature": b64(sign_filing(holder, DOCUMENT, self.clock.now())), **more}

    def verify(self, holder: Holder | None = None, *, party: str = "city", **more: Any) -> dict[str, Any]:
        answer = self.ask("POST", "/v1/verifications", self.filing(holder or self.world.signer, **more), party=party)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


def es256(key: Any, message: bytes) -> bytes:
    r, s = utils.decode_dss_signature(raw_sign(key, message))
    return r.to_bytes(32) + s.to_bytes(32)


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def spki(key: Any) -> bytes:
    return bytes(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


VERDICTS = issue("Verdicts", ec_key("verdicts"), root("Service CA"), [(usage("digital_signature"), True)])


def build(database: Any, random: Callable[[int], bytes]) -> Service:
    world, town, clock = build_world(), Town(), SetClock(AT)
    town.holds("person-1", world.signer)
    town.people[world.login.certificate.fingerprint] = "person-1"
    online = Responders(world, [world.signer, world.login], AT)

    class Both(Responders):
        """One for each authority."""

        def post(self, url: str, body: bytes, content_type: str) -> bytes:
            if "authentication" in url:
                nonce = x509.ocsp.load_der_ocsp_request(body).extensions.get_extension_for_class(x509.OCSPNonce)
                return world.ocsp_answer(world.login, self.at, issuer=world.authentication_ca,
                                         responder=world.authentication_responder, nonce=nonce.value.nonce)  # fmt: skip
            return super().post(url, body, content_type)

    online = Both(world, [world.signer], AT)
    check = FilingCheck(
        {
            Purpose.SIGNATURE: Trust([anchor_of(world.signature_ca.certificate)]),
            Purpose.AUTHENTICATION: Trust([anchor_of(world.authentication_ca.certificate)]),
        },
        {
            Purpose.SIGNATURE: Policy(certificate_policies=frozenset({SIGNATURE_POLICY})),
            Purpose.AUTHENTICATION: Policy(name="log-in", purpose=Purpose.AUTHENTICATION),
        },
        online,
        random,
    )
    parties = Parties(database, SERVICE)
    for party in (CITY, BANK):
        parties.register(party, AT)
        parties.add_key(party.party, "1", spki(ec_key(f"party {party.party}")), AT)
    handles = Handles(b"k" * 32)
    signer = VerdictSigner(VERDICTS.certificate, (), VERDICTS.sign)
    consents = Consents(check, database, town, clock, random)
    parts = RelyingParts(
        parties,
        Verifications(check, database, handles, town, clock, random, lambda: signer, SERVICE, consents),
        PartyLogins(check, database, handles, town, clock, random),
        PartyStatus(check, database, town, clock, lambda: town.crls),
        database,
        clock,
        from_proxies(frozenset({"testclient"}), clock),
        consents,
    )
    application = compose(
        "relying parties",
        [
            make_relying_api(parts),
            make_verdict_certificates_router(lambda: [VERDICTS.certificate]),
            make_api_page_router(),
        ],
        Frame(random, lambda: 0.0),
    )
    client = TestClient(application, raise_server_exceptions=False)
    return Service(world, town, clock, online, parties, client, iter(range(10**9)), database, consents)


@pytest.fixture
def service(sqlite_database: Any, random: Callable[[int], bytes]) -> Service:
    return build(sqlite_database, random)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


# ---- what is told


def test_a_filing_is_verified_for_a_party(service: Service) -> None:
    told = service.verify(fields=["name"], affairs="転居の届出")
    assert told["indication"] == "PASSED", told
    assert told["attributes"] == {"name": "実印　花子"}
    assert told["assurance"]["level"] == "fresh"
    assert told["person"].startswith("p-")
    assert told["certificate"].startswith("c-")
    assert service.town.records == [("person-1", "city", "転居の届出", frozenset({"name"}))]


def test_attributes_only_when_asked_for_allowed_and_explained(service: Service) -> None:
    assert "attributes" not in service.verify()
    refused = service.ask(
        "POST", "/v1/verifications", service.filing(service.world.signer, fields=["address"], affairs="x"), party="bank"
    )
    assert code(refused) == (403, "web.not-allowed")
    asked = service.filing(service.world.signer, fields=["name"])
    unexplained = service.ask("POST", "/v1/verifications", asked)
    assert code(unexplained) == (400, "pki.malformed")
    body = {**service.filing(service.world.signer, fields=["name"], affairs="x"), "document": b64(b"changed")}
    failed = service.ask("POST", "/v1/verifications", body).json()
    assert failed["indication"] == "FAILED"
    assert "attributes" not in failed
    assert failed["person"] is None
    assert "花子" not in json.dumps(failed, ensure_ascii=False)


def test_nothing_is_told_where_the_record_cannot_be_written(service: Service) -> None:
    service.town.refuses = True
    answer = service.ask("POST", "/v1/verifications", service.filing(service.world.signer))
    assert answer.status_code == 500
    assert "PASSED" not in answer.text
    assert code(service.ask("GET", "/v1/calls"))[0] == 200


def test_assurance_can_be_required_and_is_told_apart(service: Service) -> None:
    for level in ("fresh", "within-cap", "at-cap"):
        assert service.verify(required_assurance=level)["assurance"]["met"] is True
    service.town.assurance = Assurance(Level.AT_CAP, 3, "some", grade=Grade.LOW)
    told = service.verify(required_assurance="within-cap", fields=["name"], affairs="x")
    assert (told["indication"], told["sub_indication"]) == ("INDETERMINATE", "ASSURANCE_NOT_MET")
    assert told["checks"][-1]["name"] == "assurance"
    assert told["checks"][-1]["outcome"] == "INDETERMINATE"
    assert told["assurance"] == {
        "level": "at-cap",
        "grade": "low",
        "in_person_within_years": 3,
        "remote_changes": "some",
        "certificate_issued": None,
        "required": "within-cap",
        "met": False,
    }
    assert "窓口" in told["reason"]["todo_ja"]
    assert "attributes" not in told
    assert service.verify()["indication"] == "PASSED"


# ---- who may ask


@pytest.mark.parametrize(
    "bend",
    [
        {"audience": "https://other.example"},
        {"at": AT + timedelta(minutes=-10)},
        {"at": AT + timedelta(minutes=10)},
        {"jti": "short"},
        {"kid": "2"},
        {"kid": "../1"},
        {"party": "nobody"},
        {"party": "bank"},
        {"algorithm": "none"},
        {"algorithm": "HS256"},
        {"algorithm": "RS256"},
        {"body": b"another body"},
        {"sign": lambda _message: b"\0" * 64},
        {"sign": lambda message: es256(ec_key("stranger"), message)},
        {"sign": lambda _message: b""},
    ],
)
def test_assertions_that_do_not_hold(bend: dict[str, Any], service: Service) -> None:
    content = json.dumps(service.filing(service.world.signer)).encode()
    assertion = service.assertion("city", content, **bend)
    answer = service.client.post(
        "/v1/verifications", content=content,
        headers={"authorization": f"Bearer {assertion}", "content-type": "application/json"},
    )  # fmt: skip
    assert code(answer) == (401, "web.not-authenticated")
    assert service.town.records == []


def test_an_assertion_is_used_once(service: Service) -> None:
    assertion = service.assertion("city", b"")
    headers = {"authorization": f"Bearer {assertion}"}
    assert service.client.get("/v1/calls", headers=headers).status_code == 200
    assert code(service.client.get("/v1/calls", headers=headers)) == (401, "web.not-authenticated")


def test_no_assertion_at_all(service: Service) -> None:
    for value in (None, "Basic Y2l0eTp4", "Bearer", "Bearer a.b", "Bearer ...", "Bearer " + "a" * 10_000):
        headers = {} if value is None else {"authorization": value}
        assert service.client.get("/v1/calls", headers=headers).status_code == 401


def test_keys_are_rotated_without_a_gap(service: Service) -> None:
    new = ec_key("party city, second key")
    service.parties.add_key("city", "2", spki(new), AT)
    assert service.ask("GET", "/v1/calls").status_code == 200
    fresh = service.assertion("city", b"", kid="2", sign=lambda message: es256(new, message))
    assert service.client.get("/v1/calls", headers={"authorization": f"Bearer {fresh}"}).status_code == 200
    assert service.parties.end_key("city", "1", AT)
    assert not service.parties.end_key("city", "1", AT)
    assert service.ask("GET", "/v1/calls").status_code == 401
    service.parties.end("city", AT)
    ended = service.assertion("city", b"", kid="2", sign=lambda message: es256(new, message))
    assert service.client.get("/v1/calls", headers={"authorization": f"Bearer {ended}"}).status_code == 401


def test_quotas_are_told_and_kept(service: Service) -> None:
    service.parties.register(replace(BANK, a_minute=3), AT)
    left = [service.ask("GET", "/v1/calls", party="bank").headers["ratelimit-remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    refused = service.ask("GET", "/v1/calls", party="bank")
    assert code(refused) == (429, "web.quota-exhausted")
    assert service.ask("GET", "/v1/calls").status_code == 200
    service.clock.advance(minutes=1)
    assert service.ask("GET", "/v1/calls", party="bank").status_code == 200


# ---- what is kept


def test_the_same_key_gives_the_same_answer_and_verifies_once(service: Service) -> None:
    body = service.filing(service.world.signer)
    first = service.ask("POST", "/v1/verifications", body, **{"idempotency-key": "filing-2026-1"})
    asked = len(service.online.asked)
    again = service.ask("POST", "/v1/verifications", body, **{"idempotency-key": "filing-2026-1"})
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert len(service.online.asked) == asked
    assert len(service.town.records) == 1
    other = service.ask(
        "POST", "/v1/verifications", {**body, "minimum_level": "T"}, **{"idempotency-key": "filing-2026-1"}
    )
    assert code(other) == (409, "web.idempotency-mismatch")
    bank = service.ask("POST", "/v1/verifications", body, party="bank", **{"idempotency-key": "filing-2026-1"})
    assert bank.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_same_key_at_once_verifies_once(
    kind: str, request: pytest.FixtureRequest, random: Callable[[int], bytes]
) -> None:
    service = build(request.getfixturevalue(f"{kind}_database"), random)
    body = service.filing(service.world.signer)

    def ask(_number: int) -> int:
        status: int = service.ask("POST", "/v1/verifications", body, **{"idempotency-key": "at-once-1"}).status_code
        return status

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(ask, range(8)))
    assert set(statuses) <= {200, 409}
    assert statuses.count(200) >= 1
    assert len(service.town.records) == 1


def test_retrieval_deletion_and_other_parties(service: Service) -> None:
    told = service.verify()
    path = f"/v1/verifications/{told['id']}"
    assert service.ask("GET", path).json() == told
    assert code(service.ask("GET", path, party="bank")) == (404, "web.no-such-verification")
    assert code(service.ask("DELETE", path, party="bank")) == (404, "web.no-such-verification")
    assert service.ask("DELETE", path).status_code == 204
    for method, where in (("GET", path), ("GET", f"{path}/verdict"), ("DELETE", path)):
        assert code(service.ask(method, where)) == (404, "web.no-such-verification")
    with service.database.engine.connect() as conn:
        rows = conn.exec_driver_sql("select * from web_verifications").fetchall()
    assert rows == []
    (line,) = service.ask("GET", "/v1/calls").json()["items"]
    assert (line["operation"], line["reference"], line["outcome"]) == ("verification", told["id"], "PASSED")


def test_asynchronous_verification(service: Service) -> None:
    answer = service.ask("POST", "/v1/verifications", service.filing(service.world.signer), prefer="respond-async")
    assert answer.status_code == 202
    assert answer.json()["state"] == "running"
    told = service.ask("GET", answer.headers["location"]).json()
    assert told["state"] == "done"
    assert told["indication"] == "PASSED"


def test_a_batch_answers_each_by_itself(service: Service) -> None:
    good = service.filing(service.world.signer)
    items = [good, {**good, "document": b64(b"changed")}, {**good, "at": "tomorrow"}, good]
    told = service.ask("POST", "/v1/verifications/batch", {"items": items}).json()["items"]
    assert [row.get("indication") for row in told] == ["PASSED", "FAILED", None, "PASSED"]
    assert told[2]["error"]["code"] == "pki.invalid-value"
    assert service.ask("POST", "/v1/verifications/batch", {"items": []}).status_code == 422
    assert service.ask("POST", "/v1/verifications/batch", {"items": [good] * 51}).status_code == 422


def test_a_batch_costs_what_it_holds(service: Service) -> None:
    service.parties.register(replace(BANK, a_minute=5), AT)
    good = service.filing(service.world.signer)
    three = service.ask("POST", "/v1/verifications/batch", {"items": [good] * 3}, party="bank")
    assert three.status_code == 200
    again = service.ask("POST", "/v1/verifications/batch", {"items": [good] * 3}, party="bank")
    assert code(again) == (429, "web.quota-exhausted")


def test_a_filing_handed_in_twice_can_be_refused(service: Service) -> None:
    body = service.filing(service.world.signer, once=True)
    assert service.ask("POST", "/v1/verifications", body).json()["indication"] == "PASSED"
    again = service.ask("POST", "/v1/verifications", body).json()
    assert (again["indication"], again["sub_indication"]) == ("INDETERMINATE", "SIG_CONSTRAINTS_FAILURE")
    assert [check["name"] for check in again["checks"] if check["outcome"] == "INDETERMINATE"] == ["replay"]
    assert service.ask("POST", "/v1/verifications", body, party="bank").json()["indication"] == "PASSED"


# ---- signed verdicts


def test_the_verdict_is_signed_and_with_evidence_can_be_confirmed(service: Service) -> None:
    body = service.filing(service.world.signer)
    told = service.ask("POST", "/v1/verifications", body).json()
    answer = service.ask("GET", f"/v1/verifications/{told['id']}/verdict")
    assert answer.headers["content-type"] == "application/jose"
    checked = check_verdict(
        answer.text,
        [VERDICTS.certificate],
        document=DOCUMENT,
        signature=base64.b64decode(body["signature"]),
        trust=Trust([anchor_of(service.world.signature_ca.certificate)]),
        policy=Policy(certificate_policies=frozenset({SIGNATURE_POLICY})),
    )
    assert checked.confirmed
    bank = service.ask("POST", "/v1/verifications", body, party="bank").json()
    assert "evidence" not in bank
    theirs = service.ask("GET", f"/v1/verifications/{bank['id']}/verdict", party="bank").text
    only_told = check_verdict(theirs, [VERDICTS.certificate])
    assert only_told.indication is Indication.PASSED
    assert "evidence" not in only_told.report


# ---- handles and status


def test_renewal_keeps_the_handle_of_a_person(service: Service) -> None:
    first = service.verify()
    renewed = service.world.signature_certificate("renewed", ec_key("renewed"))
    service.online.holders.append(renewed)
    service.town.holds("person-1", renewed)
    service.world.revoke(service.world.signer, AT)
    second = service.verify(renewed)
    assert second["indication"] == "PASSED"
    assert second["person"] == first["person"]
    assert second["certificate"] != first["certificate"]
    assert service.ask("GET", f"/v1/status/{first['certificate']}").json()["status"] == "revoked"
    now = service.ask("GET", f"/v1/status/{first['person']}").json()
    assert now["status"] == "good"
    assert now["source"] == "ocsp"
    assert now["age_seconds"] == 0


def test_status_of_many_and_of_strangers(service: Service) -> None:
    mine = service.verify()
    handles = [mine["certificate"], mine["person"], "c-" + "a" * 26]
    rows = service.ask("POST", "/v1/status", {"handles": handles}).json()["items"]
    assert [row["status"] for row in rows] == ["good", "good", "unknown"]
    assert [row["handle"] for row in rows] == handles
    asked = ("person-1", "city", "status of a certificate", frozenset())
    assert service.town.records[-2:] == [asked, asked], "each is in the person's record, the stranger in none"
    before = len(service.town.records)
    theirs = service.ask("POST", "/v1/status", {"handles": handles}, party="bank").json()["items"]
    assert [row["status"] for row in theirs] == ["unknown"] * 3, "another party's handle opens nothing"
    assert len(service.town.records) == before
    service.town.refuses = True
    refused = service.ask("GET", f"/v1/status/{mine['person']}")
    assert refused.status_code == 500 and "good" not in refused.text
    service.town.refuses = False
    assert service.ask("POST", "/v1/status", {"handles": handles * 40}).status_code == 422


def crl(service: Service, *revoked: int) -> bytes:
    ca = service.world.signature_ca
    now = service.clock.now()
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.certificate.x509.subject)
        .last_update(now.datetime)
        .next_update((now + timedelta(days=2)).datetime)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False)
    )
    for serial in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now.datetime).build()
        )
    return builder.sign(ca.key, SHA256()).public_bytes(Encoding.DER)


def test_status_by_crls_alone_tells_source_and_age_and_asks_nobody(service: Service) -> None:
    handle = service.verify()["certificate"]
    none = service.ask("GET", f"/v1/status/{handle}?source=crl").json()
    assert none["status"] == "unknown", "no list, no guess"
    service.town.crls = [crl(service)]
    service.online.asked.clear()
    service.clock.advance(hours=3)
    row = service.ask("GET", f"/v1/status/{handle}?source=crl").json()
    assert (row["status"], row["source"], row["age_seconds"]) == ("good", "crl", 3 * 3600)
    assert service.online.asked == []
    service.town.crls = [crl(service, service.world.signer.certificate.serial)]
    body = {"handles": [handle], "source": "crl"}
    assert service.ask("POST", "/v1/status", body).json()["items"][0]["status"] == "revoked"
    assert service.online.asked == []


def test_all_that_a_party_knows_page_by_page(service: Service) -> None:
    told = [service.verify()]
    for number in range(4):
        holder = service.world.signature_certificate(f"person {number}", ec_key(f"person {number}"))
        service.online.holders.append(holder)
        service.town.holds(f"other-{number}", holder)
        told.append(service.verify(holder))
    service.verify(party="bank")
    for kind in ("person", "certificate"):
        after, met = "", []
        while after is not None:
            page = service.ask("GET", f"/v1/status?kind={kind[0]}&limit=2&after={after}").json()
            met += page["items"]
            after = page["next"]
        assert [row["handle"] for row in met] == sorted(one[kind] for one in told)
        assert {row["status"] for row in met} == {"good"}
        assert all("age_seconds" in row and row["source"] == "ocsp" for row in met)
    assert len(service.ask("GET", "/v1/status?kind=p", party="bank").json()["items"]) == 1


def test_bulk_status_costs_what_it_holds(service: Service) -> None:
    handles = [service.verify(party="bank")["person"]] * 60
    assert service.ask("POST", "/v1/status", {"handles": handles}, party="bank").status_code == 200
    refused = service.ask("POST", "/v1/status", {"handles": handles}, party="bank")
    assert code(refused) == (429, "web.quota-exhausted")


def test_what_ends_without_a_verdict_is_told_and_can_be_begun_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = service.filing(service.world.signer)
    headers = {"Idempotency-Key": "application-0001"}
    service.town.refuses = True
    later = {**headers, "Prefer": "respond-async"}
    begun = service.ask("POST", "/v1/verifications", body, **later)
    assert begun.status_code == 202
    assert begun.json()["progress"] == {"stage": "waiting", "step": 1, "of": 3}
    id_ = begun.json()["id"]
    assert code(service.ask("GET", f"/v1/verifications/{id_}")) == (409, "web.no-verdict")
    service.town.refuses = False
    again = service.ask("POST", "/v1/verifications", body, **headers)
    assert (again.status_code, again.json()["id"], again.json()["indication"]) == (200, id_, "PASSED")
    assert service.ask("GET", f"/v1/verifications/{id_}").json()["indication"] == "PASSED"


@pytest.mark.parametrize("with_key", [True, False])
def test_a_verification_that_came_to_no_answer_used_no_signature_up(service: Service, with_key: bool) -> None:
    """`once` is noted before the answer: what fails or dies in between must not turn the repetition into a replay."""
    body = service.filing(service.world.signer, once=True)
    headers = {"idempotency-key": "application-0002"} if with_key else {}
    service.town.refuses = True
    assert service.ask("POST", "/v1/verifications", body, **headers).status_code == 500
    service.town.refuses = False
    again = service.ask("POST", "/v1/verifications", body, **headers).json()
    assert again["indication"] == "PASSED", again["reason"]
    if with_key:
        assert service.ask("POST", "/v1/verifications", body, **headers).json() == again
    replayed = service.ask("POST", "/v1/verifications", body).json()
    assert replayed["sub_indication"] == "SIG_CONSTRAINTS_FAILURE"
    assert service.ask("DELETE", f"/v1/verifications/{again['id']}").status_code == 204
    assert service.ask("POST", "/v1/verifications", body).json()["sub_indication"] == "SIG_CONSTRAINTS_FAILURE"


def test_nor_one_that_failed_and_was_deleted(service: Service) -> None:
    body = service.filing(service.world.signer, once=True)
    service.town.refuses = True
    assert service.ask("POST", "/v1/verifications", body).status_code == 500
    service.town.refuses = False
    with service.database.engine.connect() as conn:
        (id_,) = conn.execute(text("SELECT id FROM web_verifications WHERE state = 'failed'")).scalars().all()
    assert service.ask("DELETE", f"/v1/verifications/{id_}", party="bank").status_code == 404
    assert service.ask("DELETE", f"/v1/verifications/{id_}").status_code == 204
    assert service.ask("POST", "/v1/verifications", body).json()["indication"] == "PASSED"
    assert service.ask("POST", "/v1/verifications", body).json()["sub_indication"] == "SIG_CONSTRAINTS_FAILURE"


@pytest.mark.parametrize("with_key", [True, False])
def test_nor_did_one_whose_process_was_killed_after_the_record(
    service: Service, monkeypatch: pytest.MonkeyPatch, with_key: bool
) -> None:
    """Killed between the access record and the answer: nothing more of that process is written."""

    class Killed(BaseException):
        pass

    def die(*_args: object) -> None:
        raise Killed

    body = service.filing(service.world.signer, once=True)
    headers = {"idempotency-key": "application-0003"} if with_key else {}
    with monkeypatch.context() as context:
        context.setattr(Verifications, "_keep", die)
        with suppress(Killed):
            service.ask("POST", "/v1/verifications", body, **headers)
    with service.database.engine.connect() as conn:
        assert conn.execute(text("SELECT state FROM web_verifications")).scalars().all() == ["running"]
    assert len(service.town.records) == 1, "the record is there before any answer"
    early = service.ask("POST", "/v1/verifications", body, **headers)
    if with_key:
        assert code(early) == (409, "web.still-running")
    else:
        assert early.json()["sub_indication"] == "SIG_CONSTRAINTS_FAILURE", "it might still be at work"
    service.clock.advance(minutes=6)
    again = service.ask("POST", "/v1/verifications", body, **headers).json()
    assert again["indication"] == "PASSED", again["reason"]
    assert len(service.town.records) == (2 if with_key else 3)


def test_progress_is_told_while_it_runs_and_the_end_of_the_process_too(service: Service) -> None:
    seen: list[Any] = []
    real = service.town.person_of

    def watched(fingerprint: bytes) -> str | None:
        with service.database.engine.connect() as conn:
            seen.extend(conn.execute(text("SELECT state, stage FROM web_verifications")).all())
        return real(fingerprint)

    service.town.person_of = watched  # type: ignore[method-assign]
    body = service.filing(service.world.signer)
    begun = service.ask("POST", "/v1/verifications", body, Prefer="respond-async").json()
    assert [tuple(row) for row in seen] == [("running", "recording")]
    assert service.ask("GET", f"/v1/verifications/{begun['id']}").json()["state"] == "done"
    # a process that died left this behind
    row = {"id": "v-" + "1" * 32, "party": "city", "created_at": AT.seconds, "state": "running", "request_sha256": "0"}
    with service.database.engine.begin() as conn:
        conn.execute(METADATA.tables["web_verifications"].insert().values(**row, stage="verifying"))
    running = service.ask("GET", f"/v1/verifications/{row['id']}").json()
    assert running["progress"] == {"stage": "verifying", "step": 2, "of": 3}
    service.clock.advance(minutes=6)
    assert code(service.ask("GET", f"/v1/verifications/{row['id']}")) == (409, "web.no-verdict")


def leaves(value: object) -> set[str]:
    """Every text and number in an answer."""
    if isinstance(value, dict):
        return {leaf for part in value.values() for leaf in leaves(part)}
    if isinstance(value, list):
        return {leaf for part in value for leaf in leaves(part)}
    return {str(value)}


def test_two_parties_cannot_join_what_they_received(service: Service) -> None:
    """Everything both received about one person has nothing in common but what they receive about anybody."""
    service.parties.register(replace(CITY, may_have_evidence=False), AT)
    second = service.world.signature_certificate("second person", ec_key("second person"))
    service.online.holders.append(second)
    service.town.holds("person-2", second)

    def everything(party: str, holder: Holder, document: bytes) -> set[str]:
        signature = b64(sign_filing(holder, document, None))
        told = service.ask(
            "POST", "/v1/verifications", {"document": b64(document), "signature": signature}, party=party
        )
        again = service.ask("GET", f"/v1/verifications/{told.json()['id']}", party=party)
        verdict = service.ask("GET", f"/v1/verifications/{told.json()['id']}/verdict", party=party)
        claims = json.loads(base64.urlsafe_b64decode(verdict.text.split(".")[1] + "=="))
        rows = [
            service.ask("GET", f"/v1/status/{told.json()[what]}", party=party).json()
            for what in ("person", "certificate")
        ]
        return leaves([told.json(), again.json(), claims, rows, dict(told.headers)])

    city = everything("city", service.world.signer, b"to the city office")
    bank = everything("bank", service.world.signer, b"to the bank")
    of_others = everything("city", second, b"from another person") & everything("bank", second, b"again another")
    assert (city & bank) - of_others == set()
    for own in (city, bank):
        for secret in (
            f"{service.world.signer.certificate.serial:040x}",
            service.world.signer.certificate.fingerprint.hex(),
            "person-1",
        ):
            assert not any(secret in leaf for leaf in own)


def test_nor_can_they_when_the_person_s_certificate_was_revoked_or_a_level_is_missed(service: Service) -> None:
    """What is rare about a person must not become the name that two parties know them by."""
    service.parties.register(replace(CITY, may_have_evidence=False), AT)
    people = {"person-1": service.world.signer}
    for number in (2, 3):
        holder = service.world.signature_certificate(f"revoked {number}", ec_key(f"revoked {number}"))
        service.online.holders.append(holder)
        service.town.holds(f"person-{number}", holder)
        people[f"person-{number}"] = holder
    for number, holder in enumerate(people.values()):
        service.world.revoke(holder, AT + timedelta(minutes=7 * (number + 1)))
    service.clock.advance(hours=2)
    service.online.at = service.clock.now()
    service.town.assurance = Assurance(Level.AT_CAP, 3, "some")

    def everything(party: str, holder: Holder, document: bytes) -> set[str]:
        asked = {"document": b64(document), "signature": b64(sign_filing(holder, document, None)),
                 "required_assurance": "fresh", "fields": ["name"], "affairs": "x"}  # fmt: skip
        told = service.ask("POST", "/v1/verifications", asked, party=party)
        verdict = service.ask("GET", f"/v1/verifications/{told.json()['id']}/verdict", party=party)
        claims = json.loads(base64.urlsafe_b64decode(verdict.text.split(".")[1] + "=="))
        status = service.ask("GET", f"/v1/status/{told.json()['certificate']}", party=party)
        calls = service.ask("GET", "/v1/calls", party=party)
        assert told.json()["sub_indication"] == "REVOKED_NO_POE"
        return leaves([told.json(), claims, status.json(), calls.json(), dict(told.headers)])

    first, second, third = people.values()
    city, bank = everything("city", first, b"to the city office"), everything("bank", first, b"to the bank")
    of_others = everything("city", second, b"from another") & everything("bank", third, b"from a third")
    assert (city & bank) - of_others == set()
    for own in (city, bank):
        for secret in ("07:00", "affiliation", "実印", f"{first.certificate.serial:x}"):
            assert not any(secret in leaf for leaf in own), secret


# ---- log-ins


def login(
    service: Service, challenge: dict[str, str], *, holder: Holder | None = None, origin: str | None = None
) -> str:
    holder = holder or service.world.login
    message = login_message(origin or challenge["origin"], challenge["nonce"], "sha256")
    return json.dumps(
        {
            "unverifiedCertificate": b64(holder.certificate.der),
            "algorithm": "ES256",
            "signature": b64(es256(holder.key, message)),
            "format": "web-eid:1.0",
            "appVersion": "test",
        }
    )


def challenged(service: Service, party: str = "city") -> dict[str, str]:
    answer = service.ask("POST", "/v1/authentications/challenges", {"origin": f"https://{party}.example"}, party=party)
    assert answer.status_code == 201, answer.text
    given: dict[str, str] = answer.json()
    return given


def test_a_log_in_with_the_card(service: Service) -> None:
    challenge = challenged(service)
    answer = service.ask(
        "POST", "/v1/authentications", {"challenge": challenge["id"], "token": login(service, challenge)}
    )
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["indication"] == "PASSED"
    assert told["person"] == service.verify()["person"], "the same person as of the filings"
    assert service.town.records[0] == ("person-1", "city", "log-in", frozenset())
    assert service.town.uses == ["person-1"], "a use of the card; a filing's verification is none"


def test_a_challenge_is_good_for_one_attempt_of_one_party(service: Service) -> None:
    challenge = challenged(service)
    token = login(service, challenge)
    body = {"challenge": challenge["id"], "token": token}
    assert code(service.ask("POST", "/v1/authentications", body, party="bank")) == (403, "verifier.challenge-refused")
    assert service.ask("POST", "/v1/authentications", body).status_code == 200
    assert code(service.ask("POST", "/v1/authentications", body)) == (403, "verifier.challenge-refused")
    late = challenged(service)
    service.clock.advance(minutes=6)
    body = {"challenge": late["id"], "token": login(service, late)}
    assert code(service.ask("POST", "/v1/authentications", body)) == (403, "verifier.challenge-refused")


def test_log_ins_that_do_not_hold(service: Service) -> None:
    def attempt(**bend: Any) -> tuple[int, str]:
        challenge = challenged(service)
        token = login(service, challenge, **bend)
        return code(service.ask("POST", "/v1/authentications", {"challenge": challenge["id"], "token": token}))

    refused = (403, "verifier.token-refused")
    assert attempt(origin="https://phishing.example") == refused
    assert attempt(holder=service.world.signer) == refused, "a signature certificate is not for log-ins"
    assert attempt(holder=Holder(service.world.login.certificate, ec_key("stranger"))) == refused
    service.world.revoke(service.world.login, AT)
    assert attempt() == refused
    assert service.town.uses == []
    challenge = challenged(service)
    garbage = service.ask("POST", "/v1/authentications", {"challenge": challenge["id"], "token": "x" * 200})
    assert code(garbage) == (400, "pki.malformed")
    used_up = {"challenge": challenge["id"], "token": login(service, challenge)}
    assert code(service.ask("POST", "/v1/authentications", used_up)) == (403, "verifier.challenge-refused")


def test_challenges_only_for_the_party_s_own_pages(service: Service) -> None:
    for origin in ("https://bank.example", "https://city.example.evil.example", "http://city.example"):
        answer = service.ask("POST", "/v1/authentications/challenges", {"origin": origin})
        assert answer.status_code in (400, 403)


# ---- the description


def test_every_operation_is_described_with_curl_examples_and_problems(service: Service) -> None:
    described = service.client.get("/openapi.json").json()
    schemas = described["components"]["schemas"]
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, methods in described["paths"].items()
        if path.startswith("/v1")
        for method, operation in methods.items()
    ]
    assert len(operations) == 13
    for name, operation in operations:
        assert operation["summary"], name
        public = name == "GET /v1/verdict-certificates"
        assert "curl" in operation["description"], name
        for status, answer in operation["responses"].items():
            if status.startswith("2"):
                kinds = answer.get("content", {})
                assert kinds or status == "204", name
                assert all("example" in content for content in kinds.values()), (name, status)
                continue
            assert set(answer["content"]) == {"application/problem+json"}, (name, status)
            content = answer["content"]["application/problem+json"]
            assert content["example"]["status"] == int(status)
            assert {"code", "detail", "title"} <= set(content["schema"]["required"])
        if not public:
            assert {"400", "401", "403", "422", "429"} <= set(operation["responses"]), name
        body = operation.get("requestBody")
        if body is not None:
            model = schemas[body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]]
            shown = "examples" in model or all("examples" in model["properties"][one] for one in model["required"])
            assert shown, name
    assert described["openapi"].startswith("3.1")


def test_every_refusal_is_a_problem_with_why_and_what_to_do(service: Service) -> None:
    asked = [
        service.client.get("/v1/calls"),
        service.ask("GET", "/v1/verifications/v-" + "0" * 32),
        service.ask("GET", "/v1/verifications/nonsense"),
        service.ask("DELETE", "/v1/verifications/v-" + "0" * 32),
        service.ask("POST", "/v1/verifications", {"document": "!"}),
        service.ask("POST", "/v1/verifications", {"bogus": 1}),
        service.ask("POST", "/v1/verifications", {"document": "AA==", "fields": ["address"]}, party="bank"),
        service.ask("POST", "/v1/authentications", {"challenge": "l-0", "token": "{}"}),
        service.ask("POST", "/v1/status", {"handles": []}),
        service.ask("GET", "/v1/status?limit=0"),
        service.ask("GET", "/v1/calls?before=yesterday"),
        service.ask("GET", "/v1/nothing-here"),
        service.ask("PUT", "/v1/calls"),
    ]
    assert {answer.status_code for answer in asked} == {400, 401, 403, 404, 405, 422}
    for answer in asked:
        assert answer.headers["content-type"] == "application/problem+json", answer.request.url
        problem = answer.json()
        assert (problem["status"], bool(problem["detail"]), bool(problem["code"])) == (answer.status_code, True, True)


def test_the_page_of_the_api_shows_every_operation_and_loads_nothing_from_elsewhere(service: Service) -> None:
    answer = service.client.get("/docs")
    assert answer.status_code == 200
    page = answer.text
    for path in ("/v1/verifications", "/v1/authentications/challenges", "/v1/status/{handle}"):
        assert f"<code>{path}</code>" in page
    assert page.count("<pre>curl -sS") == 13
    assert "<script" not in page
    assert "//" not in page.replace("&quot;$JITSUIN//", "")
    assert service.client.get("/docs/style.css").headers["content-type"].startswith("text/css")
    poisoned = {"openapi": "3.1.0", "info": {"title": "<script>"}, "paths": {"/<b>": {"get": {"summary": "<i>"}}}}
    assert "<script>" not in render(poisoned)
    assert "<b>" not in render(poisoned)


def test_the_tables_are_what_the_migration_makes(database: Any) -> None:
    with database.engine.connect() as conn:
        ours = {"include_object": lambda _o, name, kind, _r, _c: kind != "table" or str(name).startswith("web_")}
        context = MigrationContext.configure(conn, opts={**ours, "version_table": "web_alembic_version"})
        differences = [one for one in compare_metadata(context, METADATA) if "web_alembic_version" not in str(one)]
    assert differences == []


def test_handles_say_nothing_and_stay() -> None:
    handles = Handles(SeededOctets("handles")(32))
    assert handles.person("city", "1") == handles.person("city", "1")
    every = {handles.person(party, person) for party in ("city", "bank") for person in ("1", "2", "12")}
    every |= {handles.certificate("city", b"1"), handles.signature("city", b"1")}
    assert len(every) == 8
    assert "k" * 8 not in repr(Handles(b"k" * 32))
    assert hashlib.sha256(b"1").hexdigest() not in every
