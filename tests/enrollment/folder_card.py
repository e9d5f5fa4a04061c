"""A card whose memory is a folder: it outlives a killed process, as a real card does. P-384 keys, for speed."""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pki.purpose import Purpose


class Unplugged(Exception):
    """The card was pulled out."""


class FolderCard:
    """Keeps the promises of `enrollment.cards.CardSlot`; `pull_out_before` names the call at which it is pulled out."""

    curve: ec.EllipticCurve = ec.SECP384R1()
    digest: hashes.HashAlgorithm = hashes.SHA384()

    def __init__(
        self,
        folder: Path,
        card_id: str = "CARD0001",
        made: Callable[[str, Purpose, bytes], object] = lambda _card, _purpose, _spki: None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self._made = made
        self._folder = folder
        self._card_id = card_id
        self.pull_out_before: str | None = None
        self.calls: list[str] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.pull_out_before == name:
            raise Unplugged

    def _path(self, purpose: Purpose, what: str) -> Path:
        return self._folder / f"{purpose.value}.{what}"

    def _write(self, path: Path, octets: bytes) -> None:
        beside = path.with_suffix(path.suffix + ".new")
        beside.write_bytes(octets)
        os.replace(beside, path)

    def _key(self, path: Path) -> ec.EllipticCurvePrivateKey:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    def card_id(self) -> str:
        self._call("card_id")
        return self._card_id

    def generate(self, purpose: Purpose) -> bytes:
        self._call("generate")
        key = ec.generate_private_key(self.curve)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._write(self._path(purpose, "pending"), pem)
        spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._made(self._card_id, purpose, spki)
        return spki

    def prove(self, purpose: Purpose, message: bytes) -> bytes:
        self._call("prove")
        return self._key(self._path(purpose, "pending")).sign(message, ec.ECDSA(self.digest))

    def sign(self, purpose: Purpose, message: bytes) -> bytes:
        """With the active key, as for a filing."""
        return self._key(self._path(purpose, "active")).sign(message, ec.ECDSA(self.digest))

    def install(self, purpose: Purpose, certificate: bytes, ca_certificate: bytes) -> None:
        self._call("install")
        wanted = x509.load_der_x509_certificate(certificate).public_key()
        pending, active = self._path(purpose, "pending"), self._path(purpose, "active")
        if pending.exists() and self._key(pending).public_key() == wanted:
            self._write(self._path(purpose, "cer"), certificate)
            self._write(self._path(purpose, "ca"), ca_certificate)
            os.replace(pending, active)
        assert self._key(active).public_key() == wanted, "the certificate is not for a key of this card"

    def read(self, purpose: Purpose) -> bytes | None:
        self._call("read")
        path = self._path(purpose, "cer")
        return path.read_bytes() if path.exists() else None
