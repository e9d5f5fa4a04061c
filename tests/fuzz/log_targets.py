"""What is fuzzed of the logs' side: parsers of what strangers publish and send.

Each target takes octets and raises only if a promise is broken: an error that is not ours, or something read that would
be written otherwise.
"""

from collections.abc import Callable
from contextlib import suppress

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pki.errors import Error
from pki.instant import Instant
from transparency import note, tiles
from transparency.checkpoint import Checkpoint, parse_checkpoint
from transparency.merkle import Hash, leaf_hash
from transparency.note import KeyType, Signer, Verifier
from transparency.witness import Submission, parse_submission

Target = Callable[[bytes], None]
AT = Instant.parse("2026-11-23T00:00:00Z")
LOG = Signer("log.example/99201", Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = Signer("w.example/1", Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32), KeyType.COSIGNATURE)


def signed_notes(octets: bytes) -> None:
    """A note that any of our keys is said to have signed is the one that it signed: nobody has the keys but we."""
    with suppress(Error):
        read = note.parse(octets)
        if read.verified(LOG.verifier, WITNESS.verifier):
            assert read.text in (CHECKPOINT.text, b"hello\n"), "a signature over something that was never signed"


def checkpoints(octets: bytes) -> None:
    """What is read is written back as it was."""
    with suppress(Error):
        assert parse_checkpoint(octets).text == octets


def entry_tiles(octets: bytes) -> None:
    """A tile of entries is read whole or not at all."""
    with suppress(Error):
        assert tiles.entry_tile(tiles.parse_entry_tile(octets)) == octets


def tile_paths(octets: bytes) -> None:
    """One path for each tile, and none that leads out of the folder."""
    text = octets.decode("utf-8", "replace")
    with suppress(Error):
        level, index, width = tiles.parse_tile_path(text)
        assert tiles.tile_path(level, index, width) == text
        assert ".." not in text.split("/")


def verifier_keys(octets: bytes) -> None:
    """What is read of a key's file is written back as it was."""
    text = octets.decode("utf-8", "replace")
    with suppress(Error):
        assert str(Verifier.parse(text)) == text.strip()


def submissions(octets: bytes) -> None:
    """A request to a witness, read and written."""
    with suppress(Error):
        assert parse_submission(octets).octets == octets


CHECKPOINT = Checkpoint(LOG.verifier.name, 2, leaf_hash(b"entry"))
SIGNED = note.sign(CHECKPOINT.text, AT, LOG, WITNESS)

TARGETS: dict[str, Target] = {
    "signed-notes": signed_notes,
    "checkpoints": checkpoints,
    "entry-tiles": entry_tiles,
    "tile-paths": tile_paths,
    "verifier-keys": verifier_keys,
    "submissions": submissions,
}


def seeds(name: str) -> list[bytes]:
    """Where the search begins: one good example or a few."""
    proof = (Hash(bytes(32)), Hash(bytes([7]) * 32))
    return {
        "signed-notes": [SIGNED, note.sign(b"hello\n", AT, LOG)],
        "checkpoints": [
            CHECKPOINT.text,
            "log.example\n2\nα\n".encode(),
            Checkpoint("x", 10**18, Hash(bytes(32)), ("more",)).text,
        ],
        "entry-tiles": [tiles.entry_tile([]), tiles.entry_tile([b"", b"a", b"b" * 300])],
        "tile-paths": [tiles.tile_path(None, 1234067).encode(), tiles.tile_path(5, 7, 3).encode()],
        "verifier-keys": [str(LOG.verifier).encode(), str(WITNESS.verifier).encode()],
        "submissions": [Submission(0, (), SIGNED).octets, Submission(1, proof, SIGNED).octets],
    }[name]
