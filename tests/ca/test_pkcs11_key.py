"""Keys in a token: SoftHSM with a folder of its own for each test."""

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType

from ca import authorities, pkcs11_key
from ca.directory import Database, Directory
from ca.errors import KeyExists, KeyNotProtected, KeyUnavailable, TokenError, WrongPassphrase
from ca.issuance import Registrar, Signer
from ca.key_policy import check_key
from ca.lint import judge
from ca.pkcs11_key import Pkcs11Key, Pkcs11KeyStore
from ca.profiles import PROFILES, KeyShape, Variant
from pki.algorithms import ALGORITHMS, load_public_key, verify_raw
from pki.certificate import Certificate
from pki.instant import Instant
from pki.purpose import Purpose
from tests.ca.issuing_world import World

pytestmark = pytest.mark.referee

MODULE = next(
    path
    for path in map(Path, ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"))
    if path.exists()
)
PIN, LABEL = "123456", "jitsuin"
SHAPES = [KeyShape.RSA_2048, KeyShape.P256, KeyShape.P384]


def make_token(folder: Path) -> None:
    """An empty token in `folder`, which SoftHSM is told of by SOFTHSM2_CONF."""
    (folder / "tokens").mkdir(parents=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--so-pin", "87654321", "--pin", PIN],
        env={**os.environ, "SOFTHSM2_CONF": str(configuration)},
        check=True,
        capture_output=True,
    )


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a token; the library forgets it afterwards."""
    folder = tmp_path / "softhsm"
    make_token(folder)
    monkeypatch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
    _finalize()
    yield folder
    _finalize()


def _finalize() -> None:
    """Take the library down behind everybody's back, as a driver that restarts does."""
    ctypes.CDLL(str(MODULE)).C_Finalize(None)
    pkcs11_key._libraries.clear()


@pytest.fixture
def store(token: Path) -> Iterator[Pkcs11KeyStore]:
    opened = Pkcs11KeyStore(MODULE, LABEL, PIN)
    yield opened
    opened.close()


def _verifies(key: Pkcs11Key, signature: bytes, message: bytes) -> bool:
    return verify_raw(load_public_key(key.public_spki), ALGORITHMS[key.shape.signature_algorithm], signature, message)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_key_made_on_the_token_signs_there(store: Pkcs11KeyStore, shape: KeyShape) -> None:
    made = store.create("root", shape)
    opened = Pkcs11KeyStore(MODULE, LABEL, PIN).open("root")
    assert opened.shape is shape
    assert opened.public_spki == made.public_spki
    check_key(made.public_spki, frozenset({shape}))
    for number in range(20):
        message = b"message %d" % number
        assert _verifies(made, opened.sign(message), message)
    assert store.labels() == ["root"]
    assert PIN not in repr(store) + repr(made)


def test_labels_are_unique_and_missing_keys_are_named(store: Pkcs11KeyStore) -> None:
    store.create("a", KeyShape.P256)
    with pytest.raises(KeyExists):
        store.create("a", KeyShape.P256)
    with pytest.raises(KeyUnavailable):
        store.open("b")
    with pytest.raises(TokenError):
        store.create("lattice", KeyShape.ML_DSA_65)


def test_a_wrong_pin_and_a_missing_token(token: Path) -> None:
    with pytest.raises(WrongPassphrase):
        Pkcs11KeyStore(MODULE, LABEL, "000000")
    with pytest.raises(KeyUnavailable):
        Pkcs11KeyStore(MODULE, "another token", PIN)
    with pytest.raises(TokenError):
        Pkcs11KeyStore(token / "no-such-library.so", LABEL, PIN)


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ({Attribute.EXTRACTABLE: True}, "EXTRACTABLE"),
        ({Attribute.SENSITIVE: False}, "SENSITIVE"),
        ({Attribute.DECRYPT: True}, "DECRYPT"),
        ({Attribute.UNWRAP: True}, "UNWRAP"),
    ],
)
def test_a_key_that_could_leave_or_do_other_things_is_not_used(
    store: Pkcs11KeyStore, template: dict[Attribute, bool], named: str
) -> None:
    def make(held: object) -> None:
        with store._token().open(rw=True) as session:
            session.generate_keypair(
                KeyType.RSA,
                2048,
                store=True,
                label="weak",
                private_template={
                    Attribute.EXTRACTABLE: False,
                    Attribute.SENSITIVE: True,
                    Attribute.PRIVATE: True,
                    Attribute.DECRYPT: False,
                    Attribute.UNWRAP: False,
                    Attribute.DERIVE: False,
                    **template,
                },
            )

    store.use(make)
    with pytest.raises(KeyNotProtected) as refused:
        store.open("weak")
    assert named in refused.value.what


