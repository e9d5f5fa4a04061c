"""A card for an operator of a trial: a key made on the card, an operator's certificate, and the register told of it."""

from collections.abc import Callable
from pathlib import Path

from ca.directory import Directory
from ca.issuance import Registrar, Signer
from ca.journal_file import JournaledDatabase
from ca.orders import ServiceKind, ServiceOrder
from ca.profiles import PROFILES
from cardio import jpki
from cardio.personalisation import CardInReader
from cardio.session import CardSession
from cardio.virtual_card import FileStorage
from cardio.virtual_jpki import new_card
from cli.clock import SystemClock
from cli.keys import card_manager, card_master_keys, open_authority_keys
from cli.settings import Settings
from enrollment.store import people
from pki.algorithms import algorithm_for
from pki.certificate import Certificate
from pki.certification_request import assemble_request, certification_request_info
from pki.instant import Instant
from pki.purpose import Purpose

Random = Callable[[int], bytes]


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
