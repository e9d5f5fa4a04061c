"""Statements for people who look through what was issued: pages, exports, counts."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, literal, or_, select

from ca.store.tables import AUTHORITIES, BLOCKED_KEYS, CERTIFICATES, INTENTS, RESPONDERS, REVOCATIONS

_HOLD = 6

Conditions = Sequence[ColumnElement[bool]]


def conditions(
    *,
    issuer: str | None = None,
    serial: str | None = None,
    profile: str | None = None,
    owner: str | None = None,
    card_id: str | None = None,
    fingerprint: str | None = None,
    issued_from: int | None = None,
    issued_until: int | None = None,
    expires_from: int | None = None,
    expires_until: int | None = None,
    state: str | None = None,
    at: int = 0,
) -> list[ColumnElement[bool]]:
    """What a search asks for; None asks nothing. `state` is worked out at `at`."""
    found: list[ColumnElement[bool]] = []
    for column, value in (
        (CERTIFICATES.c.issuer, issuer),
        (CERTIFICATES.c.serial, serial),
        (CERTIFICATES.c.profile, profile),
        (CERTIFICATES.c.owner, owner),
        (CERTIFICATES.c.card_id, card_id),
        (CERTIFICATES.c.fingerprint, fingerprint),
    ):
        if value is not None:
            found.append(column == value)
    if issued_from is not None:
        found.append(CERTIFICATES.c.issued_at >= issued_from)
    if issued_until is not None:
        found.append(CERTIFICATES.c.issued_at <= issued_until)
    if expires_from is not None:
        found.append(CERTIFICATES.c.not_after >= expires_from)
    if expires_until is not None:
        found.append(CERTIFICATES.c.not_after <= expires_until)
    if state is not None:
        found.append(_state(at) == state)
    return found


def _state(at: int) -> ColumnElement[str]:
    """The same table as `ca.lifecycle.certificate_state`, for issued certificates; a test compares the two."""
    return case(
        (REVOCATIONS.c.reason == _HOLD, literal("on-hold")),
        (REVOCATIONS.c.reason.is_not(None), literal("revoked")),
        (CERTIFICATES.c.not_after < at, literal("expired")),
        else_=literal("valid"),
    )


def _joined(at: int, *columns: Any) -> Select[Any]:
    join = CERTIFICATES.outerjoin(
        REVOCATIONS,
        and_(REVOCATIONS.c.issuer == CERTIFICATES.c.issuer, REVOCATIONS.c.serial == CERTIFICATES.c.serial),
    )
    return select(*columns, _state(at).label("state")).select_from(join)


_LISTED = (
    CERTIFICATES.c.issuer,
    CERTIFICATES.c.serial,
    CERTIFICATES.c.profile,
    CERTIFICATES.c.assurance,
    CERTIFICATES.c.owner,
    CERTIFICATES.c.card_id,
    CERTIFICATES.c.partition,
    CERTIFICATES.c.not_before,
    CERTIFICATES.c.not_after,
    CERTIFICATES.c.issued_at,
    CERTIFICATES.c.fingerprint,
    REVOCATIONS.c.at.label("revoked_at"),
    REVOCATIONS.c.reason,
    REVOCATIONS.c.invalidity_date,
)


def page(
    conn: Connection, wanted: Conditions, at: int, after: tuple[int, str, str] | None, limit: int, *, der: bool = False
) -> Sequence[Row[Any]]:
    """The next `limit` certificates behind `after` (issued_at, issuer, serial), in that order, oldest first.

    By key, not by offset: a page stays right while others are issued, and the last page is as quick as the first.
    """
    columns = (*_LISTED, CERTIFICATES.c.der) if der else _LISTED
    statement = _joined(at, *columns).where(*wanted)
    if after is not None:
        issued, issuer, serial = after
        statement = statement.where(
            or_(
                CERTIFICATES.c.issued_at > issued,
                and_(CERTIFICATES.c.issued_at == issued, CERTIFICATES.c.issuer > issuer),
                and_(
                    CERTIFICATES.c.issued_at == issued,
                    CERTIFICATES.c.issuer == issuer,
                    CERTIFICATES.c.serial > serial,
                ),
            )
        )
    order = (CERTIFICATES.c.issued_at, CERTIFICATES.c.issuer, CERTIFICATES.c.serial)
    return conn.execute(statement.order_by(*order).limit(limit)).all()


def counts(conn: Connection, at: int) -> Iterator[tuple[str, str, str, int]]:
    """How many certificates there are by issuer, profile and state."""
    each = _joined(at, CERTIFICATES.c.issuer, CERTIFICATES.c.profile).subquery()
    columns = (each.c.issuer, each.c.profile, each.c.state)
    statement = select(*columns, func.count().label("number")).group_by(*columns).order_by(*columns)
    for row in conn.execute(statement):
        yield row.issuer, row.profile, row.state, row.number


def expiring(conn: Connection, at: int, until: int) -> int:
    """How many certificates that are valid now end until `until`."""
    ending = _joined(at).where(CERTIFICATES.c.not_after <= until).subquery()
    return int(conn.execute(select(func.count()).where(ending.c.state == "valid")).scalar_one())


def issued_since(conn: Connection, since: int) -> int:
    """How many were issued since."""
    return int(conn.execute(select(func.count()).where(CERTIFICATES.c.issued_at >= since)).scalar_one())


def waiting(conn: Connection) -> tuple[int, int | None]:
    """How many intents wait for a signature, and since when the oldest does."""
    statement = select(func.count(), func.min(INTENTS.c.created_at)).where(INTENTS.c.state == "intended")
    number, oldest = conn.execute(statement).one()
    return int(number), None if oldest is None else int(oldest)


def blocked(conn: Connection) -> int:
    """How many keys are on the list of compromised keys."""
    return int(conn.execute(select(func.count()).select_from(BLOCKED_KEYS)).scalar_one())


def authority_ends(conn: Connection) -> Sequence[Any]:
    """Id, state and end of every authority, with the end of its last responder certificate."""
    last = (
        select(RESPONDERS.c.authority, func.max(RESPONDERS.c.not_after).label("responder_until"))
        .where(RESPONDERS.c.certificate.is_not(None))
        .group_by(RESPONDERS.c.authority)
        .subquery()
    )
    statement = (
        select(
            AUTHORITIES.c.id,
            AUTHORITIES.c.state,
            AUTHORITIES.c.variant,
            AUTHORITIES.c.not_after,
            last.c.responder_until,
        )
        .outerjoin(last, last.c.authority == AUTHORITIES.c.id)
        .order_by(AUTHORITIES.c.purpose, AUTHORITIES.c.generation)
    )
    return conn.execute(statement).all()
