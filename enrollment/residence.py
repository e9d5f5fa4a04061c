"""Evidence that a person lives at an address: noted by officers, come back by letter, and used up by a procedure."""

import hashlib
from collections.abc import Iterable

from enrollment import acts
from enrollment.canonical import Json, digest
from enrollment.channels import Channel, Procedure
from enrollment.channels import require as require_channel
from enrollment.errors import EvidenceTooWeak, NotYours, ResidenceUnproven
from enrollment.operators import Operator, Role
from enrollment.person import PersonId, Random, draw_id
from enrollment.proofs import Piece, Proof
from enrollment.store import Connection
from enrollment.store import people as people_rows
from enrollment.store import terms as rows
from pki.instant import Instant


def address_digest(person: PersonId, address: str) -> str:
    """The address as a name for evidence: hex; the person's random id keeps it from being guessed from a list."""
    return hashlib.sha256(f"{person}\n{address}".encode()).hexdigest()


def note_content(person: PersonId, proof: Proof, address: str, reference: str) -> str:
    """What the officer signs."""
    record: dict[str, Json] = {
        "address": address_digest(person, address),
        "person": person,
        "proof": proof.value,
        "reference": reference,
    }
    return digest(record)


def note(
    conn: Connection,
    person: PersonId,
    proof: Proof,
    address: str,
    reference: str,
    operator: Operator,
    at: Instant,
    random: Random,
) -> Piece:
    """An officer saw a lease or a bill, or visited the place. `reference`: SHA-256 of what was shown, or of the report.

    Errors: NotYours for an officer of neither the present nor the new municipality is the caller's to see to; here the
    officer's desk must be municipal: OutOfScope; RoleMissing, OperatorNotValid, SelfDealing; EvidenceTooWeak for a
    kind that no officer writes down; ActNotSigned.
    """
    if not proof.seen_by_officer:
        raise EvidenceTooWeak(f"{proof.value} is not noted by hand")
    operator.require(Role.CLERK, at, person)
    people_rows.owner_of(conn, person)
    if not people_rows.counter_of(conn, operator.counter).kind.is_municipal:
        raise NotYours(operator.owner)
    acts.use(conn, operator, acts.What.NOTE_RESIDENCE, person, note_content(person, proof, address, reference), at)
    piece = Piece(proof, at, draw_id(random))
    rows.add_piece(conn, piece, person, operator.owner, address_digest(person, address), operator.operator, reference)
    return piece


def require(
    conn: Connection,
    person: PersonId,
    owner: str,
    procedure: Procedure,
    channel: Channel,
    address: str,
    shown: Iterable[Piece],
    used_by: str,
    at: Instant,
) -> tuple[Piece, ...]:
    """The evidence that was enough for `address` in the municipality `owner`; what was stored of it is used up.

    `shown`: what the procedure itself brings, a signature or a face at the desk. `used_by`: the filing or application.
    Errors: RemoteBlocked if the channel is closed there; ResidenceUnproven, naming what would be enough; Stale.
    """
    asked = require_channel(conn, owner, procedure, channel, at).residence
    kept = rows.unused_pieces(conn, person, owner, address_digest(person, address))
    met = asked.met_by([*shown, *kept], at)
    if met is None:
        raise ResidenceUnproven(asked.choices())
    for piece in met:
        if piece.piece is not None:
            rows.use_piece(conn, piece.piece, used_by)
    return met
