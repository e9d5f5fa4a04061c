"""What a key store must give. Two stand behind it: encrypted files and PKCS#11 tokens."""

from typing import Protocol

from ca.profiles import KeyShape


class SigningKey(Protocol):
    """A private key that can be used but not seen.

    Guarantees: `sign` may be called by several threads at once; it either returns a whole signature or raises
    KeyStoreError; it never retries a signature by itself except after the token was lost and came back.
    """

    @property
    def label(self) -> str:
        """The name under which the store knows it."""
        ...

    @property
    def shape(self) -> KeyShape:
        """Kind and size; `shape.signature_algorithm` is what it signs with."""
        ...

    @property
    def public_spki(self) -> bytes:
        """The public half, SubjectPublicKeyInfo in DER."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature over `message` as X.509 carries it (ECDSA: a DER sequence of r and s)."""
        ...


class KeyStore(Protocol):
    """A place where private keys are made and stay. Labels are unique; no key is ever overwritten."""

    def create(self, label: str, shape: KeyShape) -> SigningKey:
        """Make a key pair. Durable when it returns. Errors: KeyExists, KeyStoreError."""
        ...

    def open(self, label: str) -> SigningKey:
        """The key of that label. Errors: KeyUnavailable, KeyStoreError."""
        ...

    def labels(self) -> list[str]:
        """The labels of all keys, sorted."""
        ...
