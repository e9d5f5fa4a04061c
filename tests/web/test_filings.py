"""Remote filings over HTTP, with the project's own verifier asking the project's own OCSP responder."""

import base64
import hashlib
import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

import enrollment.errors
from ca.crl_shelf import FolderShelf
from ca.directory import Directory
from ca.ocsp import AnswerPolicy, Responder
from ca.ocsp_delegates import StoredDelegates
from ca.status import Continuity, LiveStatus
from enrollment import loss, visits
from enrollment.errors import EnrollmentError
from pki import cms
from pki.certificate import parse_certificate
from pki.purpose import Purpose
from tests.enrollment.office import key_store, open_office
from tests.enrollment.town import AT, seen
from tests.support.chance import SetClock
from verifier.anchors import anchor_of
from verifier.judge import Trust
from verifier.policy import Policy
from web.application import Frame, compose
from web.filing_check import FilingCheck
from web.filings import VerifiedByUs, filings_router
from web.problems import TITLES
from web.responder import make_responder_router
from web.wording import WORDING


class InProcess:
    """Goes out to our own status server without a socket; HTTP all the same."""

    def __init__(self, client):
        self._client = client

    def get(self, url):
        return self._client.get(urlsplit(url).path).content

    def post(self, url, body, content_type):
        return self._client.post(urlsplit(url).path, content=body, headers={"content-type": content_type}).content


class Town:
    """An office, its filing door, and a card in somebody's hand."""

    def __init__(self, database, folder, seed, office=None):
        self.office = office or open_office(database, folder, seed)
        self.clock = SetClock(AT)
        self.person, self.card = self.office.enrolled()
        found = database.read(Directory().all)
        keys = key_store(folder / "keys", self.office.random)
        responders = {
            one.id: Responder(
                one.id,
                one.certificate,
                StoredDelegates(database, keys, one),
                LiveStatus(database, Continuity()),
                AnswerPolicy(),
            )
            for one in found
        }
        status = make_responder_router(responders, FolderShelf(folder / "crl"), self.clock)
        frame = Frame(self.office.random, lambda: 0.0)
        check = FilingCheck(
            {p: Trust([anchor_of(one.certificate) for one in found if one.purpose is p]) for p in Purpose},
            {purpose: Policy(name=purpose.value, purpose=purpose) for purpose in Purpose},
            InProcess(TestClient(compose("status", [status], frame))),
            self.office.random,
        )
        self.check = check
        router = filings_router(self.office.moves, VerifiedByUs(check), self.clock)
        self.client = TestClient(compose("filings", [router], frame))

    def filing(self, address, **fields):
        """A filing with a new key, signed by the active one; ready to post."""
        request = self.office.request(self.card)
        verified = self.office.verified(self.card, request, address, self.clock.now(), **fields)
        return {"document": verified.document, "signature": self.sign(verified.document), "request": request}

    def sign(self, document):
        certificate = parse_certificate(self.card.read(Purpose.SIGNATURE))
        hashed = hashlib.new(cms.digest_name(certificate), document).digest()
        attributes = cms.to_be_signed(hashed, certificate, self.clock.now())
        return cms.assemble(attributes, self.card.sign(Purpose.SIGNATURE, attributes), certificate)

    def post(self, parts, key="key-00000001", language="en"):
        body = {name: base64.b64encode(octets).decode() for name, octets in parts.items()}
        return self.client.post("/v1/filings", json=body, headers={"idempotency-key": key, "accept-language": language})

    def move(self, address, key):
        """File, and put the new certificate on the card."""
        answer = self.post(self.filing(address), key)
        assert answer.status_code == 201, answer.text
        certificate = base64.b64decode(answer.json()["certificate"])
        self.card.install(Purpose.SIGNATURE, certificate, b"")
        return answer.json()


SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""Where nothing depends on the engine."""


@pytest.fixture
def town(database, tmp_path, request):
    return Town(database, tmp_path, request.node.nodeid)


def test_a_filing_is_verified_accepted_and_answered_with_the_new_certificate(town):
    filing = town.filing("東京都見本区南町１番")
    answer = town.post(filing)
    assert answer.status_code == 201
    body = answer.json()
    assert (body["state"], body["decision"]["used"], body["decision"]["limit"]) == ("signed", 1, 3)
    assert answer.headers["location"] == f"/v1/filings/{body['filing']}"
    assert town.client.get(answer.headers["location"]).json() == body
    certificate = parse_certificate(base64.b64decode(body["certificate"]))
    town.card.install(Purpose.SIGNATURE, certificate.der, b"")
    assert town.post(filing).json() == body


def test_the_whole_story_of_the_cap(town):
    for number in (1, 2, 3):
        town.clock.advance(days=1)
        town.move(f"東京都見本区南町{number}番", f"key-0000000{number}")
    refused = town.post(town.filing("東京都見本区南町４番"), "key-00000004")
    assert refused.status_code == 422
    problem = refused.json()
    assert problem["code"] == "enrollment.cap-reached"
    decision = problem["fields"]["decision"]
    assert (decision["allowed"], decision["used"], decision["limit"]) == (False, 3, 3)
    assert decision["reasons"][0]["code"] == "cap.consecutive"
    assert "窓口" in decision["reasons"][0]["where"]["ja"]
    evidence = seen(town.person, at=town.clock.now())
    at = town.clock.now()
    town.office.database.transaction(lambda conn: visits.check(conn, evidence, "clerk", at, town.office.random))
    assert town.move("東京都見本区南町４番", "key-00000005")["decision"]["used"] == 1


@SQLITE
@pytest.mark.parametrize("days", [-3650, -1, 0, 1, 3650])
def test_a_computer_s_clock_that_is_slow_changes_nothing_and_a_fast_one_is_named(town, days):
    """The signature's own time is only a claim; what counts is when the filing came."""
    filing = town.filing("東京都見本区南町１番")
    certificate = parse_certificate(town.card.read(Purpose.SIGNATURE))
    hashed = hashlib.new(cms.digest_name(certificate), filing["document"]).digest()
    attributes = cms.to_be_signed(hashed, certificate, town.clock.now() + timedelta(days=days))
    signature = cms.assemble(attributes, town.card.sign(Purpose.SIGNATURE, attributes), certificate)
    answer = town.post({**filing, "signature": signature})
    if days <= 0:
        assert answer.status_code == 201, answer.text
        assert answer.json()["accepted_at"] == AT.iso()
    else:
        assert (answer.status_code, answer.json()["code"]) == (422, "enrollment.filing-from-future")
        assert "clock" in answer.json()["todo"]
        assert town.post(filing).status_code == 201, "nothing was used up"


