"""Attributes by consent: only the fields, party and purpose that the person agreed to, and not a moment longer."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pki.instant import Instant
from tests.verifier.filing_world import AT, sign_filing
from tests.web.test_relying_api import BANK, Service, b64, build, code
from web.consents import GivenBy, Wish
from web.errors_parties import ConsentRefused

PURPOSE = "口座の開設"
WISH = Wish("bank", frozenset({"address"}), PURPOSE, AT + timedelta(days=30))
NONCE = bytes(range(16))


@pytest.fixture
def service(database: Any, random: Callable[[int], bytes]) -> Service:
    made = build(database, random)
    made.parties.register(replace(BANK, with_consent=frozenset({"address", "gender"})), AT)
    return made


def give(service: Service, wish: Wish = WISH, **bend: Any) -> Any:
    document = bend.get("document", wish.document(bend.get("nonce", NONCE)))
    signature = bend.get("signature", sign_filing(service.world.signer, document, service.clock.now()))
    body = {"document": b64(document), "signature": b64(signature)}
    return service.ask("POST", "/v1/consents", body, party=bend.get("party", "bank"))


def asked(service: Service, *fields: str, purpose: str = PURPOSE, party: str = "bank") -> dict[str, Any]:
    return service.verify(party=party, fields=list(fields), affairs=purpose)


def test_without_consent_the_field_is_withheld_and_the_rest_is_told(service: Service) -> None:
    told = asked(service, "name", "address")
    assert told["indication"] == "PASSED"
    assert told["attributes"] == {"name": "実印　花子"}
    assert told["withheld"] == {"address": "consent"}
    assert service.town.records[-1][3] == frozenset({"name"}), "what was withheld is not in the record as told"


def test_a_signed_consent_opens_its_fields_for_its_purpose_to_its_party(service: Service) -> None:
    given = give(service)
    assert given.status_code == 201, given.text
    assert given.json()["given_by"] == "card"
    told = asked(service, "name", "address", "gender")
    assert told["attributes"] == {"name": "実印　花子", "address": "東京都架空市見本町一丁目２番３号"}
    assert told["withheld"] == {"gender": "consent"}
    assert service.town.records[-1][3] == frozenset({"name", "address"})
    assert given.json()["id"] in service.town.bases[-1], "the record names the consent"
    assert BANK.legal_basis in service.town.bases[-1]
    assert "address" not in asked(service, "name", "address", purpose="広告")["attributes"]
    assert "address" not in asked(service, "name")["attributes"], "only what is asked for"


def test_withdrawn_is_effective_with_the_next_request_and_for_good(service: Service) -> None:
    id_ = give(service).json()["id"]
    assert "address" in asked(service, "address")["attributes"]
    assert not service.consents.withdraw("person-2", id_), "another person's consent is nobody else's to withdraw"
    assert "address" in asked(service, "address")["attributes"]
    assert service.consents.withdraw("person-1", id_)
    told = asked(service, "address")
    assert "attributes" not in told
    assert told["withheld"] == {"address": "consent"}
    assert "架空市" not in json.dumps(told, ensure_ascii=False)
    assert not service.consents.withdraw("person-1", id_)
    assert code(give(service)) == (422, "web.consent-refused"), "the same signed paper does not bring it back"
    assert asked(service, "address")["withheld"] == {"address": "consent"}
    (kept,) = service.consents.of_person("person-1")
    assert kept.withdrawn_at == AT
    assert give(service, nonce=bytes(16)).status_code == 201, "a new consent does"
    assert "address" in asked(service, "address")["attributes"]


def test_it_ends_by_itself(service: Service) -> None:
    assert give(service).status_code == 201
    assert service.consents.covering("person-1", "bank", ["address"], PURPOSE)
    service.clock.set(AT + timedelta(days=30))
    assert service.consents.covering("person-1", "bank", ["address"], PURPOSE), "the last second is included"
    service.clock.set(AT + timedelta(days=30, seconds=1))
    assert service.consents.covering("person-1", "bank", ["address"], PURPOSE) == {}


def test_given_twice_is_one_consent(service: Service) -> None:
    document = WISH.document(NONCE)
    signature = sign_filing(service.world.signer, document, AT)
    first = give(service, document=document, signature=signature)
    assert give(service, document=document, signature=signature).json() == first.json()
    assert len(service.consents.of_person("person-1")) == 1


def test_what_does_not_count_as_consent(service: Service) -> None:
    assert code(give(service, party="city")) == (422, "web.consent-refused"), "another party's consent"
    document = WISH.document(NONCE)
    signature = sign_filing(service.world.signer, document, AT)
    other = replace(WISH, fields=frozenset({"address", "gender"})).document(NONCE)
    assert code(give(service, document=other, signature=signature)) == (422, "web.consent-refused")
    known = dict(service.town.people)
    service.town.people.clear()
    assert code(give(service)) == (422, "web.consent-refused"), "nobody's certificate"
    service.town.people.update(known)
    by_login_key = sign_filing(service.world.login, document, AT)
    assert code(give(service, signature=by_login_key)) == (422, "web.consent-refused"), "a log-in is no consent"
    for wish in (replace(WISH, until=AT), replace(WISH, until=AT + timedelta(days=400))):
        assert code(give(service, wish)) == (422, "web.consent-refused")
    assert service.consents.of_person("person-1") == []


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"kind":"jitsuin-consent-1"}',
        WISH.document(NONCE).replace(b'"address"', b'"serial"'),
        WISH.document(NONCE).replace(b'["address"]', b"[]"),
        WISH.document(NONCE).replace(b'"bank"', b"7"),
        WISH.document(NONCE).replace(b'"party"', b'"party": "bank", "party"'),
        WISH.document(NONCE).replace(b'"nonce": "00', b'"nonce": "zz'),
        WISH.document(NONCE) + b" ",
        WISH.document(NONCE).replace(b"2026-12-23", b"2026-12-32"),
    ],
)
def test_documents_that_are_no_consent(document: bytes, service: Service) -> None:
    assert code(give(service, document=document)) == (400, "pki.malformed")


def test_somebody_logged_in_agrees_without_a_card(service: Service) -> None:
    given = service.consents.give_by_login("person-1", WISH)
    assert given.given_by is GivenBy.LOGIN
    assert "address" in asked(service, "address")["attributes"]
    assert "person" not in given.to_json()
    with pytest.raises(ConsentRefused):
        service.consents.give_by_login("person-1", replace(WISH, until=Instant(0)))


def test_a_protected_address_is_told_to_nobody(service: Service) -> None:
    give(service)
    service.town.masked = frozenset({"address"})
    told = asked(service, "name", "address")
    assert told["attributes"] == {"name": "実印　花子"}
    assert told["withheld"] == {"address": "protection"}
    assert "架空市" not in json.dumps(told, ensure_ascii=False)


def test_the_record_stands_before_the_consented_field_is_told(service: Service) -> None:
    give(service)
    service.town.refuses = True
    answer = service.ask(
        "POST", "/v1/verifications", service.filing(service.world.signer, fields=["address"], affairs=PURPOSE),
        party="bank",
    )  # fmt: skip
    assert answer.status_code == 500
    assert "架空市" not in answer.text


def test_the_consent_in_the_documentation_is_one(service: Service) -> None:
    text = (Path(__file__).parents[2] / "docs" / "relying-parties.md").read_text(encoding="utf-8")
    found = re.search(r'```json\n(\{"fields".*?)\n```', text, re.DOTALL)
    assert found is not None
    assert code(give(service, document=found[1].encode())) == (422, "web.consent-refused"), (
        "read, and for another party"
    )
