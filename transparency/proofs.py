"""Proofs that an entry is in a log, out of the store alone: no key is needed to show what was signed already."""

from dataclasses import dataclass

from transparency import merkle, store, tiles
from transparency.errors import NotFound
from transparency.merkle import Hash
from transparency.store import Connection


@dataclass(frozen=True, slots=True)
class Proof:
    """`number` of the entry, its inclusion proof, and the signed checkpoint that the proof leads to."""

    number: int
    path: tuple[Hash, ...]
    checkpoint: bytes


def loader(connection: Connection, log: str) -> tiles.Loader:
    """Reads a log's tiles from the store by their published names."""

    def load(path: str) -> bytes:
        level, number, width = tiles.parse_tile_path(path)
        if level is None:
            rows = store.entries(connection, log, number * tiles.WIDTH, number * tiles.WIDTH + width)
            return tiles.entry_tile(rows)
        hashes = store.tile(connection, log, level, number)
        return (hashes or b"")[: 32 * width]

    return load


def prove(connection: Connection, log: str, id_: str) -> Proof:
    """The proof for the entry of that record. Errors: NotFound while it has no number, or after it was forgotten."""
    number = store.number_of(connection, log, id_)
    if number is None:
        raise NotFound("such entry with a number yet")
    return prove_number(connection, log, number)


def prove_number(connection: Connection, log: str, number: int) -> Proof:
    """The proof for the entry of that number. Errors: NotFound; BadProof for a number outside the log."""
    found = store.head(connection, log)
    if found is None:
        raise NotFound("such log yet")
    reader = tiles.TileReader(found.size, loader(connection, log))
    return Proof(number, tuple(merkle.inclusion_proof(number, found.size, reader.subtree)), found.note)
