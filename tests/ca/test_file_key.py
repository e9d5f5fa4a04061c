"""Keys in encrypted files: what is kept, what is refused, what a crash or a thief finds."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ca.errors import KeyExists, KeyFileDamaged, KeyUnavailable, NotEnoughCustodians, WrongPassphrase
from ca.file_key import FileKey, FileKeyStore
from ca.key_policy import check_key
from ca.profiles import KeyShape
from ca.sealing import Cost
from pki.algorithms import ALGORITHMS, load_public_key, verify_raw
from pki.errors import InvalidValue
from tests.ca.issuing_world import CHEAP, private_key

SECRET = b"correct horse battery staple"
THREE = {"aoi": b"first secret", "hina": b"second secret", "ren": b"third secret"}
Random = Callable[[int], bytes]


@pytest.fixture
def store(tmp_path: Path, random: Random) -> FileKeyStore:
    return FileKeyStore.lock(tmp_path / "keys", SECRET, random, cost=CHEAP)


def _verifies(key: FileKey, signature: bytes, message: bytes) -> bool:
    algorithm = ALGORITHMS[key.shape.signature_algorithm]
    return verify_raw(load_public_key(key.public_spki), algorithm, signature, message)


@pytest.mark.parametrize("shape", list(KeyShape))
def test_a_key_signs_the_same_after_it_was_opened_again(
    store: FileKeyStore, tmp_path: Path, random: Random, shape: KeyShape
) -> None:
    made = store.create("root", shape)
    assert check_key(made.public_spki, frozenset({shape}))
    opened = FileKeyStore.unlock(tmp_path / "keys", SECRET, random).open("root")
    assert (opened.public_spki, opened.shape, opened.label) == (made.public_spki, shape, "root")
    for key in (made, opened):
        assert _verifies(made, key.sign(b"to be signed"), b"to be signed")


def test_folder_and_files_are_for_their_owner_only(store: FileKeyStore, tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        store.create("a", KeyShape.P256)
    finally:
        os.umask(previous)
    folder = tmp_path / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "store.json": 0o600,
        "a.key": 0o600,
    }


def test_no_key_is_ever_overwritten(store: FileKeyStore, tmp_path: Path, random: Random) -> None:
    first = store.create("a", KeyShape.P256).public_spki
    for again in (
        lambda: store.create("a", KeyShape.P256),
        lambda: store.import_key("a", KeyShape.P256, private_key("other", KeyShape.P256)),
    ):
        with pytest.raises(KeyExists):
            again()
    assert store.open("a").public_spki == first
    with pytest.raises(KeyExists):
        FileKeyStore.lock(tmp_path / "keys", b"another", random, cost=CHEAP)
    assert store.labels() == ["a"]
    assert not [path for path in (tmp_path / "keys").iterdir() if ".new" in path.name]


@pytest.mark.parametrize("label", ["", "A", "../up", "a/b", ".hidden", "x" * 65, "a b", "ä"])
def test_labels_that_are_none(store: FileKeyStore, label: str) -> None:
    with pytest.raises(InvalidValue):
        store.create(label, KeyShape.P256)
    with pytest.raises(InvalidValue):
        store.open(label)


def test_wrong_passphrases_and_missing_things(store: FileKeyStore, tmp_path: Path, random: Random) -> None:
    for wrong in (b"", b"correct horse", SECRET + b" ", THREE):
        with pytest.raises(WrongPassphrase):
            FileKeyStore.unlock(tmp_path / "keys", wrong, random)  # type: ignore[arg-type]
    with pytest.raises(KeyUnavailable):
        FileKeyStore.unlock(tmp_path / "nowhere", SECRET, random)
    with pytest.raises(KeyUnavailable):
        store.open("missing")


@pytest.mark.parametrize("field", ["label", "shape", "spki", "nonce", "sealed", "format"])
def test_no_field_of_a_key_file_can_be_changed(store: FileKeyStore, tmp_path: Path, field: str) -> None:
    store.create("a", KeyShape.P256)
    store.create("b", KeyShape.P256)
    path = tmp_path / "keys" / "a.key"
    record, other = json.loads(path.read_bytes()), json.loads((tmp_path / "keys" / "b.key").read_bytes())
    changed = other[field] if other[field] != record[field] else "p-384" if field == "shape" else "jitsuin-key-2"
    path.write_text(json.dumps({**record, field: changed}))
    with pytest.raises(KeyFileDamaged):
        store.open("a")
    path.write_text(json.dumps({**record, "extra": 1}))
    with pytest.raises(KeyFileDamaged):
        store.open("a")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"{}", b'{"format": "jitsuin-key-1"}'])
def test_a_key_file_cut_short(store: FileKeyStore, tmp_path: Path, random: Random, content: bytes) -> None:
    store.create("a", KeyShape.P256)
    (tmp_path / "keys" / "a.key").write_bytes(content)
    with pytest.raises(KeyFileDamaged):
        store.open("a")
    (tmp_path / "keys" / "store.json").write_bytes(content)
    with pytest.raises(KeyFileDamaged):
        FileKeyStore.unlock(tmp_path / "keys", SECRET, random)


def test_a_cheaper_derivation_cannot_be_slipped_in(store: FileKeyStore, tmp_path: Path, random: Random) -> None:
    path = tmp_path / "keys" / "store.json"
    record = json.loads(path.read_bytes())
    record["access"]["kdf"]["passes"] = 2
    path.write_text(json.dumps(record))
    with pytest.raises(WrongPassphrase):
        FileKeyStore.unlock(tmp_path / "keys", SECRET, random)
    record["access"]["kdf"]["memory_kib"] = 1 << 40
    path.write_text(json.dumps(record))
    with pytest.raises(KeyFileDamaged):
        FileKeyStore.unlock(tmp_path / "keys", SECRET, random)


def test_the_price_of_a_try_is_that_of_rfc_9106() -> None:
    assert Cost() == Cost(memory_kib=64 * 1024, passes=3, lanes=4)


def test_neither_files_nor_repr_show_a_secret(store: FileKeyStore, tmp_path: Path) -> None:
    key = store.create("a", KeyShape.P256)
    scalar = key._private.private_numbers().private_value.to_bytes(32)  # type: ignore[union-attr]
    for path in (tmp_path / "keys").iterdir():
        content = path.read_bytes()
        assert scalar not in content
        assert scalar.hex().encode() not in content
        assert SECRET not in content
    assert repr(key) == "FileKey(a)"
    assert repr(store) == "FileKeyStore(keys)"


def test_any_two_of_three_custodians_open_it_and_no_one_alone(tmp_path: Path, random: Random) -> None:
    store = FileKeyStore.lock(tmp_path / "keys", THREE, random, needed=2, cost=CHEAP)
    spki = store.create("a", KeyShape.P256).public_spki
    for missing in THREE:
        two = {name: secret for name, secret in THREE.items() if name != missing}
        assert FileKeyStore.unlock(tmp_path / "keys", two, random).open("a").public_spki == spki
        with pytest.raises(NotEnoughCustodians) as few:
            FileKeyStore.unlock(tmp_path / "keys", {missing: THREE[missing]}, random)
        assert (few.value.given, few.value.needed) == (1, 2)
    for wrong in (
        {"aoi": THREE["aoi"], "hina": b"wrong"},
        {"aoi": THREE["hina"], "hina": THREE["aoi"]},
    ):
        with pytest.raises(WrongPassphrase):
            FileKeyStore.unlock(tmp_path / "keys", wrong, random)
    with pytest.raises(NotEnoughCustodians):
        FileKeyStore.unlock(tmp_path / "keys", {"stranger": b"x", "aoi": THREE["aoi"]}, random)
    with pytest.raises(NotEnoughCustodians):
        FileKeyStore.unlock(tmp_path / "keys", THREE["aoi"], random)


def test_custodians_can_be_exchanged_without_touching_a_key(
    store: FileKeyStore, tmp_path: Path, random: Random
) -> None:
    spki = store.create("a", KeyShape.P256).public_spki
    before = (tmp_path / "keys" / "a.key").read_bytes()
    store.change_passphrase(THREE, needed=3, cost=CHEAP)
    with pytest.raises(NotEnoughCustodians):
        FileKeyStore.unlock(tmp_path / "keys", SECRET, random)
    assert FileKeyStore.unlock(tmp_path / "keys", THREE, random).open("a").public_spki == spki
    assert (tmp_path / "keys" / "a.key").read_bytes() == before
    with pytest.raises(InvalidValue):
        store.change_passphrase(THREE, needed=4, cost=CHEAP)
    with pytest.raises(InvalidValue):
        store.change_passphrase(THREE, needed=1, cost=CHEAP)
