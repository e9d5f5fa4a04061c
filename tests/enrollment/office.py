"""A town with a real authority behind it: everything that issuing and moving need, on one database."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from ca import authorities
from ca.directory import Directory
from ca.file_key import FileKeyStore
from ca.issuance import Registrar, Signer
from ca.parameters import Parameters
from ca.profiles import PROFILES, Variant
from ca.sealing import Cost
from enrollment import issuing, ledger
from enrollment.application import Application, ApplicationKind
from enrollment.card_keys import CardKeys
from enrollment.filing import MoveFiling, VerifiedFiling
from enrollment.issuing import Issuing
from enrollment.moves import FilingResult, Moves
from enrollment.person import PersonId
from enrollment.store import ledger as ledger_rows
from enrollment.store import work
from pki.algorithms import algorithm_for
from pki.certificate import parse_certificate
from pki.certification_request import assemble_request, certification_request_info
from pki.instant import Instant
from pki.purpose import Purpose
from tests.enrollment.folder_card import FolderCard
from tests.enrollment.town import AT, TOWN, found, resident, seen
from tests.support.chance import SeededOctets, SetClock

CARD_END = Instant.parse("2036-02-17T14:59:59Z")
PASSPHRASE = b"for tests only"


@dataclass
class Office:
    """The parts, and the short way through each procedure."""

    database: Any
    signer: Signer
    issuing: Issuing
    moves: Moves
    random: Callable[[int], bytes]
    folder: Path

    def card(self, card_id: str = "CARD0001") -> FolderCard:
        return FolderCard(self.folder / card_id, card_id, self.made)

    def made(self, card_id: str, purpose: Purpose, spki: bytes) -> None:
        """What whoever manages the cards tells of a key that it saw being made."""
        CardKeys(self.database, SetClock(AT)).made(card_id, purpose, spki)

    def filed(
        self,
        person: PersonId,
        at: Instant = AT,
        kind: ApplicationKind = ApplicationKind.FIRST_ISSUE,
        end: Instant = CARD_END,
    ) -> str:
        """An application, filed by one operator and approved by another."""
        evidence = seen(person, at=at)
        application = self.database.transaction(
            lambda conn: issuing.file(conn, kind, evidence, end, "clerk", at, self.random)
        )
        self.database.transaction(lambda conn: issuing.approve(conn, application.application, "boss", at))
        return str(application.application)

    def enrolled(self, at: Instant = AT, card_id: str = "CARD0001", **changes: Any) -> tuple[PersonId, FolderCard]:
        """A resident with certificates on a card."""
        person = self.database.transaction(lambda conn: resident(conn, self.random, at=at, **changes))
        card = self.card(card_id)
        self.issuing.continue_(self.filed(person, at), card, at)
        return person, card

    def request(self, card: FolderCard) -> bytes:
        """A new pending signature key's request."""
        spki = card.generate(Purpose.SIGNATURE)
        info = certification_request_info(spki)
        return assemble_request(info, algorithm_for(spki).oid, card.prove(Purpose.SIGNATURE, info))

    def verified(
        self, card: FolderCard, request: bytes, address: str, at: Instant = AT, town: str = TOWN, **changes: Any
    ) -> VerifiedFiling:
        """What a verifier that says PASSED hands on; the verifier itself is met in tests/web."""
        fields: dict[str, Any] = {
            "filing": self.random(16).hex(),
            "municipality": town,
            "address": address,
            "moved_on": at.jst_date(),
            "request_digest": hashlib.sha256(request).hexdigest(),
            "void_after": at + timedelta(days=1),
            **changes,
        }
        filing = MoveFiling(**fields)
        certificate = parse_certificate(card.read(Purpose.SIGNATURE) or b"")
        document = filing.document()
        signature = card.sign(Purpose.SIGNATURE, document)
        signer = certificate.fingerprint.hex()
        return VerifiedFiling(filing, document, signature, signer, f"{certificate.serial:x}", "{}", at)

    def move(self, card: FolderCard, address: str, at: Instant = AT, **fields: Any) -> FilingResult:
        """A whole remote move: new key, filing, acceptance, new certificate on the card."""
        request = self.request(card)
        verified = self.verified(card, request, address, at, **fields)
        result = self.moves.accept(verified, request, f"key-{verified.filing.filing}", at)
        assert result.certificate is not None
        card.install(Purpose.SIGNATURE, result.certificate, self.issuing.issuers[Purpose.SIGNATURE])
        return result

    def events(self, person: PersonId) -> Any:
        return self.database.read(lambda conn: ledger.history(conn, person))

    def certificates(self, person: PersonId) -> Any:
        return self.database.read(lambda conn: work.certificates_of(conn, person))

    def applications(self, person: PersonId) -> list[Application]:
        return list(self.database.read(lambda conn: work.applications_of(conn, person)))

    def chain_holds(self, person: PersonId) -> bool:
        return not self.database.read(
            lambda conn: ledger.verify(ledger_rows.events_of(conn, person), ledger_rows.stored_hashes(conn, person))
        )


def key_store(folder: Path, random: Callable[[int], bytes]) -> FileKeyStore:
    """The store in `folder`, made if it is not there."""
    if (folder / "store.json").exists():
        return FileKeyStore.unlock(folder, PASSPHRASE, random)
    return FileKeyStore.lock(folder, PASSPHRASE, random, cost=Cost(8, 1, 1))


def parts(database: Any, folder: Path, random: Callable[[int], bytes]) -> Office:
    """The parts over a database whose authorities exist already."""
    signer = Signer(key_store(folder / "keys", random), PROFILES)
    registrar = Registrar(PROFILES, Directory(), random)
    issuers = database.read(
        lambda conn: {purpose: Directory().active(conn, purpose).certificate.der for purpose in Purpose}
    )

    def sign(intent: Any, at: Instant) -> object:
        return signer.sign(database, intent, at)

    return Office(
        database,
        signer,
        Issuing(database, registrar, issuers, random, sign),
        Moves(database, registrar, random, sign),
        random,
        folder,
    )


def open_office(database: Any, folder: Path, seed: str, variant: Variant = Variant.NEXT, born: Instant = AT) -> Office:
    """A new deployment: both authorities, the town, its policy."""
    random = SeededOctets(seed)
    keys = key_store(folder / "keys", random)
    for purpose in Purpose:
        # as `next` does: a link certificate for the same key must fit too
        parameters = Parameters(ocsp_uri=f"http://status.test/ocsp/{purpose.value}-1", issuer_and_serial=False)
        authorities.create(database, keys, purpose, variant, born, random, parameters=parameters)
    database.transaction(found)
    return parts(database, folder, random)
