"""An officer's acts about a card by HTTP: believed for the signature of the officer's own card, for nothing else."""

import pytest
from fastapi.testclient import TestClient

from ca.revocation import HoldPolicy
from enrollment import acts, card_procedures, loss, procedures
from enrollment.acts import What
from enrollment.pin_reset import DEFAULT
from enrollment.store import permissions, work
from pki.card_state import TRANSITIONS, CardEvent, CardState
from tests.enrollment.office import open_office
from tests.enrollment.officers import Officer, officer
from tests.enrollment.town import AT, seen
from tests.support.chance import SetClock
from web.application import Frame, compose
from web.card_acts import card_acts_router

CARD = "CARD0001"


class Desk:
    """An office, somebody's card, an officer with a card whose certificate this service knows, and the door."""

    def __init__(self, database, folder, seed, monkeypatch):
        self.office = open_office(database, folder, seed)
        self.clock = SetClock(AT)
        self.person, _ = self.office.enrolled()
        self.clerk = database.transaction(lambda conn: officer(conn, "hana", "main"))
        self.stranger = database.transaction(lambda conn: officer(conn, "yuki", "other-main"))
        certificates = {one.operator.operator: one.certificate for one in (self.clerk, self.stranger)}
        # Issued elsewhere than by this service's authority, and so looked up here.
        monkeypatch.setattr(acts, "own_certificate", lambda _c, who, _at, _given=None: certificates[who.operator])
        monkeypatch.setattr("enrollment.officers.own_certificate", lambda _c, who, *_: certificates[who.operator])
        holds = HoldPolicy(releasable=True)
        router = card_acts_router(database, self.clock, self.office.random, holds, DEFAULT)
        self.client = TestClient(compose("cards", [router], Frame(self.office.random, lambda: 0.0)))

    def signed(self, what, content, subject=None, who: Officer | None = None, key: Officer | None = None):
        who = who or self.clerk
        act = acts.prepare(who.operator, what, subject or self.person, content, self.clock.now(), self.office.random)
        return {"act": act.body(), "signature": (key or who).sign(act.to_be_signed()).hex()}

    def seen(self):
        evidence = seen(self.person, officer="hana", at=self.clock.now())
        signature = self.clerk.sign(evidence.to_be_signed()).hex()
        return evidence, {"evidence": evidence.body(), "evidence_signature": signature}

    def change(self, event, *, key=None):
        evidence, shown = self.seen() if event is CardEvent.RESUME else (None, {})
        what, content = {
            CardEvent.SUSPEND: (What.SUSPEND, procedures.content_of("suspend", card_id=CARD)),
            CardEvent.LOSE: (What.REPORT_LOSS, loss.content_of(CARD)),
            CardEvent.RESUME: (
                What.RESUME,
                procedures.content_of("resume", card_id=CARD, evidence=evidence.digest() if evidence else ""),
            ),
        }.get(event, (What.CHANGE_CARD, card_procedures.content(CARD, event)))
        body = {"event": event.value, **shown, **self.signed(what, content, key=key)}
        return self.client.post(f"/v1/cards/{CARD}/changes", json=body)

    def state(self):
        return self.office.database.read(lambda conn: work.card_of(conn, CARD)).state


@pytest.fixture
def desk(sqlite_database, tmp_path, request, monkeypatch):
    return Desk(sqlite_database, tmp_path, request.node.nodeid, monkeypatch)


def test_the_table_answers(desk):
    """Every event on the way; what the table has is done, what it has not is refused, whoever signs."""
    for event in (CardEvent.SUSPEND, CardEvent.RESUME, CardEvent.DAMAGE, CardEvent.RETURN, CardEvent.END):
        state = desk.state()
        for wrong in {one for one in CardEvent if (state, one) not in TRANSITIONS} - {CardEvent.PREPARE}:
            assert desk.change(wrong).status_code in (200, 409)
            assert desk.state() is state
        answer = desk.change(event)
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == TRANSITIONS[state, event].state.value == desk.state().value
    assert desk.state() is CardState.ENDED


def test_only_the_officers_own_card_and_only_for_this(desk):
    forged = desk.change(CardEvent.LOSE, key=desk.stranger)
    assert (forged.status_code, forged.json()["code"]) == (422, "enrollment.signature-invalid")
    body = {"event": "lose", **desk.signed(What.SUSPEND, procedures.content_of("suspend", card_id=CARD))}
    assert desk.client.post(f"/v1/cards/{CARD}/changes", json=body).json()["code"] == "enrollment.act-not-signed"
    body = {"event": "lose", **desk.signed(What.REPORT_LOSS, loss.content_of(CARD))}
    desk.clock.advance(seconds=301)
    assert desk.client.post(f"/v1/cards/{CARD}/changes", json=body).json()["code"] == "enrollment.act-refused"
    assert desk.state() is CardState.ACTIVE


def test_a_permission_for_a_pin(desk):
    evidence, shown = desk.seen()
    asked = {"purpose": "signature", "operator": "hana", **shown}
    drafted = desk.client.post(f"/v1/cards/{CARD}/pin-permissions/draft", json=asked).json()
    permission = drafted["permission"]
    body = {**permission, **shown, **desk.signed(What.PIN_RESET, drafted["content"], CARD)}
    forged = {**body, "expires_at": "2027-01-01T00:00:00Z"}
    for wrong in (forged, {**body, "number": permission["number"] + 1}, {**body, "purpose": "authentication"}):
        assert desk.client.post(f"/v1/cards/{CARD}/pin-permissions", json=wrong).status_code in (403, 410, 422, 409)
    given = desk.client.post(f"/v1/cards/{CARD}/pin-permissions", json=body)
    assert (given.status_code, given.json()["permission"]) == (201, permission)
    kept = desk.office.database.read(lambda conn: permissions.find_permission(conn, CARD, permission["number"]))
    assert (kept.officer, kept.evidence) == ("hana", evidence.digest())
    again = desk.client.post(f"/v1/cards/{CARD}/pin-permissions", json=body)
    assert (again.status_code, again.json()) == (201, given.json()), "the answer was lost: nothing is given twice"
    rows = desk.office.database.read(lambda conn: permissions.permissions_of(conn, CARD))
    assert [row.number for row in rows] == [permission["number"]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"event": "lose"},
        {"event": "lose", "act": {}, "signature": "00"},
        {"event": "x", "act": {}, "signature": "0"},
    ],
)
def test_garbage(desk, body):
    assert desk.client.post(f"/v1/cards/{CARD}/changes", json=body).status_code in (400, 422)
    assert desk.client.post(f"/v1/cards/{CARD}/pin-permissions", json=body).status_code in (400, 422)
    assert desk.state() is CardState.ACTIVE
