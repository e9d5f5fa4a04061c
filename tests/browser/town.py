"""The deployment that browser tests use: made by the real commands, with staff who have cards, and a few residents."""

import os
import secrets
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from ca.journal_file import JournaledDatabase, JournalFile
from cardio.virtual_card import FileStorage
from cardio.virtual_jpki import new_card
from cli.clock import SystemClock
from cli.database import Database
from cli.deployment import CLERK, POSTAL_CLERK, SUPERVISOR, Desks
from cli.keys import card_master_keys
from cli.officer_keys import OfficerKeys
from cli.sample import enter, people
from cli.settings import load_settings
from cli.staff_cards import make_staff_card
from enrollment import protection, registry
from enrollment.acts import What
from enrollment.person import PersonId
from enrollment.store import people as people_rows
from pki.attributes import Attributes, Gender
from tests.browser.seats import STAFF_PIN
from tests.support.service import command


@dataclass
class World:
    """Folder, address, staff cards by operator, residents' cards and ids by name."""

    folder: Path
    listen: str
    url: str = ""
    staff: dict[str, Path] = field(default_factory=dict)
    cards: dict[str, Path] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    """Of every request that any of this file's pages made."""

    def leaks(self, text: str) -> list[str]:
        """What of anybody's name, day of birth, home or secret stands in `text`: a log, or addresses of pages."""
        names = {part for name in self.people for part in (name, *name.split("　")) if len(part) > 1}
        return sorted(word for word in names | PRIVATE if word in text)

    def blank(self) -> Path:
        """A card from the maker, which nobody has yet."""
        settings = load_settings(self.folder)
        masters = card_master_keys(settings)
        file = self.folder / "cards" / f"blank-{secrets.token_hex(4)}.card"
        new_card(FileStorage(file), os.urandom, lambda div: masters.key_set(div, masters.current))
        return file


HANAKO, TARO, HIKARI = "見本　花子", "架空　太郎", "例示　ひかり"
NEWCOMER, HIDDEN = "新規　次郎", "秘匿　和子"
PRIVATE = frozenset(
    {"1980-02-17", "1955-12-31", "2004-02-29", "1971-03-04", "2018-05-06", "見本町", "架空町", "例示町", "枝町", "新町"}
    | {"ひみつ町", "川向町", "野町", "転入町", "別市", "裁判所", "ZYX987", "NEWPW7"}
)
"""Days of birth, homes, reasons and passwords that browser tests use."""
HIDDEN_ADDRESS = "例示県見本市ひみつ町九丁目９番９号"


def make_world(folder: Path, database_url: str = "") -> World:
    """`database_url`: of a database that is there already; else it is SQLite, as `jitsuin init` makes it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    place = folder / "deployment"
    mine = folder / "mine.toml"
    # A name, not a number: WebAuthn knows no passkeys of a bare address.
    address = listen.replace("127.0.0.1", "localhost")
    mine.write_text(
        f'[service]\nlisten = "{listen}"\npublic_url = "http://{address}"\n'
        + (f'[database]\nurl = "{database_url}"\n' if database_url else "")
    )
    made = subprocess.run(
        command("init", str(place), "--settings", str(mine)), capture_output=True, text=True, timeout=120, check=False
    )
    assert made.returncode == 0, made.stderr
    world = World(place, listen)
    settings = load_settings(place)
    at = SystemClock().now()
    database = Database(settings.database_url)
    journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
    name = Desks(settings.municipality.code)
    random = secrets.token_bytes
    for attributes in people(settings.municipality.name):
        entered = enter(settings, attributes, at)
        world.people[attributes.name], world.cards[attributes.name] = entered.person, entered.card
    officers = OfficerKeys(settings, random)

    def others(conn) -> None:  # type: ignore[no-untyped-def]
        newcomer = Attributes(NEWCOMER, people("")[0].date_of_birth, Gender.MALE, "例示県見本市新町一番地")
        hidden = Attributes(HIDDEN, people("")[1].date_of_birth, Gender.FEMALE, HIDDEN_ADDRESS)
        for attributes in (newcomer, hidden):
            world.people[attributes.name] = registry.register(conn, settings.municipality.code, attributes, at, random)
        clerk, person = people_rows.operator_of(conn, name(CLERK)), PersonId(world.people[HIDDEN])
        about = protection.act_content("apply", person)
        officers.act(conn, clerk.operator, What.PROTECTION, person, about, at)
        protection.apply(conn, person, clerk, at, random)

    journaled.transaction(others)
    for who in (CLERK, SUPERVISOR, POSTAL_CLERK):
        file = place / "cards" / f"staff-{who}.card"
        make_staff_card(settings, journaled, name(who), file, STAFF_PIN, at, random)
        world.staff[who] = file
    database.close()
    return world
