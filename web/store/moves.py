"""Drafts of households' moves, and the consents to them."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from pki.instant import Instant
from web.store.tables_moves import AGREED, DRAFTS


@dataclass(frozen=True, slots=True)
class Draft:
    """A move that is to be filed. `roster`: who lives together, as the municipality told, id → relation.

    `state`: made, signed, filing, filed or withdrawn. As secret as the address in it.
    """

    filing: str
    filer: str
    owner: str
    document: bytes
    signature: bytes | None
    state: str
    roster: dict[str, str]
    made_at: Instant
    void_after: Instant

    def __repr__(self) -> str:
        return f"Draft({self.filing}, {self.state})"


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a grown-up member is asked to sign; `signature` once they have."""

    filing: str
    person: str
    document: bytes
    signature: bytes | None

    def __repr__(self) -> str:
        return f"Agreed({self.filing}, {self.signature is not None})"


def _draft(row: Any) -> Draft:
    return Draft(
        row.filing,
        row.filer,
        row.owner,
        bytes(row.document),
        None if row.signature is None else bytes(row.signature),
        row.state,
        json.loads(row.roster),
        Instant(row.made_at),
        Instant(row.void_after),
    )


def add(conn: Connection, draft: Draft, asked: list[Agreed]) -> None:
    """A new draft, with the consents that it asks for."""
    conn.execute(
        insert(DRAFTS).values(
            filing=draft.filing,
            filer=draft.filer,
            owner=draft.owner,
            document=draft.document,
            signature=draft.signature,
            state=draft.state,
            roster=json.dumps(draft.roster, sort_keys=True),
            made_at=draft.made_at.seconds,
            void_after=draft.void_after.seconds,
        )
    )
    for one in asked:
        conn.execute(insert(AGREED).values(filing=one.filing, person=one.person, document=one.document, signature=None))


def find(conn: Connection, filing: str) -> Draft | None:
    """The draft of that id."""
    row = conn.execute(select(DRAFTS).where(DRAFTS.c.filing == filing)).one_or_none()
    return None if row is None else _draft(row)


def of_filer(conn: Connection, filer: str) -> list[Draft]:
    """Somebody's drafts, newest first."""
    query = select(DRAFTS).where(DRAFTS.c.filer == filer).order_by(DRAFTS.c.made_at.desc(), DRAFTS.c.filing)
    return [_draft(row) for row in conn.execute(query)]


def asked_of(conn: Connection, person: str, at: Instant) -> list[tuple[Draft, Agreed]]:
    """The moves that wait for this person's consent."""
    query = (
        select(DRAFTS)
        .join(AGREED, AGREED.c.filing == DRAFTS.c.filing)
        .where(
            AGREED.c.person == person,
            AGREED.c.signature.is_(None),
            DRAFTS.c.state.in_(("made", "signed")),
            DRAFTS.c.void_after >= at.seconds,
        )
        .order_by(DRAFTS.c.made_at)
    )
    drafts = [_draft(row) for row in conn.execute(query)]
    return [(draft, next(one for one in consents(conn, draft.filing) if one.person == person)) for draft in drafts]


def consents(conn: Connection, filing: str) -> list[Agreed]:
    """The consents that a draft asks for."""
    query = select(AGREED).where(AGREED.c.filing == filing).order_by(AGREED.c.person)
    return [
        Agreed(row.filing, row.person, bytes(row.document), None if row.signature is None else bytes(row.signature))
        for row in conn.execute(query)
    ]


def advance(conn: Connection, filing: str, was: str, now: str, signature: bytes | None = None) -> bool:
    """From one state to the next; False if it was elsewhere already."""
    values: dict[str, Any] = {"state": now} if signature is None else {"state": now, "signature": signature}
    where = (DRAFTS.c.filing == filing, DRAFTS.c.state == was)
    return conn.execute(update(DRAFTS).where(*where).values(**values)).rowcount == 1


def agree(conn: Connection, filing: str, person: str, signature: bytes) -> bool:
    """A member's signature; False if it was not asked for, or is there already."""
    where = (AGREED.c.filing == filing, AGREED.c.person == person, AGREED.c.signature.is_(None))
    return conn.execute(update(AGREED).where(*where).values(signature=signature)).rowcount == 1


def forget(conn: Connection, filing: str) -> None:
    """Destroy the documents and signatures of a draft that is over; that there was one stays, and who was asked."""
    conn.execute(update(AGREED).where(AGREED.c.filing == filing).values(document=b"", signature=b""))
    conn.execute(update(DRAFTS).where(DRAFTS.c.filing == filing).values(document=b"", signature=None))
