"""A household files over HTTP: real signatures, a signed roster, each member's own outcome; asked again, the same."""

import base64
import hashlib
import json
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi.testclient import TestClient

from enrollment.filing import Consent, HouseholdFiling
from enrollment.households import HouseholdAssertion, Households, Relation
from enrollment.signed import OwnerKeys
from fixtures.peers.record import key_of, spki_of
from pki import cms
from pki.certificate import parse_certificate
from pki.purpose import Purpose
from tests.enrollment.town import AT, TOWN
from tests.web.test_filings import Town
from web.application import Frame, compose
from web.filings import VerifiedByUs
from web.household_filings import HouseholdParts, make_household_filings_router

KEY = key_of(20261123)
NEW = "東京都見本区南町１番"


class Family(Town):
    """A mother who files, and a father with a card of his own."""

    def __init__(self, database, folder, seed):
        super().__init__(database, folder, seed)
        self.father, self.fathers_card = self.office.enrolled(card_id="CARD-F", name="実印　太郎")
        keys = OwnerKeys({TOWN: spki_of(KEY)})
        parts = HouseholdParts(
            Households(database, self.office.moves.registrar, keys, self.office.random),
            self.office.moves.registrar,
            VerifiedByUs(self.check),
            self.clock,
        )
        frame = Frame(self.office.random, lambda: 0.0)
        self.door = TestClient(compose("households", [make_household_filings_router(parts)], frame))

    def signed(self, document, card):
        certificate = parse_certificate(card.read(Purpose.SIGNATURE))
        hashed = hashlib.new(cms.digest_name(certificate), document).digest()
        attributes = cms.to_be_signed(hashed, certificate, self.clock.now())
        value = cms.assemble(attributes, card.sign(Purpose.SIGNATURE, attributes), certificate)
        return {"document": base64.b64encode(document).decode(), "signature": base64.b64encode(value).decode()}

    def body(self, *, consenting=True):
        members = tuple(sorted((self.person, self.father)))
        filing = HouseholdFiling("a" * 32, TOWN, NEW, date(2026, 11, 20), members, AT + timedelta(hours=1))
        document = filing.document()
        roster = HouseholdAssertion(
            TOWN, {self.person: Relation.HEAD, self.father: Relation.SPOUSE}, 1, AT + timedelta(hours=1)
        )
        signature = KEY.sign(roster.octets(), ec.ECDSA(hashes.SHA256()))
        consent = Consent("a" * 32, hashlib.sha256(document).hexdigest(), AT + timedelta(hours=1))
        signer = self.fathers_card if consenting else self.card
        return {
            **self.signed(document, self.card),
            "roster": {
                **json.loads(roster.octets()),
                "signature": base64.b64encode(signature).decode(),
            },
            "consents": {self.father: self.signed(consent.document(), signer)},
        }

    def file(self, body, key="household-1"):
        return self.door.post("/v1/household-filings", json=body, headers={"idempotency-key": key})


@pytest.fixture
def family(sqlite_database, tmp_path, request):
    return Family(sqlite_database, tmp_path, request.node.nodeid)


def test_both_move_and_the_father_gets_his_certificate_on_his_own_card(family):
    body = family.body()
    answer = family.file(body)
    assert answer.status_code == 201, answer.text
    told = {one["person"]: one for one in answer.json()["members"]}
    assert {one["outcome"] for one in told.values()} == {"online"}
    assert family.file(body).json() == answer.json(), "the signer's certificate has ended; the answer is kept"
    assert family.door.get(answer.headers["location"]).json() == answer.json()
    path = f"/v1/household-filings/applications/{told[family.father]['application']}"
    assert family.door.get(path).json()["certificate"] is None
    request = base64.b64encode(family.office.request(family.fathers_card)).decode()
    promised = family.door.post(path, json={"request": request})
    assert promised.json()["state"] == "intended", promised.text
    family.office.signer.sign_pending(family.office.database, AT)
    certificate = family.door.get(path).json()["certificate"]
    assert NEW.encode() in base64.b64decode(certificate)


def test_a_consent_by_somebody_else_sends_him_to_a_counter_and_holds_up_nobody(family):
    told = {one["person"]: one for one in family.file(family.body(consenting=False)).json()["members"]}
    assert told[family.person]["outcome"] == "online"
    assert (told[family.father]["outcome"], told[family.father]["reason"]) == ("in-person", "consent-missing")
    assert told[family.father]["by"] == "2026-12-04"


def test_a_roster_that_nobody_signed_and_bodies_of_another_form(family):
    body = family.body()
    body["roster"]["version"] = 2
    refused = family.file(body)
    assert (refused.status_code, refused.json()["code"]) == (422, "enrollment.signature-invalid")
    for broken in ({**body, "note": "x"}, {**body, "roster": {}}, {**body, "consents": {"x": {}}}, []):
        assert family.file(broken).status_code == 422
    assert family.door.get(f"/v1/household-filings/{'b' * 32}").status_code == 404
