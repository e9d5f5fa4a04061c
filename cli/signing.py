"""The signing process's work: what is stored and linted gets signed, CRLs and responders are renewed in time."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ca.authorities import renew_responders
from ca.crl_schedule import DROPPED_AT_ONCE, CrlMaker
from ca.errors import KeyStoreError
from ca.issuance import Signer
from ca.journal_file import JournaledDatabase, JournalFile
from ca.keys import KeyStore
from ca.profiles import PROFILES
from cli.database import Database
from cli.keys import open_authority_keys, open_responder_keys
from cli.logs import open_logs
from cli.publishing import keep_crls, make_crl_maker
from cli.settings import Settings
from cli.tally import Tally, signing_file
from pki.errors import Error
from pki.instant import Instant
from transparency.log import Log

log = logging.getLogger("jitsuin.signing")

HOUSEKEEPING = timedelta(seconds=5)
"""How often it is asked whether a CRL or a responder is due."""
SAYING = timedelta(seconds=10)
"""How often the same failure is logged."""
SWEEPING = timedelta(hours=1)
"""How often ended CRLs are looked for."""
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
    keep: timedelta | None = None
    """How long CRLs are kept after their end; None for ever."""
    metrics: Path | None = None
    """The file that the numbers are written into."""
    tally: Tally = field(default_factory=Tally)
    _at: Instant = field(default=Instant(0))
    _said: dict[str, Instant] = field(default_factory=dict)
    _next: Instant = field(default=Instant(0))
    _logged: Instant = field(default=Instant(0))
    _swept: Instant = field(default=Instant(0))

    def work(self, at: Instant) -> int:
        """One round; how many certificates were signed. What failed is logged, the same thing at most every
        `SAYING`, and tried again next time.

        The logs get their next checkpoints once a second: so soon everybody can see what was recorded about them.
        """
        self._at = at
        if at >= self._next:
            self._next = at + HOUSEKEEPING
            self._keep_house(at)
        if at > self._logged:
            self._logged = at
            for one in self.logs:
                self._attempt(lambda one=one: one.sequence(at).size)  # type: ignore[misc]
        signed = self._attempt(lambda: self.signer.sign_pending(self.database, at))
        self.tally.signed += signed
        return signed

    def _keep_house(self, at: Instant) -> None:
        """Each by itself: a token that is away for one thing holds up no other."""
        self._attempt(lambda: self._renew(at))
        self._attempt(lambda: self._publish(at))
        if self.keep is not None and at >= self._swept + SWEEPING:
            keep = self.keep
            if self._attempt(lambda: self.crls.drop_ended(at, keep)) < DROPPED_AT_ONCE:
                self._swept = at
        if self.metrics is not None:
            try:
                self.tally.write(self.metrics, at)
            except OSError as error:
                log.error("no metrics written: %s", error.strerror)

    def _attempt(self, what: Callable[[], int]) -> int:
        try:
            return what()
        except Error as error:
            self._say(str(error))
            self.tally.failed(error, key_store=isinstance(error, KeyStoreError))
            return 0

    def _say(self, text: str) -> None:
        """A database that is away is met in every round, twenty times a second."""
        said = {one: at for one, at in self._said.items() if self._at < at + SAYING}
        if text not in said:
            log.error("%s", text)
            said[text] = self._at
        self._said = said

    def _renew(self, at: Instant) -> int:
        return len(renew_responders(self.database, self.keys, self.responder_keys, at, self.random, RENEW_AHEAD))

    def _publish(self, at: Instant) -> int:
        made = self.crls.run(at)
        for signed in made:
            row = signed.row
            self.tally.crls[row.kind] += 1
            log.info("published %s CRL %d of %s/%s", row.kind, row.number, row.issuer, row.partition)
        return len(made)


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
            keep_crls(settings),
            None if settings.service.metrics_listen is None else signing_file(settings),
        )
    finally:
        database.close()
