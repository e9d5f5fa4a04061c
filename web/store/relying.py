"""Reading and writing what relying parties leave behind. Every function runs in the caller's transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pki.errors import Retryable
from pki.instant import Instant
from web.store.tables import (
    ASSERTIONS,
    CALLS,
    CHALLENGES,
    HANDLES,
    PARTIES,
    PARTY_CERTIFICATES,
    PARTY_KEYS,
    SEEN,
    USAGE,
    VERIFICATIONS,
)


def put_party(conn: Connection, party: str, registration: str, at: Instant) -> None:
    """Register `party`, or change its registration."""
    changed = conn.execute(
        update(PARTIES).where(PARTIES.c.party == party).values(registration=registration, ended_at=None)
    )
    if changed.rowcount == 0:
        conn.execute(insert(PARTIES).values(party=party, registration=registration, added_at=at.seconds))


def party_row(conn: Connection, party: str) -> str | None:
    """The registration of a party that has not ended."""
    query = select(PARTIES.c.registration).where(PARTIES.c.party == party, PARTIES.c.ended_at.is_(None))
    found: str | None = conn.execute(query).scalar_one_or_none()
    return found


def end_party(conn: Connection, party: str, at: Instant) -> None:
    """From now on the party is nobody."""
    conn.execute(update(PARTIES).where(PARTIES.c.party == party).values(ended_at=at.seconds))


def put_key(conn: Connection, party: str, kid: str, spki: str, at: Instant) -> None:
    """Add a key. Errors: IntegrityError becomes Retryable only by the caller; a kid is never reused."""
    conn.execute(insert(PARTY_KEYS).values(party=party, kid=kid, spki=spki, added_at=at.seconds))


def end_key(conn: Connection, party: str, kid: str, at: Instant) -> bool:
    """End a key; False if there was none."""
    ended = conn.execute(
        update(PARTY_KEYS)
        .where(PARTY_KEYS.c.party == party, PARTY_KEYS.c.kid == kid, PARTY_KEYS.c.ended_at.is_(None))
        .values(ended_at=at.seconds)
    )
    return ended.rowcount == 1


def keys_of(conn: Connection, party: str) -> dict[str, str]:
    """kid → SubjectPublicKeyInfo in base64, of the keys that have not ended."""
    query = select(PARTY_KEYS.c.kid, PARTY_KEYS.c.spki).where(
        PARTY_KEYS.c.party == party, PARTY_KEYS.c.ended_at.is_(None)
    )
    return {row.kid: row.spki for row in conn.execute(query)}


def put_certificate(conn: Connection, party: str, fingerprint: str, at: Instant) -> bool:
    """Add a client certificate; False if it was ever anybody's: one is never given to another party, nor revived."""
    return _is_new(conn, PARTY_CERTIFICATES, fingerprint=fingerprint, party=party, added_at=at.seconds)


def end_certificate(conn: Connection, party: str, fingerprint: str, at: Instant) -> bool:
    """End a client certificate; False if there was none."""
    table = PARTY_CERTIFICATES.c
    ended = conn.execute(
        update(PARTY_CERTIFICATES)
        .where(table.party == party, table.fingerprint == fingerprint, table.ended_at.is_(None))
        .values(ended_at=at.seconds)
    )
    return ended.rowcount == 1


def party_of_certificate(conn: Connection, fingerprint: str) -> str | None:
    """Whose client certificate that is, while it has not ended."""
    table = PARTY_CERTIFICATES.c
    query = select(table.party).where(table.fingerprint == fingerprint, table.ended_at.is_(None))
    found: str | None = conn.execute(query).scalar_one_or_none()
    return found


def is_first_use(conn: Connection, party: str, jti: str, expires: Instant, at: Instant) -> bool:
    """Note an assertion's id; False if it was used before. Expired ones are swept on the way."""
    conn.execute(delete(ASSERTIONS).where(ASSERTIONS.c.expires < at.seconds))
    return _is_new(conn, ASSERTIONS, party=party, jti=jti, expires=expires.seconds)


