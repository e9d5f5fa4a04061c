"""Whoever `jitsuin init` appoints can set a flag, see behind it and release it: two persons each time."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cli.clock import SystemClock
from cli.database import Database
from cli.deployment import CLERK, PROTECTION_OFFICER, SUPERVISOR, Desks
from cli.officer_keys import OfficerKeys
from cli.settings import load_settings
from enrollment import deciding, protection, registry, unlocking
from enrollment.acts import What
from enrollment.approvals import Approval, ApprovalEvent
from enrollment.errors import ActNotSigned, RoleMissing, SamePerson
from enrollment.flags import FlagState
from enrollment.operators import Operator
from enrollment.protection import COOLING_OFF
from enrollment.store import people
from pki.attributes import Attributes, Gender

HIDDEN = "例示県見本市隠町一番"


class Town:
    """A new deployment's staff, and a resident."""

    def __init__(self, folder: Path) -> None:
        settings = load_settings(folder)
        self.owner, self.name, self.at = (
            settings.municipality.code,
            Desks(settings.municipality.code),
            SystemClock().now(),
        )
        self.database = Database(settings.database_url)
        self.officers = OfficerKeys(settings, os.urandom)
        who = Attributes("実印　花子", date(1980, 2, 17), Gender.FEMALE, HIDDEN)
        self.person = self.do(lambda conn: registry.register(conn, self.owner, who, self.at, os.urandom))

    def do(self, body: Any) -> Any:
        return self.database.transaction(body)

    def signed(self, who: Operator, what: What, subject: str, content: str, deed: Any) -> Any:
        """Act and deed in one transaction: a new deployment demands officers' signatures."""

        def both(conn: Any) -> Any:
            self.officers.act(conn, who.operator, what, subject, content, self.at)
            return deed(conn)

        return self.do(both)

    def decide(self, who: Operator, asked: Approval, deed: Any) -> Any:
        content = deciding.decision_content(asked, ApprovalEvent.APPROVE)
        return self.signed(who, What.APPROVE, asked.approval, content, deed)

    def staff(self, who: str) -> Operator:
        return self.database.read(lambda conn: people.operator_of(conn, self.name(who)))


@pytest.fixture
def town(deployment: Path) -> Iterator[Town]:
    made = Town(deployment)
    yield made
    made.database.close()


def test_a_flag_is_set_looked_behind_and_released_by_the_staff_of_the_beginning(town: Town) -> None:
    clerk, boss, officer = (town.staff(who) for who in (CLERK, SUPERVISOR, PROTECTION_OFFICER))
    person, at = town.person, town.at
    with pytest.raises(ActNotSigned):
        town.do(lambda conn: protection.apply(conn, person, clerk, at, os.urandom))
    town.signed(
        clerk, What.PROTECTION, person, protection.act_content("apply", person),
        lambda conn: protection.apply(conn, person, clerk, at, os.urandom),
    )  # fmt: skip
    flag = town.signed(
        officer, What.PROTECTION, person, protection.act_content("confirm", person),
        lambda conn: protection.confirm(conn, person, officer, at, os.urandom),
    )  # fmt: skip
    why = "the hospital calls"
    asked = town.signed(
        clerk, What.PROPOSE, person, protection.unlock_content(person, why),
        lambda conn: unlocking.propose(conn, person, clerk, why, at, os.urandom),
    )  # fmt: skip
    unlock = town.decide(
        officer, asked, lambda conn: unlocking.approve(conn, person, asked.approval, officer, at, os.urandom)
    )
    seen = unlocking.see(town.database, person, unlock.unlock, clerk, at, os.urandom)
    assert seen.shown[registry.Field.ADDRESS] == HIDDEN
    proposed = town.signed(
        officer, What.PROPOSE, flag.flag, protection.release_content(flag),
        lambda conn: protection.propose_release(conn, person, officer, at, os.urandom, "asked for"),
    )  # fmt: skip
    for who, error in ((officer, SamePerson), (clerk, RoleMissing)):
        with pytest.raises(error):
            town.decide(
                who, proposed,
                lambda conn, who=who: protection.approve_release(conn, person, proposed.approval, who, at, os.urandom),
            )  # fmt: skip
    town.decide(
        boss, proposed, lambda conn: protection.approve_release(conn, person, proposed.approval, boss, at, os.urandom)
    )
    later = at + COOLING_OFF
    flag = town.do(lambda conn: protection.release_by(conn, person, officer, later, os.urandom))
    assert flag.state is FlagState.RELEASED


def test_every_one_of_the_staff_has_a_card_of_their_own(town: Town) -> None:
    cards = [town.staff(who).card_fingerprint for who in (CLERK, SUPERVISOR, PROTECTION_OFFICER, "postal-clerk")]
    assert len(set(cards)) == 4
