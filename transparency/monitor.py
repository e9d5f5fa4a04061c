"""What anyone can check from outside, with the log's public key and its published files only."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pki.instant import Instant
from transparency import checkpoint, merkle, note, tiles
from transparency.checkpoint import Checkpoint
from transparency.errors import BadNote, BadProof, ForkDetected
from transparency.merkle import Hash
from transparency.note import Verifier


@dataclass(frozen=True, slots=True)
class Audited:
    """A log that holds together: every entry leads to the signed root. `witnesses`: who cosigned, and when."""

    checkpoint: Checkpoint
    witnesses: tuple[tuple[str, Instant], ...]


def read_checkpoint(octets: bytes, verifier: Verifier, witnesses: Sequence[Verifier] = ()) -> Audited:
    """A checkpoint that the log itself signed. Errors: BadNote, also where its origin is not the log's name."""
    signed = note.parse(octets)
    signed.verified(verifier)
    found = checkpoint.parse_checkpoint(signed.text)
    if found.origin != verifier.name:
        raise BadNote("the checkpoint is of another log")
    cosigned = []
    for witness in witnesses:
        times = signed.verified(verifier, witness)
        if (at := times.get(witness)) is not None:
            cosigned.append((witness.name, at))
    return Audited(found, tuple(cosigned))


def audit(
    load: Callable[[str], bytes],
    verifier: Verifier,
    witnesses: Sequence[Verifier] = (),
    told: Callable[[int, int], object] = lambda _done, _all: None,
) -> Audited:
    """Read the whole published log and see that every octet of it is what the signed checkpoint says.

    `load(path)` gives a published file. `told(done, all)` is called with the number of entries read. Every entry is
    hashed, every tile of every level compared with what its lower level makes, and the root with the checkpoint's.
    Errors: BadNote, BadProof with the tile that does not fit, NotFound for a missing file.
    """
    audited = read_checkpoint(load("checkpoint"), verifier, witnesses)
    size = audited.checkpoint.size
    hashes: list[Hash] = []
    for number in range(-(-size // tiles.WIDTH)):
        width = min(tiles.WIDTH, size - number * tiles.WIDTH)
        path = tiles.tile_path(None, number, width)
        entries = tiles.parse_entry_tile(load(path))
        if len(entries) != width:
            raise BadProof(f"{path} holds {len(entries)} entries instead of {width}")
        hashes += [merkle.leaf_hash(entry) for entry in entries]
        told(len(hashes), size)
    levels = [hashes]
    while len(levels[-1]) >= tiles.WIDTH:
        below = levels[-1]
        whole = len(below) // tiles.WIDTH
        levels.append([tiles.fold(b"".join(below[i * tiles.WIDTH : (i + 1) * tiles.WIDTH])) for i in range(whole)])
    for level, number, width in tiles.tiles_of(size):
        path = tiles.tile_path(level, number, width)
        start = number * tiles.WIDTH
        if load(path) != b"".join(levels[level][start : start + width]):
            raise BadProof(f"{path} does not fit the entries below it")
    reader = tiles.TileReader(size, load)
    if merkle.root(size, reader.subtree) != audited.checkpoint.root:
        raise BadProof("the entries do not lead to the root of the checkpoint")
    return audited


def fits(load: Callable[[str], bytes], path: str, size: int) -> None:
    """See that the published tile `path` agrees with the audited log of `size` entries.

    For tiles that `audit` does not read: partial ones from when the log was smaller stay where they are, and somebody
    may still fetch them. What lies beyond `size` (a crash came before the checkpoint) is signed by nobody yet and is
    not judged. Errors: BadProof; NotFound for what is no tile's path.
    """
    level, number, width = tiles.parse_tile_path(path)
    there = size if level is None else size >> (tiles.HEIGHT * level)
    known = max(0, min(tiles.WIDTH, there - number * tiles.WIDTH))
    now = load(tiles.tile_path(level, number, known)) if known else b""
    if level is None:
        held, whole = tiles.parse_entry_tile(load(path)), tiles.parse_entry_tile(now)
    else:
        held, whole = _row(load(path)), _row(now)
    judged = min(width, known)
    if len(held) != width or held[:judged] != whole[:judged]:
        raise BadProof(f"{path} does not fit the log")


def _row(octets: bytes) -> list[bytes]:
    """The hashes of a tile; an octet too many makes one hash too many."""
    return [octets[start : start + 32] for start in range(0, len(octets), 32)]


def follow(older: Checkpoint, newer: Checkpoint, proof: Sequence[Hash]) -> None:
    """See that `newer` is a later state of the log that `older` is of. Errors: ForkDetected, BadProof."""
    if older.origin != newer.origin:
        raise BadProof("the checkpoints are of two logs")
    if older.size > newer.size:
        raise BadProof("the older checkpoint is the larger one")
    try:
        merkle.verify_consistency(older.size, newer.size, proof, older.root, newer.root)
    except BadProof as error:
        if older.size == newer.size and older.root != newer.root:
            raise ForkDetected(older.origin, older.size, newer.size) from error
        raise


def consistency(load: Callable[[str], bytes], older: Checkpoint, newer: Checkpoint) -> list[Hash]:
    """The proof between two checkpoints, out of the published tiles of the newer one."""
    return merkle.consistency_proof(older.size, newer.size, tiles.TileReader(newer.size, load).subtree)
