"""Browser sessions, passkeys and one-time codes. Every function runs in the caller's transaction.

A session is kept under the SHA-256 of its cookie: who reads this table can be nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from pki.instant import Instant
from web.store.tables_pages import LOGIN_CODES, PASSKEYS, SESSIONS


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session. `realm`: which pages; `subject`: who (empty before log-in); `fingerprint`: of their certificate."""

    id: str
    handle: str
    realm: str
    subject: str
    fingerprint: str
    method: str
    created_at: Instant
    seen_at: Instant
    expires_at: Instant


def add_session(conn: Connection, row: SessionRow) -> None:
    """A new session."""
    conn.execute(
        insert(SESSIONS).values(
            id=row.id,
            handle=row.handle,
            realm=row.realm,
            subject=row.subject,
            fingerprint=row.fingerprint,
            method=row.method,
            created_at=row.created_at.seconds,
            seen_at=row.seen_at.seconds,
            expires_at=row.expires_at.seconds,
            ended_because="",
        )
    )


def session_row(conn: Connection, id_: str, realm: str, at: Instant) -> SessionRow | None:
    """The session, if it has neither ended nor expired."""
    s = SESSIONS.c
    query = select(SESSIONS).where(s.id == id_, s.realm == realm, s.ended_at.is_(None), s.expires_at > at.seconds)
    row = conn.execute(query).mappings().one_or_none()
    return None if row is None else _session(row)


def _session(row: Any) -> SessionRow:
    return SessionRow(
        row["id"],
        row["handle"],
        row["realm"],
        row["subject"],
        row["fingerprint"],
        row["method"],
        Instant(row["created_at"]),
        Instant(row["seen_at"]),
        Instant(row["expires_at"]),
    )


def touch_session(conn: Connection, id_: str, at: Instant, until: Instant) -> None:
    """It was used: it lives until `until`."""
    conn.execute(update(SESSIONS).where(SESSIONS.c.id == id_).values(seen_at=at.seconds, expires_at=until.seconds))


def end_session(conn: Connection, handle: str, at: Instant, because: str) -> bool:
    """End a session; False if it had ended."""
    s = SESSIONS.c
    done = conn.execute(
        update(SESSIONS)
        .where(s.handle == handle, s.ended_at.is_(None))
        .values(ended_at=at.seconds, ended_because=because)
    )
    return done.rowcount == 1


def session_by_handle(conn: Connection, handle: str) -> SessionRow | None:
    """A session that has not ended, by its handle."""
    query = select(SESSIONS).where(SESSIONS.c.handle == handle, SESSIONS.c.ended_at.is_(None))
    row = conn.execute(query).mappings().one_or_none()
    return None if row is None else _session(row)


def forget_sessions(conn: Connection, before: Instant) -> int:
    """Delete sessions that were over before then; how many."""
    return conn.execute(delete(SESSIONS).where(SESSIONS.c.expires_at < before.seconds)).rowcount


def add_passkey(
    conn: Connection, credential: str, realm: str, subject: str, public_key: str, sign_count: int, at: Instant
) -> None:
    """Register a passkey."""
    conn.execute(
        insert(PASSKEYS).values(
            credential=credential,
            realm=realm,
            subject=subject,
            public_key=public_key,
            sign_count=sign_count,
            added_at=at.seconds,
        )
    )


def passkey(conn: Connection, realm: str, credential: str) -> tuple[str, str, int] | None:
    """Subject, public key and counter of a passkey."""
    p = PASSKEYS.c
    row = conn.execute(
        select(p.subject, p.public_key, p.sign_count).where(p.realm == realm, p.credential == credential)
    ).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


def passkeys_of(conn: Connection, realm: str, subject: str) -> list[str]:
    """The passkeys of somebody."""
    p = PASSKEYS.c
    return list(conn.execute(select(p.credential).where(p.realm == realm, p.subject == subject)).scalars())


def passkey_used(conn: Connection, credential: str, was: int, now: int) -> bool:
    """Move its counter on; False if somebody else did meanwhile."""
    p = PASSKEYS.c
    done = conn.execute(update(PASSKEYS).where(p.credential == credential, p.sign_count == was).values(sign_count=now))
    return done.rowcount == 1


def add_login_code(conn: Connection, id_: str, subject: str, issued_by: str, expires: Instant) -> None:
    """A one-time code, under its hash."""
    conn.execute(
        insert(LOGIN_CODES).values(
            id=id_, subject=subject, issued_by=issued_by, expires_at=expires.seconds, used_at=None
        )
    )


def login_code_of(conn: Connection, id_: str, at: Instant) -> str | None:
    """Whose code it is, if it is still worth a log-in."""
    c = LOGIN_CODES.c
    found = select(c.subject).where(c.id == id_, c.used_at.is_(None), c.expires_at > at.seconds)
    return conn.execute(found).scalar_one_or_none()


def use_login_code(conn: Connection, id_: str, at: Instant) -> str | None:
    """Whose code it is, once, before it expires."""
    c = LOGIN_CODES.c
    done = conn.execute(
        update(LOGIN_CODES)
        .where(c.id == id_, c.used_at.is_(None), c.expires_at > at.seconds)
        .values(used_at=at.seconds)
    )
    if done.rowcount != 1:
        return None
    return str(conn.execute(select(c.subject).where(c.id == id_)).scalar_one())
