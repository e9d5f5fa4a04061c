"""What the desk's pages work with: handed in once, and the same for all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from enrollment import transfers
from enrollment.issuing import Issuing
from enrollment.person import PersonId
from enrollment.pin_reset import DEFAULT, PinResetRule
from enrollment.registry import Access, Field, View, look, look_all
from enrollment.store import Connection, Database
from enrollment.store import people as people_rows
from pki.instant import Clock, Instant
from web.desk.cards import ReaderCards
from web.desk.errands import Errands
from web.desk.notes import Paper
from web.desk.officer import Door, Officer
from web.errors import ReaderRefused
from web.readers.lines import Line
from web.store import desk as rows
from web.store.desk import NearMiss

LEGAL_BASIS = "公的個人認証法 3 条・22 条"


@dataclass(slots=True)
class Desk:
    """The parts. `cards` is None where no key for cards is (then work with cards says so). `training`: nothing counts,
    and every page and paper says it."""

    database: Database
    clock: Clock
    random: Callable[[int], bytes]
    door: Door
    issuing: Issuing
    cards: ReaderCards | None
    service: str
    """This service's own address, for codes on paper."""
    training: bool = False
    pin_rule: PinResetRule = DEFAULT
    """How permissions for new PINs are given."""
    errands: Errands = field(default_factory=Errands)
    paper: Paper | None = None
    """Where safe acts are noted while the database is away; None: nowhere."""
    unsigned_since: Callable[[], Instant | None] = lambda: None
    """Since when the oldest promised certificate waits for its signature."""

    def look(self, officer: Officer, person: PersonId, reason: str, fields: frozenset[Field]) -> View:
        """See these fields of somebody; the record that we look comes first. Errors: UnknownPerson, NotYours."""
        provider = self.provider(officer, person)
        return look(self.database, person, _access(officer, reason, fields, provider), self.clock.now(), self.random)

    def provider(self, officer: Officer, person: PersonId) -> str:
        """Whose record we look at: our own municipality's, or that of somebody whose transfer to us was announced."""
        return self.database.read(lambda conn: provider(conn, officer, person))

    def look_all(
        self, officer: Officer, people: Sequence[tuple[PersonId, str]], fields: frozenset[Field]
    ) -> list[View]:
        """The same for each person and reason, recorded together: a list costs what one look does."""
        keepers = self.database.read(lambda conn: [provider(conn, officer, one) for one, _ in people])
        looks = [
            (one, _access(officer, reason, fields, keeper))
            for (one, reason), keeper in zip(people, keepers, strict=True)
        ]
        return look_all(self.database, looks, self.clock.now(), self.random) if looks else []

    def residents_reader(self, officer: Officer) -> tuple[Line, str]:
        """The line and the one reader with a card that is not the officer's own.

        Errors: NotPaired, ReaderSilent; ReaderRefused without such a card, or with several.
        """
        line = self.door.line_of(officer.session)
        own = officer.session.row.fingerprint
        found = [
            one.reader for one in line.readers.readers if one.ours and (not one.fingerprint or one.fingerprint != own)
        ]
        if len(found) != 1:
            raise ReaderRefused("choose-reader" if found else "no-card")
        return line, found[0]

    def near_miss(self, officer: Officer, what: str) -> None:
        """Note that something nearly went wrong here."""
        operator = officer.operator
        miss = NearMiss(
            self.random(12).hex(), operator.owner, officer.counter.counter, operator.operator, self.clock.now(), what
        )
        self.database.transaction(lambda conn: rows.add_near_miss(conn, miss))


def provider(conn: Connection, officer: Officer, person: PersonId) -> str:
    """As `Desk.provider`, in the caller's transaction."""
    own = officer.operator.owner
    kept_by = people_rows.owner_of(conn, person)
    return kept_by if kept_by != own and transfers.announced(conn, person, own) is not None else own


def _access(officer: Officer, reason: str, fields: frozenset[Field], provider: str) -> Access:
    return Access("desk", reason, "jpki", provider, officer.place, fields, LEGAL_BASIS)
