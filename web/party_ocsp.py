"""A registered party asks for a status by OCSP, where all have to say who they are: the person can read that it did.

Where everybody is answered (`status.ocsp_access = "open"`), nobody says who they are, and nothing is written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ca import inventory
from pki.errors import InvalidValue
from pki.instant import Instant
from pki.serial import SerialNumber
from web.errors import NotAuthenticated
from web.parties import RelyingParty
from web.party_status import AFFAIRS
from web.store import Connection, Database
from web.store import relying as rows
from web.subjects import Subjects


@dataclass(frozen=True, slots=True)
class OcspParties:
    """The parties that a responder answers, by their client certificates. Safe for threads."""

    database: Database
    subjects: Subjects

    def knows(self, fingerprint: str) -> bool:
        """Whether the certificate with this SHA-256 (in hex) is a registered party's and has not ended."""
        return self._party(fingerprint) is not None

    def record(self, authority: str, fingerprint: str, serials: Sequence[int], at: Instant) -> None:
        """Write into the record of each person whose certificate is asked about who asks; durable when it returns.

        Serials that are nobody's leave nothing. Errors: NotAuthenticated where the registration ended meanwhile.
        """
        party = self._party(fingerprint)
        if party is None:
            raise NotAuthenticated("the certificate is not registered")
        for person in sorted(set(self._people(authority, serials, at))):
            self.subjects.record(person, party, AFFAIRS, frozenset(), at, party.legal_basis)

    def _people(self, authority: str, serials: Sequence[int], at: Instant) -> Iterator[str]:
        for serial in serials:
            try:
                asked = inventory.Query(authority=authority, serial=SerialNumber(serial))
            except InvalidValue:
                continue  # no authority ever gave such a number
            for listed in inventory.search(self.database, asked, at, limit=1):
                person = self.subjects.person_of(bytes.fromhex(listed.fingerprint))
                if person is not None:
                    yield person

    def _party(self, fingerprint: str) -> RelyingParty | None:
        def body(conn: Connection) -> RelyingParty | None:
            party = rows.party_of_certificate(conn, fingerprint)
            row = None if party is None else rows.party_row(conn, party)
            return None if party is None or row is None else RelyingParty.from_json(party, row)

        return self.database.read(body)
