"""Certification paths of three certificates, side by side: ours, pyhanko-certvalidator, OpenSSL in this process.

    python -m bench.path [--rounds 7] [--leaves 40]

Every engine judges the same leaves, each leaf once a round; the engines take turns round by round, each with the
processor's caches to itself as in a server of its own. What is counted is processor time: on a shared machine the wall
clock punishes whoever takes longer than a time slice. Only
ratios taken in one run count. "cold": nothing was seen before, tables and parsed objects included.
"warm": the issuers and their CRLs were checked before, the leaf was not. "signatures": only their checks, on objects
that were parsed before; what no engine on these primitives can go below. The last lines are the ratios.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from OpenSSL import crypto
from pyhanko_certvalidator import CertificateValidator, ValidationContext

from pki import oids
from pki.compiled import modules
from tests.verifier.path_world import (
    AT,
    Ca,
    Key,
    alternative_names,
    authority_key,
    distribution_points,
    ec_key,
    email,
    entry,
    key_usage,
    name,
    point,
    policies,
    subject_key,
    uri,
)
from verifier import certificate, keys, name_preparation, walk
from verifier.algorithms import algorithm_of
from verifier.anchors import anchor_of
from verifier.crl import parse_crl
from verifier.evidence import Evidence
from verifier.signature import signature_holds
from verifier.sources import RevocationMode, StatusRules
from verifier.validator import Validator

POLICY = f"{oids.DOCUMENTATION_ARC}.1.1"


@dataclass(frozen=True)
class World:
    """Root, issuing CA, leaves, and a CRL of each CA; all in DER."""

    root: bytes
    issuer: bytes
    leaves: tuple[bytes, ...]
    crls: tuple[bytes, bytes]


@cache
def rsa_key(label: str) -> rsa.RSAPrivateKey:
    """An RSA-2048 key, made once."""
    assert label
    return rsa.generate_private_key(65537, 2048)


def make_world(key_of: Callable[[str], Key], leaves: int) -> World:
    """A small world; the certificates have the extensions that certificates of persons have."""
    root, issuer = Ca("Root", key=key_of("root")), Ca("Issuing CA", key=key_of("issuer"))
    made = tuple(
        issuer.issue(
            name(f"Person {number}"),
            key_of("leaf"),
            key_usage(0, 1),
            subject_key(key_of("leaf")),
            authority_key(issuer.key),
            policies(POLICY, critical=True),
            alternative_names(email("person@example.com")),
            distribution_points(point([uri("http://crl.example/1.crl")])),
            serial=1000 + number,
        )
        for number in range(leaves)
    )
    crls = root.crl(entry(5)), issuer.crl(*(entry(serial) for serial in range(10, 30)))
    return World(root.root(), root.ca(issuer, policies(POLICY, critical=True)), made, crls)


def forget() -> None:
    """Drop every table that fills by use."""
    keys.load_key.cache_clear()
    name_preparation.forget()
    certificate.known_extension.cache_clear()
    walk.moment.cache_clear()
    walk.dotted.cache_clear()


def ours(world: World, *, crls: bool, warm: bool) -> Callable[[bytes], None]:
    """Our engine."""
    rules = StatusRules(RevocationMode.REQUIRED if crls else RevocationMode.OFF)
    evidence = Evidence((world.issuer,), world.crls if crls else ())
    kept = Validator([anchor_of(world.root)], rules=rules)
    if warm:
        kept.validate(world.leaves[-1], AT, evidence)

    def run(leaf: bytes) -> None:
        validator = kept if warm else Validator([anchor_of(world.root)], rules=rules)
        if not validator.validate(leaf, AT, evidence).passed:
            raise AssertionError

    return run


def certvalidator(world: World, *, crls: bool) -> Callable[[bytes], None]:
    """pyhanko-certvalidator, with a context for each question, as its documentation has it."""
    loop = asyncio.new_event_loop()

    def run(leaf: bytes) -> None:
        context = ValidationContext(
            trust_roots=[asn1_x509.Certificate.load(world.root)],
            crls=[asn1_crl.CertificateList.load(one) for one in world.crls] if crls else [],
            moment=AT.datetime,
            allow_fetching=False,
            revocation_mode="require" if crls else "soft-fail",
        )
        validator = CertificateValidator(
            asn1_x509.Certificate.load(leaf), [asn1_x509.Certificate.load(world.issuer)], context
        )
        loop.run_until_complete(validator.async_validate_usage(set()))  # type: ignore[no-untyped-call]

    return run


def openssl(world: World, *, crls: bool) -> Callable[[bytes], None]:
    """OpenSSL's X509_verify_cert through pyOpenSSL, with a store for each question."""

    def run(leaf: bytes) -> None:
        store = crypto.X509Store()
        store.add_cert(crypto.X509.from_cryptography(x509.load_der_x509_certificate(world.root)))
        store.set_time(AT.datetime.replace(tzinfo=None))
        if crls:
            for one in world.crls:
                store.add_crl(x509.load_der_x509_crl(one))
            store.set_flags(crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL)
        chain = [crypto.X509.from_cryptography(x509.load_der_x509_certificate(world.issuer))]
        certificate = crypto.X509.from_cryptography(x509.load_der_x509_certificate(leaf))
        crypto.X509StoreContext(store, certificate, chain).verify_certificate()

    return run


