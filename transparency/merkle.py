"""The Merkle tree of RFC 9162 2.1 over SHA-256: hashes, inclusion proofs, consistency proofs. Pure.

leaf    HASH(0x00 || entry)
node    HASH(0x01 || left || right), where left covers the largest power of two below the size
empty   HASH()
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import NewType

from transparency.errors import BadProof

Hash = NewType("Hash", bytes)
"""32 octets."""

Range = Callable[[int, int], Hash]
"""The hash of the complete subtree at (level, index): leaves index·2^level up to (index+1)·2^level."""

EMPTY = Hash(hashlib.sha256(b"").digest())
"""The root of a tree without entries."""


def leaf_hash(entry: bytes) -> Hash:
    """The hash of one entry (2.1.1)."""
    return Hash(hashlib.sha256(b"\x00" + entry).digest())


def node_hash(left: Hash, right: Hash) -> Hash:
    """The hash of two subtrees (2.1.1)."""
    return Hash(hashlib.sha256(b"\x01" + left + right).digest())


def peaks(start: int, end: int) -> list[tuple[int, int]]:
    """The complete subtrees, as (level, index), that make up the leaves from `start` up to `end`, from left to right.

    `start` must be a multiple of the largest power of two that fits; so are all splits of RFC 9162.
    """
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def range_hash(start: int, end: int, subtree: Range) -> Hash:
    """The Merkle tree hash over the leaves from `start` up to `end` (2.1.1)."""
    if start == end:
        return EMPTY
    *rest, last = (subtree(level, index) for level, index in peaks(start, end))
    for left in reversed(rest):
        last = node_hash(left, last)
    return last


def root(size: int, subtree: Range) -> Hash:
    """The root over the first `size` leaves."""
    return range_hash(0, size, subtree)


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, subtree: Range) -> list[Hash]:
    """The path from leaf `index` to the root over `size` leaves, lowest first (2.1.3.1)."""
    if not 0 <= index < size:
        raise BadProof("there is no such entry in a tree of that size")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_hash(middle, end, subtree))
            end = middle
        else:
            path.append(range_hash(start, middle, subtree))
            start = middle
    return path[::-1]


def consistency_proof(older: int, size: int, subtree: Range) -> list[Hash]:
    """Why the tree over `older` leaves is the beginning of that over `size` (2.1.4.1); empty where they agree."""
    if not 0 <= older <= size:
        raise BadProof("the older tree must not be larger than the newer one")
    if older in (0, size):
        return []
    start, end, path = 0, size, []
    whole = True
    while end != older:
        middle = start + _split(end - start)
        if older <= middle:
            path.append(range_hash(middle, end, subtree))
            end = middle
        else:
            path.append(range_hash(start, middle, subtree))
            start, whole = middle, False
    if not whole:
        path.append(range_hash(start, end, subtree))
    return path[::-1]


def verify_inclusion(leaf: Hash, index: int, size: int, proof: Sequence[Hash], tree: Hash) -> None:
    """See that `leaf` is entry `index` of the tree of `size` entries with root `tree` (2.1.3.2). Errors: BadProof."""
    if not 0 <= index < size:
        raise BadProof("the entry lies outside the tree")
    number, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise BadProof("the proof is too long")
        if number & 1 or number == last:
            found = node_hash(sibling, found)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise BadProof("the proof is too short")
    if found != tree:
        raise BadProof("the hashes do not lead to the root")


def verify_consistency(older: int, size: int, proof: Sequence[Hash], old_tree: Hash, tree: Hash) -> None:
    """See that the tree `old_tree` of `older` entries is the beginning of `tree` (2.1.4.2). Errors: BadProof."""
    if not 0 <= older <= size:
        raise BadProof("the older tree is larger than the newer one")
    if older == size or older == 0:
        if proof or (older == size and old_tree != tree) or (older == 0 and old_tree != EMPTY):
            raise BadProof("two trees of one size differ, or a proof where none is due")
        return
    hashes = list(proof)
    if older & (older - 1) == 0:
        hashes.insert(0, old_tree)
    if not hashes:
        raise BadProof("the proof is too short")
    number, last = older - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old_found = found = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise BadProof("the proof is too long")
        if number & 1 or number == last:
            old_found, found = node_hash(sibling, old_found), node_hash(sibling, found)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise BadProof("the proof is too short")
    if (old_found, found) != (old_tree, tree):
        raise BadProof("the hashes do not lead to both roots")
