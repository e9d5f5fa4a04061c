"""kill -9 at every step of a verification through HTTP; then the same request with the same Idempotency-Key.

A step is a statement sent to the database or a commit. A child process (a fork) with the whole application dies by
SIGKILL at its n-th step, for every n; the parent asks again, as a client does that got no answer. There is one verdict,
one call in the log, one signature used up; the person's record tells of every time that they were looked up, and no
answer is older than it.
"""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from enrollment import registry
from enrollment.store import work as work_rows
from enrollment.store.work import HeldCertificate
from pki.purpose import Purpose
from tests.enrollment.town import found, resident
from tests.faults.test_enrollment_kill import Steps, run_and_die, watched
from tests.support.chance import SeededOctets, SetClock
from tests.verifier.filing_world import AT, SIGNATURE_POLICY, build_world, ec_key, sign_filing
from tests.web.test_relying_api import CITY, SERVICE, VERDICTS, b64, es256, spki
from verifier.anchors import anchor_of
from verifier.judge import Trust
from verifier.policy import Policy
from verifier.verdict import VerdictSigner
from web.application import Frame, compose
from web.filing_check import FilingCheck
from web.handles import Handles
from web.parties import Parties, make_assertion
from web.party_logins import PartyLogins
from web.party_status import PartyStatus
from web.relying_api import RelyingParts, make_relying_api
from web.subjects import RegisteredSubjects
from web.verifications import ABANDONED, Verifications

WORLD = build_world()


@cache
def request_of(document: bytes) -> bytes:
    """A verification, once for all, with the evidence of that day; the same octets every time, as a client sends them
    again."""
    return json.dumps(
        {
            "document": b64(document),
            "signature": b64(sign_filing(WORLD.signer, document, AT)),
            "evidence": {"ocsp": [b64(WORLD.ocsp_answer(WORLD.signer, AT))]},
            "at": AT.iso(),
            "fields": ["name"],
            "affairs": "利用登録",
            "once": True,
        }
    ).encode()


@dataclass
class Door:
    """The service on a database, and somebody who asks there. A new one is a service that was started again."""

    database: Any
    clock: SetClock
    seed: str

    def __post_init__(self) -> None:
        chance = SeededOctets(self.seed)
        check = FilingCheck(
            {purpose: Trust([anchor_of(WORLD.signature_ca.certificate)]) for purpose in Purpose},
            {purpose: Policy(certificate_policies=frozenset({SIGNATURE_POLICY})) for purpose in Purpose},
            None,
            None,
        )
        handles, subjects = Handles(b"k" * 32), RegisteredSubjects(self.database, chance)
        signer = VerdictSigner(VERDICTS.certificate, (), VERDICTS.sign)
        parts = RelyingParts(
            Parties(self.database, SERVICE),
            Verifications(check, self.database, handles, subjects, self.clock, chance, lambda: signer, SERVICE),
            PartyLogins(check, self.database, handles, subjects, self.clock, chance),
            PartyStatus(check, self.database, subjects, self.clock),
            self.database,
            self.clock,
        )
        self.client = TestClient(compose("killed", [make_relying_api(parts)], Frame(chance, lambda: 0.0)))
        self.chance = chance

    def ask(self, document: bytes, key: str, *, later: bool = False) -> Any:
        """Send the request for that form, with an assertion of its own."""
        body = request_of(document)
        assertion = make_assertion(
            "city", "1", SERVICE, body, self.clock.now(), self.chance(16).hex(), "ES256",
            lambda message: es256(ec_key("party city"), message),
        )  # fmt: skip
        headers = {
            "authorization": f"Bearer {assertion}",
            "content-type": "application/json",
            "idempotency-key": key,
            **({"prefer": "respond-async"} if later else {}),
        }
        return self.client.post("/v1/verifications", content=body, headers=headers)


@pytest.fixture
def person(database: Any, request: pytest.FixtureRequest) -> str:
    """Who holds the certificate, and a city that may ask."""
    chance = SeededOctets(request.node.nodeid)

    def body(conn: Any) -> str:
        found(conn)
        made: str = resident(conn, chance)
        work_rows.add_certificate(conn, HeldCertificate("intent-1", "application-1", made, Purpose.SIGNATURE, "card-1"))
        fingerprint = WORLD.signer.certificate.fingerprint.hex()
        work_rows.certificate_signed(conn, "intent-1", "signature-1", "1" * 40, fingerprint, AT, AT + timedelta(days=9))
        return made

    parties = Parties(database, SERVICE)
    parties.register(replace(CITY, a_minute=10_000), AT)
    parties.add_key("city", "1", spki(ec_key("party city")), AT)
    entered: str = database.transaction(body)
    return entered


def rows(database: Any, query: str, **bound: Any) -> list[Any]:
    """Rows as they stand."""
    return list(database.read(lambda conn: conn.execute(text(query), bound).all()))


def looks(database: Any, person: str) -> int:
    """How often the person's record says that somebody looked."""
    assert database.read(lambda conn: registry.broken_accesses(conn, person)) == ()
    return len(database.read(lambda conn: registry.own_lines(conn, person)))


@pytest.mark.parametrize("later", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["waiting", "later"])
def test_killed_anywhere_and_asked_again(database: Any, person: str, later: bool) -> None:
    clock = SetClock(AT)
    # services that were started again: what the dead one had in memory, neither has
    door, other = Door(database, clock, "again"), Door(database, clock, "another")
    for step in count(1):
        key, document = f"application-{step:04}", f"form {step}".encode()
        before = looks(database, person)
        request_of(document)

        def work(steps: Steps, key: str = key, document: bytes = document) -> None:
            own = watched(database, steps, statements=True)
            Door(own, clock, f"child {key}").ask(document, key, later=later)

        died = run_and_die(work, step)
        query = "SELECT id, state, answer FROM web_verifications WHERE idempotency_key = :key"
        left = rows(database, query, key=key)
        assert len(left) <= 1
        if left and left[0].state == "done":
            assert looks(database, person) > before, "no answer is older than its record"

        # the client got no answer
        early = door.ask(document, key)
        if left and left[0].state == "running":
            assert (early.status_code, early.json()["code"]) == (409, "web.still-running")
        else:
            assert early.json()["indication"] == "PASSED", early.text
        clock.advance(seconds=ABANDONED.seconds + 1)
        answer = door.ask(document, key)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["indication"] == "PASSED", (step, told["reason"])
        assert other.ask(document, key).json() == told, "one result"

        ((id_, state, _),) = rows(database, query, key=key)
        assert (id_, state) == (told["id"], "done")
        if left:
            assert id_ == left[0].id, "what was reserved is what is answered"
        calls = rows(database, "SELECT outcome FROM web_calls WHERE reference = :id", id=id_)
        assert [row.outcome for row in calls] == ["PASSED"], "one call"
        assert 1 <= looks(database, person) - before <= 2, "each time that somebody looked, and no time more"
        replayed = door.ask(document, f"{key}-other").json()
        assert replayed["sub_indication"] == "SIG_CONSTRAINTS_FAILURE", "the signature is used up, once"
        if not died:
            assert step > 15, "the steps were counted"
            return
