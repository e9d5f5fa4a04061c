"""`jitsuin sample`: a few people who do not exist, each seen at the counter and given a virtual card."""

import json
import secrets
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cli.settings import Settings
    from pki.attributes import Attributes
    from pki.instant import Instant

app = typer.Typer()

PIN, PASSWORD = "1234", "ABC123"
_CARD_YEARS = 10


@dataclass(frozen=True, slots=True)
class Sample:
    """Somebody who was entered: their opaque id, and the file that is their card."""

    person: str
    name: str
    card: Path


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A deployment made by `jitsuin init`.")],
    clock: Annotated[
        str | None, typer.Option(metavar="TIME", help="Do it at this time (RFC 3339) instead of now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")] = False,
) -> None:
    """Enter a few synthetic people into a trial deployment: registered, seen at the counter by one operator, approved
    by a second, certificates on a virtual card (a file in DIR/cards; PINs 1234 and ABC123).

    `jitsuin card virtual start FILE` lends such a card to a reader.
    """
    from cli.clock import moment
    from cli.settings import load_settings

    settings = load_settings(folder)
    at = moment(clock)
    entered = []
    for attributes in people(settings.municipality.name):
        entered.append(enter(settings, attributes, at))
        if not as_json:
            print(f"  {entered[-1].name}  {entered[-1].card}")
    if as_json:
        print(json.dumps([{"person": one.person, "name": one.name, "card": str(one.card)} for one in entered]))


def people(town: str) -> "list[Attributes]":
    """Residents of `town` who do not exist."""
    from pki.attributes import Attributes, Gender

    return [
        Attributes("見本　花子", date(1980, 2, 17), Gender.FEMALE, f"例示県{town}見本町一丁目２番３号"),
        Attributes("架空　太郎", date(1955, 12, 31), Gender.MALE, f"例示県{town}架空町四丁目５番６号"),
        Attributes("例示　ひかり", date(2004, 2, 29), Gender.UNKNOWN, f"例示県{town}例示町七番地"),
    ]


def enter(settings: "Settings", attributes: "Attributes", at: "Instant") -> Sample:
    """Register somebody and give them a card, as counter and authority do it; all of it in this process.

    Errors: those of issuing; SecretMissing; DatabaseOutdated.
    """
    from ca.directory import Directory
    from ca.issuance import Registrar, Signer
    from ca.journal_file import JournaledDatabase, JournalFile
    from ca.profiles import PROFILES
    from cardio import jpki
    from cardio.personalisation import CardInReader
    from cardio.session import CardSession
    from cardio.virtual_card import FileStorage
    from cardio.virtual_jpki import new_card
    from cli.clock import SystemClock
    from cli.database import Database
    from cli.deployment import CLERK, MAIN, SUPERVISOR, Desks
    from cli.keys import card_manager, card_master_keys, open_authority_keys
    from cli.officer_keys import OfficerKeys
    from enrollment import registry
    from enrollment.application import ApplicationKind
    from enrollment.evidence import DocumentSeen, InPersonEvidence
    from enrollment.issuing import Issuing
    from pki.purpose import Purpose

    random = secrets.token_bytes
    name = Desks(settings.municipality.code)
    database = Database(settings.database_url)
    try:
        database.check()
        journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
        directory = Directory()
        signer = Signer(open_authority_keys(settings, random), PROFILES, directory)
        issuers = {purpose: database.read(lambda conn, of=purpose: directory.active(conn, of)) for purpose in Purpose}  # type: ignore[misc]
        desk = Issuing(
            journaled,
            Registrar(PROFILES, directory, random),
            {purpose: one.certificate.der for purpose, one in issuers.items() if one.certificate is not None},
            random,
            lambda intent, now: signer.sign(journaled, intent, now),
        )
        person = journaled.transaction(
            lambda conn: registry.register(conn, settings.municipality.code, attributes, at, random)
        )
        shown = DocumentSeen("driving-licence", (at + timedelta(days=1000)).jst_date())
        officers = OfficerKeys(settings, random)
        evidence = officers.evidence(
            InPersonEvidence(person, person, name(MAIN), name(CLERK), at, (shown,), photo_matched=True)
        )
        end = at + timedelta(days=365 * _CARD_YEARS)
        filed = journaled.transaction(lambda conn: officers.file(conn, ApplicationKind.FIRST_ISSUE, evidence, end, at))
        journaled.transaction(lambda conn: officers.approve(conn, filed, name(SUPERVISOR), at))
        masters = card_master_keys(settings)
        folder = settings.path(Path("cards"))
        folder.mkdir(mode=0o700, exist_ok=True)
        serial = random(8).hex().upper()
        file = folder / f"{serial}.card"
        card = new_card(
            FileStorage(file),
            random,
            lambda diversification: masters.key_set(diversification, masters.current),
            serial=serial,
        )
        slot = CardInReader(
            CardSession.of_memory(card, jpki.identify), card_manager(settings, journaled, SystemClock(), random)
        )
        desk.continue_(filed.application, slot, at)
        slot.set_pins(PIN, PASSWORD)
        file.chmod(0o600)
    finally:
        database.close()
    return Sample(person, attributes.name, file)
