"""Private keys in encrypted files: one folder (0700), one file a key (0600), one master key that locks them all.

LABEL.key   {format, label, shape, spki, nonce, sealed}: PKCS#8 under AES-256-GCM with the master key; every other
            field is authenticated with it, so a file cannot be given another label or public key.

Files are written beside their place, flushed to disk, then linked into it: a crash leaves either no key or a whole one,
and nothing is ever overwritten. Private keys are drawn by the library's own generator, the one random source here that
is not handed in.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from ca.errors import KeyExists, KeyFileDamaged, KeyUnavailable, NotEnoughCustodians, WrongPassphrase
from ca.profiles import KeyShape
from ca.sealing import (
    Cost,
    custodians_of,
    lock_with_custodians,
    lock_with_passphrase,
    opens_share,
    seal,
    unlock,
    unseal,
)
from pki.algorithms import ALGORITHMS, HASHES
from pki.errors import InvalidValue

FORMAT = "jitsuin-key-1"
_LABEL = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}\Z")
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | mldsa.MLDSA65PrivateKey
Passphrase = bytes | Mapping[str, bytes]
"""One passphrase, or custodians' passphrases by name."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who opens a store: `needed` of `custodians`, or whoever has the one passphrase (then there are none)."""

    custodians: tuple[str, ...]
    needed: int


class FileKey:
    """A private key in this process's memory; `repr` shows its label only."""

    def __init__(self, label: str, shape: KeyShape, private: PrivateKey) -> None:
        self.label = label
        self.shape = shape
        self._private = private
        self._signer = _signer(shape, private)
        self.public_spki = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, message: bytes) -> bytes:
        """The signature by the shape's algorithm; RSA by PKCS#1 v1.5, as JPKI signs."""
        return self._signer(message)

    def sign_parts(self, parts: Iterable[bytes | bytearray]) -> bytes:
        """The signature over `parts` put end to end, hashed one after the other: nothing large is copied."""
        hash_name = ALGORITHMS[self.shape.signature_algorithm].hash_name
        if hash_name is None:
            return self.sign(b"".join(parts))
        digest = hashlib.new(hash_name)
        for part in parts:
            digest.update(part)
        hashed = Prehashed(HASHES[hash_name])
        if isinstance(self._private, rsa.RSAPrivateKey):
            return self._private.sign(digest.digest(), padding.PKCS1v15(), hashed)
        if isinstance(self._private, ec.EllipticCurvePrivateKey):
            return self._private.sign(digest.digest(), ec.ECDSA(hashed))
        raise KeyUnavailable(self.label)

    def __repr__(self) -> str:
        return f"FileKey({self.label})"


def _signer(shape: KeyShape, private: PrivateKey) -> Callable[[bytes], bytes]:
    """Chosen once: telling the kinds apart would cost half as much as a P-256 signature."""
    hash_name = ALGORITHMS[shape.signature_algorithm].hash_name
    if isinstance(private, mldsa.MLDSA65PrivateKey):
        return private.sign
    hashed = HASHES[hash_name or ""]
    if isinstance(private, rsa.RSAPrivateKey):
        return lambda message: private.sign(message, padding.PKCS1v15(), hashed)
    scheme = ec.ECDSA(hashed)
    return lambda message: private.sign(message, scheme)


def generate(shape: KeyShape) -> PrivateKey:
    """A new private key of that shape."""
    match shape:
        case KeyShape.RSA_2048:
            return rsa.generate_private_key(65537, 2048)
        case KeyShape.P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyShape.P384:
            return ec.generate_private_key(ec.SECP384R1())
        case KeyShape.ML_DSA_65:
            return mldsa.MLDSA65PrivateKey.generate()