def count_use(conn: Connection, party: str, at: Instant) -> int:
    """One more request in this minute; how many there are now."""
    minute = at.seconds // 60
    here = (USAGE.c.party == party) & (USAGE.c.minute == minute)
    changed = conn.execute(update(USAGE).where(here).values(used=USAGE.c.used + 1))
    if changed.rowcount == 0:
        conn.execute(delete(USAGE).where(USAGE.c.party == party, USAGE.c.minute < minute))
        if not _is_new(conn, USAGE, party=party, minute=minute, used=1):
            raise Retryable
    return int(conn.execute(select(USAGE.c.used).where(here)).scalar_one())


def is_first_signature(
    conn: Connection, party: str, signature: str, verification: str, at: Instant, abandoned: Instant
) -> bool:
    """Note a signature's id for this party and verification; False if it was handed in before.

    A verification that ended without a verdict, or whose process died (it runs since before `abandoned`), told nobody
    anything: it gives its place up, to one of those who ask.
    """
    if _is_new(conn, SEEN, party=party, signature=signature, at=at.seconds, verification=verification):
        return True
    place = (SEEN.c.party == party) & (SEEN.c.signature == signature)
    holder = conn.execute(select(SEEN.c.verification).where(place)).scalar_one_or_none()
    if holder is None or holder == verification:
        return holder == verification
    row = conn.execute(
        select(VERIFICATIONS.c.state, VERIFICATIONS.c.created_at).where(VERIFICATIONS.c.id == holder)
    ).one_or_none()
    if row is None or row.state == "done" or (row.state == "running" and row.created_at > abandoned.seconds):
        return False
    taken = conn.execute(
        update(SEEN).where(place, SEEN.c.verification == holder).values(verification=verification, at=at.seconds)
    )
    return taken.rowcount == 1


def begin_verification(
    conn: Connection, id_: str, party: str, key: str | None, request_sha256: str, at: Instant
) -> bool:
    """Reserve an id (and the idempotency key) before anything is verified; False if the key is taken."""
    row = {"id": id_, "party": party, "created_at": at.seconds, "state": "running", "request_sha256": request_sha256}
    return _is_new(conn, VERIFICATIONS, idempotency_key=key, **row)


def finish_verification(conn: Connection, id_: str, answer: str, verdict: str | None) -> bool:
    """Store the answer; False if it was deleted meanwhile."""
    done = conn.execute(
        update(VERIFICATIONS).where(VERIFICATIONS.c.id == id_).values(state="done", answer=answer, verdict=verdict)
    )
    return done.rowcount == 1


def stage_verification(conn: Connection, id_: str, stage: str) -> None:
    """How far a verification has come, for whoever asks meanwhile."""
    conn.execute(update(VERIFICATIONS).where(VERIFICATIONS.c.id == id_).values(stage=stage))


def fail_verification(conn: Connection, id_: str, problem: str) -> None:
    """It came to no verdict; `problem` says why."""
    running = (VERIFICATIONS.c.id == id_) & (VERIFICATIONS.c.state == "running")
    conn.execute(update(VERIFICATIONS).where(running).values(state="failed", answer=problem))


def drop_verification(conn: Connection, party: str, id_: str) -> bool:
    """Delete for good, answer and verdict with it. One that failed gives back the signature that it had noted."""
    failed = select(VERIFICATIONS.c.id).where(
        VERIFICATIONS.c.party == party, VERIFICATIONS.c.id == id_, VERIFICATIONS.c.state == "failed"
    )
    conn.execute(delete(SEEN).where(SEEN.c.party == party, SEEN.c.verification.in_(failed)))
    gone = conn.execute(delete(VERIFICATIONS).where(VERIFICATIONS.c.party == party, VERIFICATIONS.c.id == id_))
    return gone.rowcount == 1


