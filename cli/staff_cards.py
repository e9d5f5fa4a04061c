"""A card for an operator of a trial: a key made on the card, an operator's certificate, the register told of it; and
what the card signs where no reader is.
"""

from collections.abc import Callable
from pathlib import Path

from ca.directory import Directory
from ca.issuance import Registrar, Signer
from ca.journal_file import JournaledDatabase
from ca.orders import ServiceKind, ServiceOrder
from ca.profiles import PROFILES
from cardio import jpki
from cardio.jpki_card import JpkiCard
from cardio.personalisation import CardInReader
from cardio.session import CardSession
from cardio.virtual_card import FileStorage, MemoryStorage
from cardio.virtual_jpki import VirtualJpkiCard, new_card
from cli.clock import SystemClock
from cli.deployment import Desks
from cli.keys import card_manager, card_master_keys, open_authority_keys
from cli.settings import Settings
from enrollment.store import people
from pki.algorithms import algorithm_for
from pki.certificate import Certificate
from pki.certification_request import assemble_request, certification_request_info
from pki.instant import Instant
from pki.purpose import Purpose

Random = Callable[[int], bytes]

STAFF_PIN = "7531"
"""Of every staff card of a trial: it is no secret."""


def staff_card_file(settings: Settings, operator: str) -> Path:
    """Where the trial's card of that operator lies, if there is one."""
    name = operator.removeprefix(Desks(settings.municipality.code)(""))
    return settings.path(Path("cards")) / f"staff-{name}.card"


def signed_by_staff_card(file: Path, octets: bytes, random: Random) -> bytes:
    """What the trial's card in `file` signs with its PIN, done on a copy: the card itself may lie in a reader.

    Errors: those of the card.
    """
    card = VirtualJpkiCard(MemoryStorage(file.read_bytes()), random)
    opened = JpkiCard(CardSession.of_memory(card, jpki.identify))
    return opened.sign(Purpose.AUTHENTICATION, jpki.pin(Purpose.AUTHENTICATION, STAFF_PIN), octets)


def make_staff_card(
    settings: Settings, database: JournaledDatabase, operator: str, file: Path, pin: str, at: Instant, random: Random
) -> str:
    """A virtual card in `file` with which `operator` logs in from now on; the card's number.

    What the operator had before (a key in a file) is no longer theirs. Errors: UnknownOperator; those of the keys.
    """
    known = database.read(lambda conn: people.operator_of(conn, operator))
    masters = card_master_keys(settings)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    card = new_card(
        FileStorage(file), random, lambda diversification: masters.key_set(diversification, masters.current)
    )
    slot = CardInReader(
        CardSession.of_memory(card, jpki.identify), card_manager(settings, database, SystemClock(), random)
    )
    spki = slot.generate(Purpose.AUTHENTICATION)
    info = certification_request_info(spki)
    request = assemble_request(info, algorithm_for(spki).oid, slot.prove(Purpose.AUTHENTICATION, info))
    directory = Directory()
    order = ServiceOrder(
        ServiceKind.OPERATOR,
        request,
        operator,
        settings.municipality.municipality_roman,
        operator,
        card.serial,
        None,
        f"operator-card:{operator}:{card.serial}",
    )
    intent = database.transaction(lambda conn: Registrar(PROFILES, directory, random).intend(conn, order, at))
    issued = Signer(open_authority_keys(settings, random), PROFILES, directory).sign(database, intent, at)
    issuer = database.read(lambda conn: directory.active(conn, Purpose.AUTHENTICATION)).certificate
    assert issuer is not None
    slot.install(Purpose.AUTHENTICATION, issued.der, issuer.der)
    slot.reset_pin(Purpose.AUTHENTICATION, pin, 0)
    fingerprint = Certificate(issued.der).fingerprint.hex()
    database.transaction(lambda conn: people.give_card(conn, known.operator, fingerprint))
    file.chmod(0o600)
    return card.serial
