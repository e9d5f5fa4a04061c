"""The parts of the status plane, the same behind both of its HTTP faces (`jitsuin serve` and `jitsuin responder`)."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from ca.authority import Authority
from ca.directory import Database, Directory
from ca.journal_file import JournalFile
from ca.keys import KeyStore
from ca.ocsp import Access, Answer, AnswerPolicy, OpenAccess, Responder
from ca.ocsp_access import RegisteredOnly
from ca.ocsp_delegates import StoredDelegates
from ca.ocsp_references import CrlReferences
from ca.status import Continuity, LiveStatus, StatusSource
from cli.keys import open_responder_keys
from cli.settings import Settings
from pki.errors import Error
from pki.instant import Clock, Instant

if TYPE_CHECKING:
    from verifier.fetch import Fetcher

log = logging.getLogger("jitsuin.status")

LOOK_AGAIN = timedelta(seconds=5)
"""How soon after a look for an unknown authority the next one may follow."""


def answer_policy(settings: Settings) -> AnswerPolicy:
    """How long answers hold and what they carry."""
    table = settings.status
    minutes = timedelta(minutes=table.ocsp_minutes)
    ahead = timedelta(hours=table.presign_hours) or AnswerPolicy().presigned_validity
    days = timedelta(days=table.ocsp_archive_days)
    return AnswerPolicy(minutes, max(minutes, ahead), days or None)


def access_of(settings: Settings, database: Database, authority: str, random: Callable[[int], bytes]) -> Access:
    """Who is answered about an authority's certificates: everybody, or the relying parties that are registered now
    (`jitsuin party`), each after the person's record says so."""
    if settings.status.ocsp_access == "open":
        return OpenAccess()
    from web.party_ocsp import OcspParties
    from web.subjects import RegisteredSubjects

    parties = OcspParties(database, RegisteredSubjects(database, random))
    return RegisteredOnly(parties.knows, partial(parties.record, authority))


def references_of(settings: Settings, database: Database) -> CrlReferences | None:
    """What names the CRL in answers about revoked certificates, where the settings ask for it."""
    if not settings.status.ocsp_crl_references:
        return None
    public = settings.public_url
    return CrlReferences(database, lambda authority, number: f"{public}/crl/{authority}/full-{number}.crl")


@dataclass(slots=True)
class StatusPlane:
    """Everything that makes a responder for an authority; the responders' keys, never an authority's."""

    settings: Settings
    database: Database
    keys: KeyStore
    alarm: Callable[[Error], None]
    random: Callable[[int], bytes]
    directory: Directory = field(default_factory=Directory)

    @classmethod
    def open(
        cls, settings: Settings, database: Database, random: Callable[[int], bytes], alarm: Callable[[Error], None]
    ) -> "StatusPlane":
        """Errors: SecretMissing, KeyStoreError."""
        return cls(settings, database, open_responder_keys(settings, random), alarm, random)

    def continuity(self) -> Continuity:
        """Beginning with what the journal file knows."""
        return Continuity.of(JournalFile(self.settings.path(self.settings.status.journal)))

    def authorities(self) -> list[Authority]:
        """Those that have a root certificate, now."""
        return [one for one in self.database.read(self.directory.all) if one.certificate is not None]

    def delegates(self, authority: Authority) -> StoredDelegates:
        """The responder certificates of an authority, as they are renewed."""
        return StoredDelegates(self.database, self.keys, authority)

    def responder(self, authority: Authority, source: StatusSource) -> Responder:
        """The responder of one authority over a source of statuses."""
        assert authority.certificate is not None
        references = references_of(self.settings, self.database)
        return Responder(
            authority.id,
            authority.certificate,
            self.delegates(authority),
            source,
            answer_policy(self.settings),
            access_of(self.settings, self.database, authority.id, self.random),
            self.alarm,
            None if references is None else references.one,
        )


class Responders(Mapping[str, "Counted"]):
    """Every authority's live responder by id. One that is not known yet is looked for: a new generation that a ceremony
    made is answered for without a restart. Strangers who make up ids cause one look in five seconds, no more."""

    def __init__(self, plane: StatusPlane, clock: Clock) -> None:
        self._plane, self._clock = plane, clock
        self._source = LiveStatus(plane.database, plane.continuity())
        self._known: dict[str, Counted] = {}
        self._looked: Instant | None = None
        self._lock = Lock()
        self._look()

    def __getitem__(self, authority: str) -> "Counted":
        found = self._known.get(authority)
        if found is None:
            with self._lock:
                now = self._clock.now()
                if self._looked is None or now >= self._looked + LOOK_AGAIN:
                    self._looked = now
                    self._look()
            found = self._known[authority]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def _look(self) -> None:
        for authority in self._plane.authorities():
            if authority.id not in self._known:
                self._known[authority.id] = Counted(self._plane.responder(authority, self._source))


class Counted:
    """A responder that counts what it answered, by the OCSP status and nothing else."""

    def __init__(self, responder: Responder) -> None:
        self.responder = responder
        self.answered: Counter[str] = Counter()
        self._lock = Lock()

    def respond(self, octets: bytes, at: Instant, client: str | None) -> Answer:
        """As the responder does."""
        answer = self.responder.respond(octets, at, client)
        outcome = "successful" if answer.this_update is not None else _OUTCOMES.get(answer.der[-1], "other")
        with self._lock:
            self.answered[outcome] += 1
        return answer


_OUTCOMES = {
    1: "malformedRequest",
    2: "internalError",
    3: "tryLater",
    5: "sigRequired",
    6: "unauthorized",
}
"""The last octet of an unsuccessful response is its status."""


class OwnOcsp:
    """A fetcher that asks this process's own responders without a way through the public door.

    Where only registered parties are answered, the deployment's verifier would be a stranger at its own door.
    """

    def __init__(self, outer: "Fetcher", responders: Responders, public_url: str, clock: Clock) -> None:
        self._outer, self._responders, self._clock = outer, responders, clock
        self._prefix = f"{public_url}/ocsp/"

    def get(self, url: str) -> bytes:
        """As the outer fetcher."""
        return self._outer.get(url)

    def post(self, url: str, body: bytes, content_type: str) -> bytes:
        """The answer of our own responder, or what the outer fetcher brings."""
        found = self._responders.get(url.removeprefix(self._prefix)) if url.startswith(self._prefix) else None
        if found is None:
            return self._outer.post(url, body, content_type)
        return replace(found.responder, access=OpenAccess()).answer(body, self._clock.now())