def verification(conn: Connection, party: str, id_: str) -> dict[str, Any] | None:
    """The row of this party with that id."""
    query = select(VERIFICATIONS).where(VERIFICATIONS.c.party == party, VERIFICATIONS.c.id == id_)
    row = conn.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def verification_by_key(conn: Connection, party: str, key: str) -> dict[str, Any] | None:
    """The row of this party with that idempotency key."""
    query = select(VERIFICATIONS).where(VERIFICATIONS.c.party == party, VERIFICATIONS.c.idempotency_key == key)
    row = conn.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def restart_verification(conn: Connection, id_: str, state: str, created_at: Instant, at: Instant) -> bool:
    """Take over a verification that failed or whose process died: only one of those who try succeeds."""
    taken = conn.execute(
        update(VERIFICATIONS)
        .where(
            VERIFICATIONS.c.id == id_,
            VERIFICATIONS.c.state == state,
            VERIFICATIONS.c.created_at == created_at.seconds,
        )
        .values(created_at=at.seconds, state="running", stage=None, answer=None)
    )
    return taken.rowcount == 1


def note_call(
    conn: Connection, party: str, id_: str, at: Instant, operation: str, reference: str, outcome: str
) -> None:
    """One line of the party's own call log: no content, no person."""
    conn.execute(
        insert(CALLS).values(
            party=party, id=id_, at=at.seconds, operation=operation, reference=reference, outcome=outcome
        )
    )


def calls_of(conn: Connection, party: str, before: Instant, limit: int) -> list[dict[str, Any]]:
    """The party's latest calls, newest first."""
    query = (
        select(CALLS)
        .where(CALLS.c.party == party, CALLS.c.at <= before.seconds)
        .order_by(CALLS.c.at.desc(), CALLS.c.id)
        .limit(limit)
    )
    return [dict(row) for row in conn.execute(query).mappings()]


def put_challenge(
    conn: Connection, id_: str, party: str, origin: str, nonce: str, expires: Instant, at: Instant
) -> None:
    """Hand out a challenge; expired ones are swept on the way."""
    conn.execute(delete(CHALLENGES).where(CHALLENGES.c.expires < at.seconds))
    conn.execute(insert(CHALLENGES).values(id=id_, party=party, origin=origin, nonce=nonce, expires=expires.seconds))


def take_challenge(conn: Connection, party: str, id_: str) -> tuple[str, str, Instant] | None:
    """Origin, nonce and end of a challenge, which is gone with this call."""
    here = (CHALLENGES.c.party == party) & (CHALLENGES.c.id == id_)
    row = conn.execute(select(CHALLENGES).where(here)).mappings().one_or_none()
    if row is None or conn.execute(delete(CHALLENGES).where(here)).rowcount != 1:
        return None
    return row["origin"], row["nonce"], Instant(row["expires"])


def keep_handle(conn: Connection, party: str, handle: str, subject: str) -> None:
    """Remember what a party's handle stands for; once known it stays."""
    _is_new(conn, HANDLES, party=party, handle=handle, subject=subject)


def subject_of(conn: Connection, party: str, handle: str) -> str | None:
    """What the handle stands for, to that party alone."""
    query = select(HANDLES.c.subject).where(HANDLES.c.party == party, HANDLES.c.handle == handle)
    found: str | None = conn.execute(query).scalar_one_or_none()
    return found


def handles_of(conn: Connection, party: str, kind: str, after: str, limit: int) -> list[str]:
    """Handles of the party that begin with `kind`, in order, those behind `after`."""
    handle = HANDLES.c.handle
    query = (
        select(handle)
        .where(HANDLES.c.party == party, handle.startswith(kind, autoescape=True), handle > after)
        .order_by(handle)
        .limit(limit)
    )
    return list(conn.execute(query).scalars())


def count_challenges(conn: Connection, party: str) -> int:
    """How many of the party's challenges are open."""
    return int(conn.execute(select(func.count()).where(CHALLENGES.c.party == party)).scalar_one())


def _is_new(conn: Connection, table: Table, **values: object) -> bool:
    """Insert a row unless its place is taken; whether it took it. The transaction goes on either way."""
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    first = dialect.insert(table).values(**values).on_conflict_do_nothing()
    return conn.execute(first.execution_options(preserve_rowcount=True)).rowcount == 1
