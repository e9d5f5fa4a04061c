"""NIST PKITS: the cases from `fixtures/pkits`, the certificates and CRLs from the package `cryptography-vectors`."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cryptography_vectors

from pki.instant import Instant
from verifier.inputs import PathInputs

AT = Instant.parse("2011-04-15T00:00:00Z")
FOLDER = Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data"
TABLE = Path(__file__).parents[2] / "fixtures" / "pkits" / "pkits_nist.json"
DECLARED = frozenset({"4.1.5"})
"""DSA parameters inherited from the issuer: the key cannot be read by itself (docs/divergences.md)."""
ANY_POLICY = "2.5.29.32.0"


@dataclass(frozen=True)
class PkitsCase:
    """One sub-test; `certificates` run from the anchor to the leaf."""

    id: str
    certificates: tuple[str, ...]
    crls: tuple[str, ...]
    initial_policies: tuple[str, ...]
    explicit: bool
    no_mapping: bool
    no_any: bool
    valid: bool
    policies: frozenset[str]

    @property
    def inputs(self) -> PathInputs:
        """The inputs of RFC 5280 6.1.1."""
        initial = None if self.initial_policies == (ANY_POLICY,) else frozenset(self.initial_policies)
        return PathInputs(initial, self.explicit, self.no_mapping, self.no_any)


@cache
def cases() -> tuple[PkitsCase, ...]:
    """All 249."""
    return tuple(
        PkitsCase(
            one["id"],
            tuple(one["certs"]),
            tuple(one["crls"]),
            tuple(one["initial_policy_set"]),
            one["initial_explicit_policy"],
            one["initial_policy_mapping_inhibit"],
            one["initial_any_policy_inhibit"],
            one["expect_valid"],
            frozenset(one["expect_user_constrained_policy_set"]),
        )
        for one in json.loads(TABLE.read_text())
    )


@cache
def certificate(file: str) -> bytes:
    """One of the 405."""
    return (FOLDER / "certs" / file).read_bytes()


@cache
def crl(file: str) -> bytes:
    """One of the 173."""
    return (FOLDER / "crls" / file).read_bytes()


@cache
def everything() -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """All certificates and all CRLs, for an engine that must find path and status itself."""
    certificates = tuple(certificate(path.name) for path in sorted((FOLDER / "certs").glob("*.crt")))
    return certificates, tuple(crl(path.name) for path in sorted((FOLDER / "crls").glob("*.crl")))