def test_a_key_brought_from_outside_is_not_used(store: Pkcs11KeyStore) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    numbers = rsa.generate_private_key(65537, 2048).private_numbers()

    def octets(number: int) -> bytes:
        return number.to_bytes((number.bit_length() + 7) // 8)

    def bring(held: object) -> None:
        with store._token().open(rw=True) as session:
            session.create_object(
                {
                    Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY,
                    Attribute.KEY_TYPE: KeyType.RSA,
                    Attribute.LABEL: "brought",
                    Attribute.TOKEN: True,
                    Attribute.PRIVATE: True,
                    Attribute.SENSITIVE: True,
                    Attribute.EXTRACTABLE: False,
                    Attribute.SIGN: True,
                    Attribute.DECRYPT: False,
                    Attribute.UNWRAP: False,
                    Attribute.MODULUS: octets(numbers.public_numbers.n),
                    Attribute.PUBLIC_EXPONENT: b"\x01\x00\x01",
                    Attribute.PRIVATE_EXPONENT: octets(numbers.d),
                    Attribute.PRIME_1: octets(numbers.p),
                    Attribute.PRIME_2: octets(numbers.q),
                    Attribute.EXPONENT_1: octets(numbers.dmp1),
                    Attribute.EXPONENT_2: octets(numbers.dmq1),
                    Attribute.COEFFICIENT: octets(numbers.iqmp),
                }
            )

    store.use(bring)
    with pytest.raises(KeyNotProtected, match=r"LOCAL|ALWAYS_SENSITIVE"):
        store.open("brought")


def test_the_private_value_cannot_be_read_by_pkcs11_tool(store: Pkcs11KeyStore, token: Path) -> None:
    """The referee is OpenSC's own program: it sees the attributes that we checked."""
    store.create("root", KeyShape.RSA_2048)
    listed = subprocess.run(
        ["pkcs11-tool", "--module", MODULE, "--token-label", LABEL, "--login", "--pin", PIN, "--list-objects"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "sensitive, always sensitive, never extractable, local" in listed


def test_many_threads_share_few_sessions(token: Path) -> None:
    store = Pkcs11KeyStore(MODULE, LABEL, PIN, sessions=2)
    key = store.create("root", KeyShape.P256)
    with ThreadPoolExecutor(8) as pool:
        messages = [b"%d" % number for number in range(200)]
        signatures = list(pool.map(key.sign, messages))
    assert all(_verifies(key, signature, message) for signature, message in zip(signatures, messages, strict=True))
    assert store._idle.qsize() <= 2
    store.close()
    assert _verifies(key, key.sign(b"after close"), b"after close")


def _close_all_sessions(store: Pkcs11KeyStore) -> None:
    slot = store._token().slot.slot_id
    assert ctypes.CDLL(str(MODULE)).C_CloseAllSessions(ctypes.c_ulong(slot)) == 0


def test_a_token_that_was_pulled_and_put_back_signs_again(store: Pkcs11KeyStore) -> None:
    key = store.create("root", KeyShape.P256)
    for _ in range(3):
        _close_all_sessions(store)
        assert _verifies(key, key.sign(b"x"), b"x")


def test_a_library_that_was_restarted_signs_again(store: Pkcs11KeyStore) -> None:
    key = store.create("root", KeyShape.P256)
    ctypes.CDLL(str(MODULE)).C_Finalize(None)
    assert _verifies(key, key.sign(b"x"), b"x")


def test_a_token_that_stays_away_is_named_and_works_when_it_is_back(store: Pkcs11KeyStore, token: Path) -> None:
    key = store.create("root", KeyShape.P256)
    (token / "tokens").rename(token / "away")
    (token / "tokens").mkdir()
    ctypes.CDLL(str(MODULE)).C_Finalize(None)
    for _ in range(2):
        with pytest.raises(KeyUnavailable):
            key.sign(b"x")
    shutil.rmtree(token / "tokens")
    (token / "away").rename(token / "tokens")
    ctypes.CDLL(str(MODULE)).C_Finalize(None)
    assert _verifies(key, key.sign(b"x"), b"x")


def test_threads_that_all_meet_the_loss_all_go_on(store: Pkcs11KeyStore) -> None:
    key = store.create("root", KeyShape.P256)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: key.sign(b"warm"), range(8)))
        for _ in range(5):
            _close_all_sessions(store)
            assert all(_verifies(key, signature, b"x") for signature in pool.map(lambda _: key.sign(b"x"), range(8)))


FORKED = """
import os, sys
from pathlib import Path
from ca.pkcs11_key import Pkcs11KeyStore
key = Pkcs11KeyStore(Path(sys.argv[1]), "jitsuin", "123456").open("root")
child = os.fork()
if child == 0:
    os._exit(0 if key.sign(b"in the child") else 1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), len(key.sign(b"in the parent")) > 60)
"""


def test_a_forked_child_logs_in_for_itself(store: Pkcs11KeyStore) -> None:
    store.create("root", KeyShape.P256)
    done = subprocess.run(
        [sys.executable, "-c", FORKED, MODULE],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.split() == ["0", "True"], done.stderr


@pytest.mark.parametrize("variant", [Variant.JPKI, Variant.NEXT])
def test_an_authority_whose_keys_never_left_the_token(
    store: Pkcs11KeyStore, sqlite_database: Database, at: Instant, random: Callable[[int], bytes], variant: Variant
) -> None:
    for purpose in Purpose:
        authorities.create(sqlite_database, store, purpose, variant, at, random)
    world = World(
        sqlite_database,
        None,  # type: ignore[arg-type]
        at,
        random,
        variant,
        Registrar(PROFILES, Directory(), random),
        Signer(store, PROFILES),
    )
    for purpose in Purpose:
        issued = world.issue(world.order(purpose))
        assert judge(Certificate(issued.der), issuer=world.authority(purpose), at=at) == []
    assert store.labels() == sorted(f"{purpose}-1{suffix}" for purpose in Purpose for suffix in ("", "-ocsp-1"))
