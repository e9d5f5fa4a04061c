"""An operator at a terminal: the deployment's database, the operator named by --as, and what their key signs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from ca.keys import SigningKey
    from cli.settings import Settings
    from enrollment.act import What
    from enrollment.evidence import DocumentSeen, InPersonEvidence
    from enrollment.operators import Operator
    from enrollment.person import PersonId
    from enrollment.store import Connection, Database
    from pki.instant import Instant

T = TypeVar("T")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The deployment's folder.")]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="The person's opaque id, 32 hex digits.")]
As = Annotated[str, typer.Option("--as", metavar="OPERATOR", help="Who does it, at their own desk.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Documents = Annotated[
    list[str],
    typer.Option("--document", metavar="KIND[:DAY]", help="A document shown, and the day on which it expires; repeat."),
]
Photo = Annotated[bool, typer.Option("--photo", help="The face was compared with a document's photo.")]


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command needs. `operator` is there with --as.

    `open_key`: the operator's key file, for who has no card; opened when something is to be signed, for opening costs.
    """

    settings: "Settings"
    database: "Database"
    at: "Instant"
    random: Callable[[int], bytes]
    officer: "Operator | None"
    open_key: "Callable[[], SigningKey | None]"

    @property
    def operator(self) -> "Operator":
        """The operator. Errors: UnknownOperator if none was named."""
        from enrollment.errors import UnknownOperator

        if self.officer is None:
            raise UnknownOperator("")
        return self.officer

    @property
    def owner(self) -> str:
        """The municipality: the operator's, or the deployment's own."""
        return self.officer.owner if self.officer else self.settings.municipality.code

    def sign(self, conn: "Connection", what: "What", subject: str, content: str) -> None:
        """Record the operator's signed act, if their key is at hand; where one is demanded the act itself says so."""
        from enrollment import acts

        key = self.open_key()
        if key is not None:
            act = acts.prepare(self.operator, what, subject, content, self.at, self.random)
            acts.record(conn, acts.SignedAct(act, key.sign(act.to_be_signed())), self.at)

    def evidence(self, person: "PersonId", documents: list[str], *, photo: bool) -> "InPersonEvidence":
        """What the operator saw, signed if their key is at hand. Errors: InvalidValue for a document nobody knows."""
        from enrollment.evidence import InPersonEvidence

        seen = InPersonEvidence(
            person=person,
            presented_by=person,
            counter=self.operator.counter,
            officer=self.operator.operator,
            at=self.at,
            documents=tuple(map(document_seen, documents)),
            photo_matched=photo,
        )
        key = self.open_key()
        return seen if key is None else replace(seen, signature=key.sign(seen.to_be_signed()))

    def do(self, body: "Callable[[Connection], T]") -> T:
        """Run one act in one transaction."""
        return self.database.transaction(body)


def document_seen(text: str) -> "DocumentSeen":
    """Read driving-licence:令和10年3月31日, or pension-handbook. Errors: InvalidValue."""
    from enrollment.evidence import CATALOGUE, DocumentSeen
    from enrollment.wareki import parse_day
    from pki.errors import InvalidValue

    kind, _, day = text.partition(":")
    if kind not in CATALOGUE:
        raise InvalidValue(f"a document is one of {', '.join(CATALOGUE)}")
    expires: date | None = parse_day(day) if day else None
    return DocumentSeen(kind, expires)


@contextmanager
def open_desk(folder: Path, operator: str | None = None) -> Iterator[Desk]:
    """The desk of a deployment. Errors: SettingsMissing and the like; UnknownOperator."""
    import secrets
    from functools import cache

    from ca.errors import KeyUnavailable
    from ca.journal_file import JournaledDatabase, JournalFile
    from cli.clock import SystemClock
    from cli.database import Database
    from cli.errors import SecretMissing
    from cli.keys import open_operator_keys
    from cli.settings import load_settings
    from enrollment.store import people

    settings = load_settings(folder)
    database = Database(settings.database_url)
    try:
        database.check()
        journaled = JournaledDatabase(database, JournalFile(settings.path(settings.status.journal)))
        found = database.read(lambda conn: people.operator_of(conn, operator)) if operator is not None else None

        @cache
        def open_key() -> "SigningKey | None":
            try:
                return open_operator_keys(settings, secrets.token_bytes).open(str(operator))
            except (KeyUnavailable, SecretMissing):
                return None  # a real operator's key is on their card, and their acts come from the desk's page

        yield Desk(settings, journaled, SystemClock().now(), secrets.token_bytes, found, open_key)
    finally:
        database.close()


def tell(told: dict[str, Any], text: str, *, as_json: bool) -> None:
    """One JSON object, or the text for people."""
    import json

    print(json.dumps(told, ensure_ascii=False) if as_json else text)
