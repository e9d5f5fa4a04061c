"""How the file key store's one master key is locked: by a passphrase, or by m of n custodians' passphrases.

store.json   {format, access, nonce, sealed}
  access     {"kind": "passphrase", "kdf": {…}}                      or
             {"kind": "custodians", "needed": m, "custodians": [{name, kdf, nonce, sealed share}]}
  sealed     the master key under AES-256-GCM; format and access are authenticated with it

A passphrase becomes a key by Argon2id (RFC 9106). With custodians, the locking key is random and shared (`ca.shamir`);
each share is sealed under its custodian's own passphrase.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ca.errors import KeyFileDamaged, NotEnoughCustodians, WrongPassphrase
from ca.shamir import Share, combine, split
from pki.errors import InvalidValue

FORMAT = "jitsuin-keystore-1"
Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Cost:
    """Argon2id's price of one try: RFC 9106 4 (second recommended option: 64 MiB, three passes)."""

    memory_kib: int = 65_536
    passes: int = 3
    lanes: int = 4


_MOST_MEMORY_KIB = 4 << 20
"""A header asking for more than 4 GiB is an attack on whoever opens it."""


def canonical(header: Mapping[str, object]) -> bytes:
    """The octets of a header that are authenticated: JSON with sorted keys and no spaces."""
    return json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def seal(key: bytes, secret: bytes, header: Mapping[str, object], random: Random) -> dict[str, object]:
    """`header` with the nonce and the sealed secret added (AES-256-GCM, 96-bit random nonce)."""
    nonce = random(12)
    return {**header, "nonce": nonce.hex(), "sealed": AESGCM(key).encrypt(nonce, secret, canonical(header)).hex()}


def unseal(key: bytes, record: Mapping[str, Any]) -> bytes:
    """The secret of `seal`. Errors: InvalidTag when key, header or content is not what was sealed; ValueError."""
    header = {name: value for name, value in record.items() if name not in ("nonce", "sealed")}
    return AESGCM(key).decrypt(bytes.fromhex(record["nonce"]), bytes.fromhex(record["sealed"]), canonical(header))


def lock_with_passphrase(master: bytes, passphrase: bytes, cost: Cost, random: Random) -> dict[str, object]:
    """The content of store.json for one passphrase."""
    kdf = _new_kdf(cost, random)
    access = {"kind": "passphrase", "kdf": kdf}
    return seal(_derive(passphrase, kdf), master, {"format": FORMAT, "access": access}, random)


def lock_with_custodians(
    master: bytes, passphrases: Mapping[str, bytes], needed: int, cost: Cost, random: Random
) -> dict[str, object]:
    """The content of store.json for custodians by name, `needed` of whom open it."""
    if not 2 <= needed <= len(passphrases):
        raise InvalidValue("at least two custodians must be needed, and as many must be named")
    locking = random(32)
    custodians = []
    for share, (name, passphrase) in zip(
        split(locking, needed, len(passphrases), random), sorted(passphrases.items()), strict=True
    ):
        kdf = _new_kdf(cost, random)
        custodians.append(
            seal(_derive(passphrase, kdf), share.values, {"name": name, "x": share.x, "kdf": kdf}, random)
        )
    access = {"kind": "custodians", "needed": needed, "custodians": custodians}
    return seal(locking, master, {"format": FORMAT, "access": access}, random)


def unlock(record: Mapping[str, Any], passphrase: bytes | Mapping[str, bytes]) -> bytes:
    """The master key, with one passphrase or with custodians' passphrases by name.

    Errors: WrongPassphrase, NotEnoughCustodians, KeyFileDamaged.
    """
    try:
        access = record["access"]
        if record["format"] != FORMAT or access["kind"] not in ("passphrase", "custodians"):
            raise KeyFileDamaged("store.json")
        if access["kind"] == "passphrase":
            if not isinstance(passphrase, bytes):
                raise WrongPassphrase
            return unseal(_derive(passphrase, access["kdf"]), record)
        if isinstance(passphrase, bytes):
            raise NotEnoughCustodians(0, int(access["needed"]))
        return unseal(_rebuild(access, passphrase), record)
    except InvalidTag as error:
        raise WrongPassphrase from error
    except (KeyError, TypeError, ValueError, InvalidValue) as error:
        raise KeyFileDamaged("store.json") from error


def custodians_of(record: Mapping[str, Any]) -> tuple[tuple[str, ...], int]:
    """The names of the custodians, sorted, and how many are needed; none and one for a passphrase.

    Errors: KeyFileDamaged. What it says is only authenticated by opening the store.
    """
    try:
        access = record["access"]
        if access["kind"] == "passphrase":
            return (), 1
        return tuple(sorted(str(one["name"]) for one in access["custodians"])), int(access["needed"])
    except (KeyError, TypeError, ValueError) as error:
        raise KeyFileDamaged("store.json") from error


def opens_share(record: Mapping[str, Any], name: str, passphrase: bytes) -> bool:
    """Whether the passphrase opens that custodian's share. Errors: KeyFileDamaged."""
    try:
        one = next(one for one in record["access"]["custodians"] if one["name"] == name)
        unseal(_derive(passphrase, one["kdf"]), one)
    except InvalidTag:
        return False
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise KeyFileDamaged("store.json") from error
    return True


def _rebuild(access: Mapping[str, Any], passphrases: Mapping[str, bytes]) -> bytes:
    given = [custodian for custodian in access["custodians"] if custodian["name"] in passphrases]
    if len(given) < access["needed"]:
        raise NotEnoughCustodians(len(given), int(access["needed"]))
    return combine(
        [
            Share(int(one["x"]), unseal(_derive(passphrases[one["name"]], one["kdf"]), one))
            for one in given[: access["needed"]]
        ]
    )


def _new_kdf(cost: Cost, random: Random) -> dict[str, object]:
    return {
        "name": "argon2id",
        "memory_kib": cost.memory_kib,
        "passes": cost.passes,
        "lanes": cost.lanes,
        "salt": random(16).hex(),
    }


def _derive(passphrase: bytes, kdf: Mapping[str, Any]) -> bytes:
    if kdf["name"] != "argon2id" or not 8 <= kdf["memory_kib"] <= _MOST_MEMORY_KIB:
        raise ValueError("a key derivation that is not spoken here")
    return Argon2id(
        salt=bytes.fromhex(kdf["salt"]),
        length=32,
        iterations=kdf["passes"],
        lanes=kdf["lanes"],
        memory_cost=kdf["memory_kib"],
    ).derive(passphrase)