class FileKeyStore:
    """A folder of keys, opened. Make one with `lock` or `unlock`."""

    def __init__(self, folder: Path, master: bytes, random: Callable[[int], bytes]) -> None:
        self._folder = folder
        self._master = master
        self._random = random

    @classmethod
    def lock(
        cls,
        folder: Path,
        passphrase: Passphrase,
        random: Callable[[int], bytes],
        *,
        needed: int = 2,
        cost: Cost | None = None,
    ) -> "FileKeyStore":
        """A new store in `folder`, which may exist but holds no store yet. Errors: KeyExists, InvalidValue.

        With custodians' passphrases, `needed` of them open it. `cost` is what one try of a passphrase takes.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        master = random(32)
        if isinstance(passphrase, bytes):
            record = lock_with_passphrase(master, passphrase, cost or Cost(), random)
        else:
            record = lock_with_custodians(master, passphrase, needed, cost or Cost(), random)
        _write_new(folder, "store.json", record)
        return cls(folder, master, random)

    @classmethod
    def unlock(cls, folder: Path, passphrase: Passphrase, random: Callable[[int], bytes]) -> "FileKeyStore":
        """The store in `folder`. Errors: KeyUnavailable, WrongPassphrase, NotEnoughCustodians, KeyFileDamaged."""
        return cls(folder, unlock(_read(folder, "store.json"), passphrase), random)

    @staticmethod
    def access(folder: Path) -> Access:
        """Who opens the store in `folder`. Errors: KeyUnavailable, KeyFileDamaged."""
        return Access(*custodians_of(_read(folder, "store.json")))

    @staticmethod
    def accepts(folder: Path, custodian: str, passphrase: bytes) -> bool:
        """Whether this is that custodian's passphrase. Errors: KeyUnavailable, KeyFileDamaged."""
        return opens_share(_read(folder, "store.json"), custodian, passphrase)

    @staticmethod
    def opens(folder: Path, passphrase: bytes) -> bool:
        """Whether this one passphrase opens the store. Errors: KeyUnavailable, KeyFileDamaged."""
        try:
            unlock(_read(folder, "store.json"), passphrase)
        except (WrongPassphrase, NotEnoughCustodians):
            return False
        return True

    def change_passphrase(self, passphrase: Passphrase, *, needed: int = 2, cost: Cost | None = None) -> None:
        """Lock the same keys anew: another passphrase, or other custodians. Old passphrases open no longer, but
        whoever kept a copy of the old store.json and its passphrase still has the keys."""
        if isinstance(passphrase, bytes):
            record = lock_with_passphrase(self._master, passphrase, cost or Cost(), self._random)
        else:
            record = lock_with_custodians(self._master, passphrase, needed, cost or Cost(), self._random)
        _write_beside(self._folder, "store.json", record).replace(self._folder / "store.json")
        _flush_folder(self._folder)

    def create(self, label: str, shape: KeyShape) -> FileKey:
        """Make a key and write it; it is on disk when this returns. Errors: KeyExists, InvalidValue for the label."""
        _check_label(label)
        if (self._folder / f"{label}.key").exists():
            raise KeyExists(label)
        return self.import_key(label, shape, generate(shape))

    def import_key(self, label: str, shape: KeyShape, private: PrivateKey) -> FileKey:
        """Keep a key that was made elsewhere. Errors: KeyExists, InvalidValue for the label."""
        _check_label(label)
        key = FileKey(label, shape, private)
        header = {"format": FORMAT, "label": label, "shape": shape.value, "spki": key.public_spki.hex()}
        encoded = private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write_new(self._folder, f"{label}.key", seal(self._master, encoded, header, self._random))
        return key

    def open(self, label: str) -> FileKey:
        """The key of that label. Errors: KeyUnavailable, KeyFileDamaged."""
        _check_label(label)
        file = f"{label}.key"
        record = _read(self._folder, file)
        try:
            if record["format"] != FORMAT or record["label"] != label:
                raise KeyFileDamaged(file)
            # The checks of an RSA key take 40 ms; the file is authenticated, so they would find nothing new.
            private = serialization.load_der_private_key(
                unseal(self._master, record), None, unsafe_skip_rsa_key_validation=True
            )
            key = FileKey(label, KeyShape(record["shape"]), _expect_private(private))
        except (InvalidTag, KeyError, TypeError, ValueError) as error:
            raise KeyFileDamaged(file) from error
        if key.public_spki.hex() != record["spki"]:
            raise KeyFileDamaged(file)
        return key

    def labels(self) -> list[str]:
        """The labels of all keys, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.key"))

    def __repr__(self) -> str:
        return f"FileKeyStore({self._folder.name})"


def _expect_private(private: object) -> PrivateKey:
    if not isinstance(private, PrivateKey):
        raise ValueError("a private key of a kind that is not spoken here")
    return private


def _check_label(label: str) -> None:
    if not _LABEL.match(label):
        raise InvalidValue("a key's label has 1 to 64 of a-z, 0-9, dot and hyphen")


def _read(folder: Path, file: str) -> dict[str, Any]:
    try:
        record = json.loads((folder / file).read_bytes())
    except FileNotFoundError as error:
        raise KeyUnavailable(file.removesuffix(".key")) from error
    except ValueError as error:
        raise KeyFileDamaged(file) from error
    if not isinstance(record, dict):
        raise KeyFileDamaged(file)
    return record


def _write_new(folder: Path, file: str, record: Mapping[str, object]) -> None:
    """Durable and whole, or not there at all; never over an existing file."""
    beside = _write_beside(folder, file, record)
    try:
        os.link(beside, folder / file)
    except FileExistsError as error:
        raise KeyExists(file.removesuffix(".key")) from error
    finally:
        beside.unlink()
    _flush_folder(folder)


def _write_beside(folder: Path, file: str, record: Mapping[str, object]) -> Path:
    beside = folder / f".{file}.{os.getpid()}.new"
    beside.unlink(missing_ok=True)  # left by a crash of a process that had the same number
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(json.dumps(record, sort_keys=True, indent=1).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())
    return beside


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