@SQLITE
def test_a_changed_octet_is_rejected_with_the_report(town):
    filing = town.filing("東京都見本区南町１番")
    changed = filing["document"].replace("南町".encode(), "北町".encode())
    answer = town.post({**filing, "document": changed})
    assert answer.status_code == 422
    problem = answer.json()
    assert (problem["code"], problem["fields"]["indication"]) == ("enrollment.filing-rejected", "FAILED")
    assert json.loads(problem["fields"]["report"])["checks"]


def test_after_the_card_is_lost_a_filing_is_rejected_as_revoked(town):
    at = town.clock.advance(minutes=1)
    town.office.database.transaction(lambda conn: loss.report(conn, "CARD0001", "clerk", at, town.office.random))
    town.clock.advance(minutes=10)
    problem = town.post(town.filing("東京都見本区南町１番")).json()
    assert problem["fields"]["indication"] == "FAILED"
    assert "REVOKED" in problem["fields"]["sub_indication"]


def test_a_replay_under_another_key_is_named(town):
    filing = town.filing("東京都見本区南町１番")
    assert town.post(filing).status_code == 201
    again = town.post(filing, "key-00000002")
    assert (again.status_code, again.json()["code"]) == (409, "enrollment.filing-replayed")
    other = town.post({**filing, "request": town.office.request(town.card)})
    assert (other.status_code, other.json()["code"]) == (409, "enrollment.idempotency-mismatch")


@SQLITE
def test_another_key_than_the_signed_one_is_refused(town):
    filing = town.filing("東京都見本区南町１番")
    answer = town.post({**filing, "request": town.office.request(town.card)})
    assert (answer.status_code, answer.json()["code"]) == (422, "enrollment.filing-mismatch")


@SQLITE
def test_a_request_whose_key_is_not_the_cards(town):
    request = town.office.request(town.card)
    forged = bytearray(request)
    forged[-8] ^= 1
    digest = hashlib.sha256(bytes(forged)).hexdigest()
    verified = town.office.verified(town.card, request, "東京都見本区南町１番", AT, request_digest=digest)
    parts = {"document": verified.document, "signature": town.sign(verified.document), "request": bytes(forged)}
    answer = town.post(parts)
    assert answer.json()["code"] in ("ca.possession-not-proven", "ca.malformed-request")
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"document": "!!"}, 400), ({"document": ""}, 400), ({"signature": ""}, 422), ({"extra": "x"}, 422),
        ({"request": None}, 422), ({"document": base64.b64encode(b"{" * 9000).decode()}, 400),
        ({"document": base64.b64encode(b'{"kind":"remote-move"}').decode()}, 400),
        ({"document": base64.b64encode(b'{"kind":1.5}').decode()}, 400),
        ({"document": base64.b64encode(b"[]").decode()}, 400),
        ({"signature": base64.b64encode(b"\x30\x80" * 99).decode()}, 422),
    ],
)  # fmt: skip
def test_garbage_is_a_named_problem(sqlite_database, tmp_path, change, status):
    town = Town(sqlite_database, tmp_path, "garbage")
    parts = {name: base64.b64encode(octets).decode() for name, octets in town.filing("東京都見本区南町１番").items()}
    answer = town.client.post("/v1/filings", json={**parts, **change}, headers={"idempotency-key": "key-00000001"})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_idempotency_key_is_asked_for(sqlite_database, tmp_path):
    town = Town(sqlite_database, tmp_path, "no key")
    assert town.client.post("/v1/filings", json={}).status_code == 422
    assert town.client.get(f"/v1/filings/{'0' * 32}").status_code == 404


def test_a_filing_past_its_own_word_is_void(sqlite_database, tmp_path):
    town = Town(sqlite_database, tmp_path, "void")
    filing = town.filing("東京都見本区南町１番", void_after=AT + timedelta(minutes=5))
    town.clock.advance(minutes=6)
    answer = town.post(filing, language="ja")
    assert (answer.status_code, answer.json()["code"]) == (410, "enrollment.filing-void")
    assert "有効期限" in answer.json()["detail"]


def leaves(kind):
    for sub in kind.__subclasses__():
        yield from leaves(sub)
        if not sub.__subclasses__():
            yield sub


def test_every_refusal_has_a_status_and_a_japanese_sentence():
    assert enrollment.errors.CapReached in set(leaves(EnrollmentError))
    for leaf in leaves(EnrollmentError):
        assert leaf.code in TITLES, leaf.code
        japanese = WORDING[leaf.code]
        fields = {name: f"«{name}»" for name in leaf.__dataclass_fields__}
        for template in (leaf.why, leaf.todo, japanese.why, japanese.todo):
            assert template.format(**fields)
        assert japanese.todo.endswith("。")
