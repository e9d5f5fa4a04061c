"""Random chains, judged by `openssl verify` and by us: a disagreement is a fault of one of the two.

Left out on purpose, because the two are known to differ there: key identifiers that do not fit,
which openssl refuses and RFC 5280 does not; malformed constraints, which openssl passes over when nothing meets them;
the CRLs of a CA with two keys, where openssl takes the one that fits the issuer's key best and RFC 5280 6.3.3 any of
that CA's; and mappings of a policy that a CA asserts only through an inhibited anyPolicy, which openssl still follows.
"""

import base64
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pki import oids
from tests.verifier.path_world import (
    AT,
    DAY,
    Ca,
    alternative_names,
    authority_key,
    basic_constraints,
    dns,
    email,
    entry,
    extension,
    ip,
    key_usage,
    name,
    name_constraints,
    policies,
    policy_constraints,
    policy_mappings,
    subject_key,
)
from verifier.anchors import anchor_of
from verifier.evidence import Evidence
from verifier.inputs import PathInputs
from verifier.sources import RevocationMode, StatusRules
from verifier.validator import Validator

pytestmark = [pytest.mark.referee]
ARC = "1.3.6.1.4.1.32473.1"
ONE, TWO, THREE = f"{ARC}.1", f"{ARC}.2", f"{ARC}.3"
CAS = [Ca(f"Level {level}") for level in range(5)]

HOSTS = ["example.com", "a.example.com", "b.a.example.com", "example.org", "*.example.com", "A.EXAMPLE.com"]
LIMITS = ["example.com", "a.example.com", "example.org", "com"]
names_of = st.lists(
    st.one_of(
        st.sampled_from(HOSTS).map(dns),
        st.sampled_from(["x@example.com", "y@a.example.com", "x@example.org"]).map(email),
        st.sampled_from([b"\xc0\x00\x02\x01", b"\x0a\x00\x00\x01"]).map(ip),
    ),
    max_size=3,
    unique=True,
)
limits_of = st.lists(
    st.one_of(
        st.sampled_from(LIMITS).map(dns),
        st.sampled_from(["x@example.com", "example.com", ".example.com"]).map(email),
        st.sampled_from([b"\xc0\x00\x02\x00\xff\xff\xff\x00", b"\x00" * 8]).map(ip),
    ),
    max_size=2,
    unique=True,
)


@st.composite
def ca_certificates(draw: st.DrawFn) -> dict[str, Any]:
    """How one CA certificate is bent, if at all; most are straight, or every chain would fail at once."""
    rare = st.integers(0, 11).map(lambda number: number == 0)
    return {
        "length": draw(st.sampled_from([None, None, None, 0, 1, 2])),
        "ca": not draw(rare),
        "usage": draw(st.sampled_from([(5, 6), (5, 6), (5, 6), (5,), (6,), None])) if draw(rare) else (5, 6),
        "expired": draw(rare),
        "broken": draw(rare),
        "critical": draw(rare),
        "self_issued": draw(rare),
        "permitted": draw(limits_of) if draw(st.booleans()) else [],
        "excluded": draw(limits_of) if draw(rare) else [],
        "policies": draw(st.sampled_from([None, (ONE,), (ONE, TWO), (oids.ANY_POLICY,), (ONE, oids.ANY_POLICY)])),
        "mapping": draw(st.sampled_from([(), (), (), ((ONE, TWO),), ((ONE, TWO), (TWO, ONE)), ((ONE, THREE),)])),
        "explicit": draw(st.sampled_from([None, None, None, 0, 1])),
        "no_mapping": draw(st.sampled_from([None, None, None, 0, 1])),
        "no_any": draw(st.sampled_from([None, None, None, 0, 1])),
        "names": draw(names_of) if draw(rare) else [],
    }


@st.composite
def chains(draw: st.DrawFn) -> dict[str, Any]:
    """A leaf and the CA certificates above it, with the caller's inputs."""
    rare = st.integers(0, 11).map(lambda number: number == 0)
    return {
        "cas": draw(st.lists(ca_certificates(), max_size=3)),
        "names": draw(names_of),
        "policies": draw(st.sampled_from([None, (ONE,), (TWO,), (ONE, THREE), (oids.ANY_POLICY,)])),
        "empty_subject": draw(rare),
        "broken": draw(rare),
        "critical": draw(rare),
        "initial": draw(st.sampled_from([None, None, (ONE,), (TWO,), (ONE, THREE)])),
        "flags": (draw(st.booleans()), draw(rare), draw(rare)),
        "revoked": draw(st.sampled_from([None, None, None, 0, 1])),
    }


UNKNOWN = extension(f"{ARC}.666", b"\x05\x00", critical=True)


def spoil(der: bytes, broken: bool) -> bytes:
    return der[:-1] + bytes((der[-1] ^ 1,)) if broken else der


