"""The assurance that a party asks for, against the real ledger and the policies of really issued certificates."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ca.orders import Assurance
from ca.profiles import PROFILES, Kind, Variant
from enrollment import visits
from pki import oids
from pki.instant import Instant
from pki.purpose import Purpose
from tests.enrollment.town import AT, seen
from tests.web.test_filings import Town
from tests.web.test_relying_api import DOCUMENT, b64
from web.filing_check import FilingCheck
from web.handles import Handles
from web.parties import Parties, RelyingParty
from web.store import relying as rows
from web.subjects import Level, RegisteredSubjects
from web.verification_request import VerificationRequest
from web.verifications import Verifications

BANK = RelyingParty("bank", "見本銀行", "Mihon Bank", frozenset(Purpose), "犯罪収益移転防止法", frozenset({"name"}))
POLICIES = {
    f"{oids.DOCUMENTATION_ARC}.{'.'.join(map(str, arcs))}": how
    for how, arcs in PROFILES[Kind.SIGNATURE, Variant.NEXT].policy.items()
}


class Bank:
    """A registered party over the town's own registry."""

    def __init__(self, town: Any) -> None:
        self.town = town
        database, random = town.office.database, town.office.random
        Parties(database, "https://verify.example").register(BANK, AT)
        check: FilingCheck = town.check
        check = FilingCheck(check.trust, check.policy, check.fetcher, check.random, POLICIES)
        self.verifications = Verifications(
            check,
            database,
            Handles(b"h" * 32),
            RegisteredSubjects(database, random),
            town.clock,
            random,
            lambda: None,
            "us",
        )

    def ask(self, required: Level | None = None, **more: Any) -> dict[str, Any]:
        signature = self.town.sign(DOCUMENT)
        asked = VerificationRequest(
            document=b64(DOCUMENT), signature=b64(signature), required_assurance=required, **more
        )  # fmt: skip
        return self.verifications.carry_out(BANK, asked, self.verifications.begin(BANK, asked, b"", None))


@pytest.fixture
def town(sqlite_database: Any, tmp_path: Path) -> Any:
    return Town(sqlite_database, tmp_path, "assurance")  # type: ignore[no-untyped-call]


def test_a_remote_re_issue_takes_the_highest_level_from_the_person_and_from_the_certificate(town: Any) -> None:
    bank = Bank(town)
    first = bank.ask(Level.FRESH)
    assert (first["indication"], first["assurance"]["met"]) == ("PASSED", True), first
    assert first["assurance"]["certificate_issued"] == "in-person"
    assert first["certificate_policies"] == [next(oid for oid, how in POLICIES.items() if how is Assurance.IN_PERSON)]

    town.clock.advance(days=1)
    town.move("東京都見本区南町１番", "key-00000001")
    town.clock.advance(minutes=1)
    remote = bank.ask(Level.FRESH, fields=["name"], affairs="口座の開設")
    assert (remote["indication"], remote["sub_indication"]) == ("INDETERMINATE", "ASSURANCE_NOT_MET")
    assert remote["assurance"] == {
        "level": "within-cap",
        "grade": "high",
        "in_person_within_years": 1,
        "remote_changes": "some",
        "certificate_issued": "remote",
        "required": "fresh",
        "met": False,
    }
    assert remote["certificate_policies"] == [next(oid for oid, how in POLICIES.items() if how is Assurance.REMOTE)]
    assert "attributes" not in remote
    assert remote["person"] == first["person"], "the handle stays through the re-issue"
    assert bank.ask(Level.WITHIN_CAP)["indication"] == "PASSED"

    # seen again at a counter, without a new certificate: the ledger is fresh, the certificate still a remote one
    town.clock.advance(days=1)
    evidence, at = seen(town.person, at=town.clock.now()), town.clock.now()
    town.office.database.transaction(lambda conn: visits.check(conn, evidence, "clerk", at, town.office.random))
    again = bank.ask(Level.FRESH)
    assert again["assurance"]["remote_changes"] == "none"
    assert (again["sub_indication"], again["assurance"]["level"]) == ("ASSURANCE_NOT_MET", "within-cap")


def test_at_the_cap_only_the_lowest_level_is_met(town: Any) -> None:
    bank = Bank(town)
    for number in (1, 2, 3):
        town.clock.advance(days=1)
        town.move(f"東京都見本区南町{number}番", f"key-0000000{number}")
        town.clock.advance(minutes=1)
    assert bank.ask(Level.WITHIN_CAP)["sub_indication"] == "ASSURANCE_NOT_MET"
    assert bank.ask(Level.AT_CAP)["indication"] == "PASSED"
    assert bank.ask()["assurance"]["level"] == "at-cap"


def test_any_verifier_can_demand_the_policy_for_checks_in_person(town: Any) -> None:
    """Without asking the ledger at all: RFC 5280 6.1.1 (c)."""
    wanted = frozenset(oid for oid, how in POLICIES.items() if how is Assurance.IN_PERSON)
    policy = replace(town.check.policy[Purpose.SIGNATURE], certificate_policies=wanted)

    def judged(at: Instant) -> Any:
        return town.check.filing(DOCUMENT, town.sign(DOCUMENT), at, policy=policy)

    assert judged(town.clock.now()).passed
    town.clock.advance(days=1)
    town.move("東京都見本区南町１番", "key-00000001")
    town.clock.advance(minutes=1)
    report = judged(town.clock.now())
    assert report.sub_indication is not None
    assert (report.indication, report.sub_indication.value) == ("INDETERMINATE", "CHAIN_CONSTRAINTS_FAILURE")


def test_the_call_log_tells_the_distinct_outcome(town: Any) -> None:
    bank = Bank(town)
    town.clock.advance(days=1)
    town.move("東京都見本区南町１番", "key-00000001")
    town.clock.advance(minutes=1)
    bank.ask(Level.FRESH)
    (row,) = town.office.database.read(lambda conn: rows.calls_of(conn, "bank", town.clock.now(), 9))
    assert row["outcome"] == "INDETERMINATE"
