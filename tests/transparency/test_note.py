"""Signed notes, checkpoints and tile paths: published vectors, round trips, and garbage."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from pki.instant import Instant
from transparency import note, tiles
from transparency.checkpoint import Checkpoint, parse_checkpoint
from transparency.errors import BadNote, NotFound
from transparency.merkle import EMPTY, Hash
from transparency.note import KeyType, Signer, Verifier

AT = Instant.parse("2026-11-23T00:00:00Z")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
"""The example of the note format's reference documentation."""


def test_the_reference_note_verifies() -> None:
    parsed = note.parse(PETERS_NOTE.encode())
    assert parsed.verified(Verifier.parse(PETER)) == {Verifier.parse(PETER): None}
    assert str(Verifier.parse(PETER)) == PETER
    with pytest.raises(BadNote):
        note.parse(PETERS_NOTE.replace("answer", "question").encode()).verified(Verifier.parse(PETER))


def test_a_note_by_several_keys_tells_who_signed_and_when() -> None:
    log, witness = Signer("log.example", KEY), Signer("witness.example", KEY, KeyType.COSIGNATURE)
    octets = note.sign(b"hello\n", AT, log, witness)
    assert note.parse(octets).verified(log.verifier, witness.verifier) == {log.verifier: None, witness.verifier: AT}
    stranger = Signer("other.example", KEY)
    with pytest.raises(BadNote, match="none"):
        note.parse(octets).verified(stranger.verifier)


def test_every_flipped_octet_of_a_note_is_noticed() -> None:
    log = Signer("log.example", KEY)
    octets = note.sign(Checkpoint("log.example", 3, Hash(bytes(32))).text, AT, log)
    for place in range(len(octets)):
        broken = octets[:place] + bytes((octets[place] ^ 1,)) + octets[place + 1 :]
        with pytest.raises(BadNote):
            note.parse(broken).verified(log.verifier)


@given(st.binary(max_size=200))
def test_garbage_is_no_note(octets: bytes) -> None:
    with pytest.raises(BadNote):
        note.parse(octets)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30), st.integers(0, 1 << 60))
def test_a_checkpoint_reads_back(origin: str, size: int) -> None:
    written = Checkpoint(origin, size, EMPTY, ("extension 1",))
    assert parse_checkpoint(written.text) == written


@pytest.mark.parametrize(
    "text",
    [
        b"", b"a\n1\n", b"a\n01\n" + b"A" * 43 + b"=\n", b"a\n-1\n" + b"A" * 43 + b"=\n", b"a\n1\n" + b"A" * 42 + b"==\n",  # noqa: E501
        b"a\n1\n" + b"A" * 43 + b"=", b"a\n\n" + b"A" * 43 + b"=\n", b"a\n1\n" + b"A" * 42 + b"B=\n", b"\xff\n1\nx\n",
        "a\n1\nα\n".encode(),
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text: bytes) -> None:
    with pytest.raises(BadNote):
        parse_checkpoint(text)


@pytest.mark.parametrize("text", ["", "a", "a+b+c", PETER + "A", PETER.replace("c74f20a3", "c74f20a4")])
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        Verifier.parse(text)


@given(st.one_of(st.none(), st.integers(0, 7)), st.integers(0, 1 << 40), st.integers(1, 256))
def test_tile_paths_read_back(level: int | None, index: int, width: int) -> None:
    assert tiles.parse_tile_path(tiles.tile_path(level, index, width)) == (level, index, width)


def test_tile_paths_of_the_specification() -> None:
    assert tiles.tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tiles.tile_path(1, 0, 5) == "tile/1/000.p/5"
    assert tiles.tile_path(None, 12) == "tile/entries/012"


@pytest.mark.parametrize(
    "path",
    ["tile/64/000", "tile/0/0", "tile/0/x000/001", "tile/0/000.p/256", "tile/0/000.p/0", "tile/0/../x", "tile/0/1000"],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(NotFound):
        tiles.parse_tile_path(path)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_entry_tiles_read_back_and_a_cut_one_is_noticed(entries: list[bytes]) -> None:
    octets = tiles.entry_tile(entries)
    assert tiles.parse_entry_tile(octets) == entries
    if octets:
        with pytest.raises(NotFound):
            tiles.parse_entry_tile(octets + b"\x01")