def build(chain: dict[str, Any]) -> tuple[list[bytes], bytes, list[bytes]]:
    """(CA certificates from the root's side, leaf, CRLs)"""
    above, made, crls = CAS[0], [], []
    for level, bent in enumerate(chain["cas"], 1):
        below = Ca(f"Level {level}", above.named) if bent["self_issued"] else CAS[level]
        extensions = [basic_constraints(bent["ca"], bent["length"] if bent["ca"] else None), subject_key(below.key)]
        extensions.append(authority_key(above.key))
        if bent["usage"] is not None:
            extensions.append(key_usage(*bent["usage"]))
        if bent["critical"]:
            extensions.append(UNKNOWN)
        if bent["permitted"] or bent["excluded"]:
            extensions.append(name_constraints(bent["permitted"], bent["excluded"]))
        if bent["policies"]:
            extensions.append(policies(*bent["policies"]))
        if bent["mapping"]:
            extensions.append(policy_mappings(*bent["mapping"]))
        if bent["explicit"] is not None or bent["no_mapping"] is not None:
            extensions.append(policy_constraints(bent["explicit"], bent["no_mapping"]))
        if bent["no_any"] is not None:
            from pki import der

            extensions.append(extension(oids.INHIBIT_ANY_POLICY, der.integer(bent["no_any"]), True))
        if bent["names"]:
            extensions.append(alternative_names(*bent["names"]))
        span = {"end": AT + -DAY} if bent["expired"] else {}
        certificate = above.issue(below.named, below.key, *extensions, serial=50 + level, **span)  # type: ignore[arg-type]
        made.append(spoil(certificate, bent["broken"]))
        crls.append(above.crl(entry(51)) if chain["revoked"] == level else above.crl())
        above = below
    more = [alternative_names(*chain["names"], critical=chain["empty_subject"])] if chain["names"] else []
    if chain["policies"]:
        more.append(policies(*chain["policies"]))
    if chain["critical"]:
        more.append(UNKNOWN)
    subject = name() if chain["empty_subject"] and chain["names"] else name("leaf")
    leaf = above.leaf(*more, subject=subject, serial=7)
    crls.append(above.crl(entry(7) if chain["revoked"] == 0 else entry(8)))
    return made, spoil(leaf, chain["broken"]), crls


def pem(label: str, ders: list[bytes]) -> str:
    return "".join(
        f"-----BEGIN {label}-----\n{base64.encodebytes(one).decode()}-----END {label}-----\n" for one in ders
    )


def openssl(folder: Path, chain: dict[str, Any], made: list[bytes], leaf: bytes, crls: list[bytes]) -> tuple[bool, str]:
    """What `openssl verify` says."""
    for file, text in (
        (
            "root.pem",
            pem("CERTIFICATE", [CAS[0].root()]) + (pem("X509 CRL", crls) if chain["revoked"] is not None else ""),
        ),
        ("untrusted.pem", pem("CERTIFICATE", made)),
        ("leaf.pem", pem("CERTIFICATE", [leaf])),
    ):
        (folder / file).write_text(text)
    command = [
        "openssl",
        "verify",
        "-attime",
        str(AT.seconds),
        "-CAfile",
        "root.pem",
        "-auth_level",
        "0",
        "-policy_check",
    ]
    if made:
        command += ["-untrusted", "untrusted.pem"]
    for policy in chain["initial"] or (oids.ANY_POLICY,):
        command += ["-policy", policy]
    for flag, option in zip(chain["flags"], ("-explicit_policy", "-inhibit_map", "-inhibit_any"), strict=True):
        command += [option] if flag else []
    if chain["revoked"] is not None:
        command += ["-crl_check_all"]
    done = subprocess.run([*command, "leaf.pem"], cwd=folder, capture_output=True, timeout=30, check=False)
    return done.returncode == 0, done.stderr.decode()


def maps_what_is_inhibited(chain: dict[str, Any]) -> bool:
    """RFC 5280 6.1.4 (b)(1) maps a policy under anyPolicy only if a node of anyPolicy is there; 6.1.3 (d)(2) makes none
    while anyPolicy is inhibited."""
    inhibits = chain["flags"][2] or any(bent["no_any"] is not None for bent in chain["cas"])
    return inhibits and any(
        oids.ANY_POLICY in (bent["policies"] or ()) and any(one not in bent["policies"] for one, _ in bent["mapping"])
        for bent in chain["cas"]
    )


def agree(folder: Path, chain: dict[str, Any]) -> None:
    assume(not maps_what_is_inhibited(chain))
    assume(chain["revoked"] is None or not any(bent["self_issued"] for bent in chain["cas"]))
    made, leaf, crls = build(chain)
    explicit, no_mapping, no_any = chain["flags"]
    initial = None if chain["initial"] is None else frozenset(chain["initial"])
    rules = StatusRules(RevocationMode.OFF if chain["revoked"] is None else RevocationMode.REQUIRED)
    validator = Validator(
        [anchor_of(CAS[0].root())],
        PathInputs(initial, explicit, no_mapping, no_any),
        rules,
    )
    ours = validator.validate(leaf, AT, Evidence(tuple(made), tuple(crls) if chain["revoked"] is not None else ()))
    theirs, told = openssl(folder, chain, made, leaf, crls)
    assert ours.passed is theirs, f"ours: {ours.reason}; theirs: {told}; chain: {chain}"


def quick(examples: int) -> Any:
    return settings(
        max_examples=examples,
        deadline=timedelta(seconds=60),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def test_openssl_is_there() -> None:
    assert shutil.which("openssl"), "openssl is missing: apt-get install openssl"


@given(chain=chains())
@quick(60)
def test_random_chains(tmp_path: Path, chain: dict[str, Any]) -> None:
    agree(tmp_path, chain)


@pytest.mark.slow
@given(chain=chains())
@quick(1500)
def test_very_many_random_chains(tmp_path: Path, chain: dict[str, Any]) -> None:
    agree(tmp_path, chain)
