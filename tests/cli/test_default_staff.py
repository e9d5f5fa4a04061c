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
from cli.settings import load_settings
from enrollment import protection, registry, unlocking
from enrollment.errors import RoleMissing, SamePerson
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
        who = Attributes("実印　花子", date(1980, 2, 17), Gender.FEMALE, HIDDEN)
        self.person = self.do(lambda conn: registry.register(conn, self.owner, who, self.at, os.urandom))

    def do(self, body: Any) -> Any:
        return self.database.transaction(body)

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
    town.do(lambda conn: protection.apply(conn, person, clerk, at, os.urandom))
    town.do(lambda conn: protection.confirm(conn, person, officer, at, os.urandom))
    asked = town.do(lambda conn: unlocking.propose(conn, person, clerk, "the hospital calls", at, os.urandom))
    unlock = town.do(lambda conn: unlocking.approve(conn, person, asked.approval, officer, at, os.urandom))
    seen = unlocking.see(town.database, person, unlock.unlock, clerk, at, os.urandom)
    assert seen.shown[registry.Field.ADDRESS] == HIDDEN
    proposed = town.do(lambda conn: protection.propose_release(conn, person, officer, at, os.urandom, "asked for"))
    with pytest.raises(SamePerson):
        town.do(lambda conn: protection.approve_release(conn, person, proposed.approval, officer, at, os.urandom))
    with pytest.raises(RoleMissing):
        town.do(lambda conn: protection.approve_release(conn, person, proposed.approval, clerk, at, os.urandom))
    town.do(lambda conn: protection.approve_release(conn, person, proposed.approval, boss, at, os.urandom))
    later = at + COOLING_OFF
    flag = town.do(lambda conn: protection.release_by(conn, person, officer, later, os.urandom))
    assert flag.state is FlagState.RELEASED


def test_every_one_of_the_staff_has_a_card_of_their_own(town: Town) -> None:
    cards = [town.staff(who).card_fingerprint for who in (CLERK, SUPERVISOR, PROTECTION_OFFICER, "postal-clerk")]
    assert len(set(cards)) == 4
