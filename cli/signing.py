"""The signing process's work: what is stored and linted gets signed, CRLs and responders are renewed in time."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from ca.authorities import renew_responders
from ca.crl_schedule import CrlMaker
from ca.issuance import Signer
from ca.journal_file import JournaledDatabase, JournalFile
from ca.keys import KeyStore
from ca.profiles import PROFILES
from cli.database import Database
from cli.keys import open_authority_keys, open_responder_keys
from cli.logs import open_logs
from cli.publishing import make_crl_maker
from cli.settings import Settings
from pki.errors import Error
from pki.instant import Instant
from transparency.log import Log

log = logging.getLogger("jitsuin.signing")

HOUSEKEEPING = timedelta(seconds=5)
"""How often it is asked whether a CRL or a responder is due."""
RENEW_AHEAD = timedelta(days=7)
"""A responder is renewed so long before its certificate ends."""


@dataclass(slots=True)
class Signing:
    """Everything that the signing process has: the database, the keys, the shelf for CRLs. It listens to nobody."""

    database: JournaledDatabase
    signer: Signer
    crls: CrlMaker
    keys: KeyStore
    responder_keys: KeyStore
    logs: list[Log]
    random: Callable[[int], bytes]
    _next: Instant = field(default=Instant(0))
    _logged: Instant = field(default=Instant(0))

    def work(self, at: Instant) -> int:
        """One round; how many certificates were signed. What failed is logged by its code and tried again next time.

        The logs get their next checkpoints once a second: so soon everybody can see what was recorded about them.
        """
        if at >= self._next:
            self._next = at + HOUSEKEEPING
            self._attempt(lambda: self._renew(at))
        if at > self._logged:
            self._logged = at
            for one in self.logs:
                self._attempt(lambda one=one: one.sequence(at).size)  # type: ignore[misc]
        return self._attempt(lambda: self.signer.sign_pending(self.database, at))

    def _attempt(self, what: Callable[[], int]) -> int:
        try:
            return what()
        except Error as error:
            log.error("%s", error)
            return 0

    def _renew(self, at: Instant) -> int:
        renewed = renew_responders(self.database, self.keys, self.responder_keys, at, self.random, RENEW_AHEAD)
        for signed in self.crls.run(at):
            row = signed.row
            log.info("published %s CRL %d of %s/%s", row.kind, row.number, row.issuer, row.partition)
        return len(renewed)


@contextmanager
def open_signing(settings: Settings, random: Callable[[int], bytes]) -> Iterator[Signing]:
    """Open database and keys of a deployment. Errors: DatabaseNewer, DatabaseOutdated, SecretMissing, KeyStoreError."""
    database = Database(settings.database_url)
    try:
        database.check()
        journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
        keys = open_authority_keys(settings, random)
        yield Signing(
            journaled,
            Signer(keys, PROFILES),
            make_crl_maker(settings, journaled, keys, random(8).hex()),
            keys,
            open_responder_keys(settings, random),
            open_logs(settings, journaled),
            random,
        )
    finally:
        database.close()
