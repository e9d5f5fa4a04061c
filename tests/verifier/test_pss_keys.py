"""A signer's key that its owner restricted to RSASSA-PSS (RFC 4055 1.2, 3.1), in CMS: what it may sign, and how."""

from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from pki import der, oids
from tests.verifier.filing_world import Holder, World, build_world, rsa_key
from tests.verifier.test_attacks import algorithm, attributes_for, craft, holder_with_spki, judged, pss, rsa_spki
from tests.verifier.test_verify import PASSED, doubt, said
from verifier.indication import SubIndication

KEY = rsa_key("PSS only")
PKCS1 = algorithm(oids.SHA256_WITH_RSA, der.null())


def restricted(world: World, parameters: bytes | None) -> Holder:
    """The key behind id-RSASSA-PSS, with these parameters (None: for PSS with any)."""
    numbers = KEY.public_key().public_numbers()
    _, bits = der.read_whole(rsa_spki(numbers.n, numbers.e)).children()
    kind = der.sequence(der.oid(oids.RSASSA_PSS), *([] if parameters is None else [parameters]))
    return Holder(holder_with_spki(world, der.sequence(kind, bits.raw)).certificate, KEY)


def parameters_of(identifier: bytes) -> bytes:
    return der.read_whole(identifier).children()[1].raw


def value(holder: Holder, pad: Any, hashing: hashes.HashAlgorithm | None = None) -> bytes:
    assert isinstance(holder.key, rsa.RSAPrivateKey)
    return holder.key.sign(der.set_of(*attributes_for(holder)), pad, hashing or hashes.SHA256())


def pss_padding(salt: int = 32) -> padding.PSS:
    return padding.PSS(padding.MGF1(hashes.SHA256()), salt)


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


@pytest.mark.parametrize("parameters", [None, parameters_of(pss())], ids=["any", "SHA-256"])
def test_as_its_owner_allows(parameters: bytes | None, world: World) -> None:
    holder = restricted(world, parameters)
    report = judged(world, craft(holder, value=value(holder, pss_padding()), signature_algorithm=pss()))
    assert said(report) == PASSED, report.reason


@pytest.mark.parametrize("parameters", [None, parameters_of(pss())], ids=["any", "SHA-256"])
def test_never_with_another_padding(parameters: bytes | None, world: World) -> None:
    """The value is a right one, made with the right key: the key's owner said that it is not for this."""
    holder = restricted(world, parameters)
    signature = craft(holder, value=value(holder, padding.PKCS1v15()), signature_algorithm=PKCS1)
    assert said(judged(world, signature)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)


def test_never_with_another_hash_than_the_keys(world: World) -> None:
    for other in (
        pss(hash_oid=oids.SHA512, mask=oids.SHA512, salt=64),
        pss(hash_oid=oids.SHA384, mask=oids.SHA384, salt=48),
    ):
        holder = restricted(world, parameters_of(other))
        signature = craft(holder, value=value(holder, pss_padding()), signature_algorithm=pss())
        assert said(judged(world, signature)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)


@pytest.mark.parametrize(
    "bent",
    [pss(salt=20), pss(mask=oids.SHA1), pss(hash_oid=oids.SHA1), pss(trailer=2)],
    ids=["salt", "mask", "SHA-1", "trailer"],
)
def test_keys_restricted_to_what_nobody_accepts(bent: bytes, world: World) -> None:
    holder = restricted(world, parameters_of(bent))
    signature = craft(holder, value=value(holder, pss_padding()), signature_algorithm=pss())
    assert said(judged(world, signature)) == doubt(SubIndication.CRYPTO_CONSTRAINTS_FAILURE)