def signatures(world: World, *, crls: bool, warm: bool) -> Callable[[bytes], None]:
    """Nothing but the signature checks and the loading of their keys: no engine on `cryptography` can be faster."""
    root, issuer = certificate.parse(world.root), certificate.parse(world.issuer)
    lists = [(parse_crl(world.crls[0]), root.spki), (parse_crl(world.crls[1]), issuer.spki)] if crls else []
    parsed = {leaf: certificate.parse(leaf) for leaf in world.leaves}
    known = load_der_public_key(issuer.spki)
    algorithm = algorithm_of(issuer.outer_algorithm)

    def check(key: Any, one: Any) -> None:
        if not signature_holds(key, algorithm.scheme, one.signature, one.tbs):
            raise AssertionError

    def run(leaf: bytes) -> None:
        if warm:
            check(known, parsed[leaf])
            return
        loaded = {spki: load_der_public_key(spki) for spki in (root.spki, issuer.spki)}
        check(loaded[issuer.spki], parsed[leaf])
        check(loaded[root.spki], issuer)
        for crl, spki in lists:
            check(loaded[spki], crl)

    return run


def measure(engines: dict[str, Callable[[bytes], None]], leaves: tuple[bytes, ...], rounds: int) -> dict[str, float]:
    """Median of the rounds' medians in µs; the engines take turns, each with all leaves."""
    medians: dict[str, list[float]] = {label: [] for label in engines}
    for _ in range(rounds):
        spent: dict[str, list[int]] = {label: [] for label in engines}
        for label, run in engines.items():
            for leaf in leaves:
                if label == "ours, cold":
                    forget()
                started = time.thread_time_ns()
                run(leaf)
                spent[label].append(time.thread_time_ns() - started)
        for label, times in spent.items():
            medians[label].append(statistics.median(times) / 1000)
    return {label: statistics.median(found) for label, found in medians.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Certification paths side by side.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--leaves", type=int, default=40)
    asked = parser.parse_args()
    print(f"pyhanko-certvalidator {version('pyhanko-certvalidator')}, pyOpenSSL {version('pyOpenSSL')},", end=" ")
    print(f"cryptography {version('cryptography')}; of ours {sum(1 for _ in modules())} modules are compiled")
    print(f"µs of processor time a path, median of {asked.rounds} rounds of {asked.leaves}")
    ratios = []
    for kind, key_of in (("RSA-2048", rsa_key), ("P-256", ec_key)):
        for crls in (False, True):
            # a warm engine must not have seen the leaf: each of its rounds gets leaves of its own
            world = make_world(key_of, asked.leaves * (asked.rounds + 1))
            title = f"{kind}, {'two CRLs' if crls else 'path only'}"
            engines = {
                "ours, cold": ours(world, crls=crls, warm=False),
                "ours, warm": ours(world, crls=crls, warm=True),
                "certvalidator": certvalidator(world, crls=crls),
                "OpenSSL": openssl(world, crls=crls),
                "signatures": signatures(world, crls=crls, warm=False),
                "signatures, warm": signatures(world, crls=crls, warm=True),
            }
            found: dict[str, list[float]] = {label: [] for label in engines}
            for number in range(asked.rounds):
                part = world.leaves[number * asked.leaves : (number + 1) * asked.leaves]
                for label, value in measure(engines, part, 1).items():
                    found[label].append(value)
            medians = {label: statistics.median(values) for label, values in found.items()}
            for label, value in medians.items():
                spread = f"{min(found[label]):.0f}..{max(found[label]):.0f}"
                print(f"{title:22} {label:16} {value:8.0f}   ({spread})")
            cold, warm = medians["ours, cold"], medians["ours, warm"]
            ratios.append(
                f"{title:22} cold {medians['certvalidator'] / cold:5.1f} × certvalidator (wanted: 8; its signatures "
                f"alone allow {medians['certvalidator'] / medians['signatures']:.1f}), "
                f"{cold / medians['OpenSSL']:.2f} × the time of OpenSSL (wanted: at most 2); "
                f"warm {medians['certvalidator'] / warm:5.1f} × certvalidator (wanted: 30; its one signature alone "
                f"allows {medians['certvalidator'] / medians['signatures, warm']:.1f})"
            )
    print(*ratios, sep="\n")


if __name__ == "__main__":
    main()
