"""The Merkle tree against RFC 6962's published vectors and against the definition, written down naively."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transparency import merkle
from transparency.errors import BadProof
from transparency.merkle import Hash

ENTRIES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Certificate Transparency's reference tree: eight entries and the root after each."""


def naive(entries: list[bytes]) -> bytes:
    """RFC 9162 2.1.1, word for word."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return hashlib.sha256(b"\x01" + naive(entries[:split]) + naive(entries[split:])).digest()


def subtrees(entries: list[bytes]) -> merkle.Range:
    return lambda level, index: Hash(naive(entries[index << level : (index + 1) << level]))


def test_the_reference_tree() -> None:
    for size, expected in enumerate(ROOTS, 1):
        assert merkle.root(size, subtrees(ENTRIES)).hex() == expected
    assert merkle.root(0, subtrees([])) == merkle.EMPTY


def test_every_proof_of_small_trees_holds_and_for_nothing_else() -> None:
    entries = [bytes([number]) for number in range(20)]
    tree = subtrees(entries)
    roots = [merkle.root(size, tree) for size in range(21)]
    for size in range(1, 21):
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, tree)
            leaf = merkle.leaf_hash(entries[index])
            merkle.verify_inclusion(leaf, index, size, proof, roots[size])
            for wrong in (index + 1, index - 1):
                with pytest.raises(BadProof):
                    merkle.verify_inclusion(leaf, wrong, size, proof, roots[size])
            for shortened in (proof[:-1], [*proof, leaf]):
                if shortened != proof:
                    with pytest.raises(BadProof):
                        merkle.verify_inclusion(leaf, index, size, shortened, roots[size])
        for older in range(size + 1):
            proof = merkle.consistency_proof(older, size, tree)
            merkle.verify_consistency(older, size, proof, roots[older], roots[size])
            for place in range(len(proof)):
                broken = [*proof[:place], Hash(bytes(32)), *proof[place + 1 :]]
                with pytest.raises(BadProof):
                    merkle.verify_consistency(older, size, broken, roots[older], roots[size])


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=70), st.data())
def test_a_rewritten_entry_breaks_consistency(entries: list[bytes], data: st.DataObject) -> None:
    tree = subtrees(entries)
    older = data.draw(st.integers(1, len(entries)))
    place = data.draw(st.integers(0, older - 1))
    rewritten = subtrees([*entries[:place], entries[place] + b"!", *entries[place + 1 :]])
    size = len(entries)
    merkle.verify_consistency(
        older, size, merkle.consistency_proof(older, size, tree), merkle.root(older, tree), merkle.root(size, tree)
    )
    with pytest.raises(BadProof):
        merkle.verify_consistency(
            older, size, merkle.consistency_proof(older, size, rewritten),
            merkle.root(older, tree), merkle.root(size, rewritten),
        )  # fmt: skip


def test_impossible_questions_are_refused() -> None:
    tree = subtrees(ENTRIES)
    with pytest.raises(BadProof):
        merkle.inclusion_proof(8, 8, tree)
    with pytest.raises(BadProof):
        merkle.consistency_proof(9, 8, tree)
    with pytest.raises(BadProof):
        merkle.verify_consistency(3, 2, [], merkle.EMPTY, merkle.EMPTY)
    with pytest.raises(BadProof):
        merkle.verify_consistency(0, 2, [], Hash(bytes(32)), merkle.EMPTY)
