"""The practice statement: in RFC 3647's order, and its numbers are those of the code."""

import re
from pathlib import Path

import pytest

from ca.orders import Assurance
from ca.parameters import Parameters
from ca.profiles import ISSUER_KEYS, PROFILES, Kind, Profile, Variant
from ca.sealing import Cost
from ca.validity import Birthdays, Days, WithinIssuer, Years
from pki.algorithms import ALGORITHMS
from pki.serial import SerialNumber

TEXT = (Path(__file__).parents[2] / "docs" / "cps.md").read_text(encoding="utf-8")
OUTLINE = (
    "Introduction",
    "Publication and repository responsibilities",
    "Identification and authentication",
    "Certificate life-cycle operational requirements",
    "Facility, management, and operational controls",
    "Technical security controls",
    "Certificate, CRL, and OCSP profiles",
    "Compliance audit and other assessments",
    "Other business and legal matters",
)


def _rows(heading: str) -> list[list[str]]:
    """Cells of the first table below the line that begins with `heading`."""
    below = TEXT[TEXT.index(f"\n{heading}") :]
    table = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.group().splitlines()[2:]]


def test_the_sections_are_those_of_rfc_3647_4() -> None:
    found = re.findall(r"^## (\d+)\. (.*)$", TEXT, re.MULTILINE)
    assert found == [(str(number), title) for number, title in enumerate(OUTLINE, 1)]


def test_the_policies_are_those_that_certificates_state() -> None:
    stated = {tuple(map(int, arcs.split("."))) for _, arcs in _rows("### 1.2")}
    assert stated == {arcs for profile in PROFILES.values() for arcs in profile.policy.values()}
    signature = PROFILES[Kind.SIGNATURE, Variant.JPKI]
    assert signature.policy[Assurance.IN_PERSON] == (1, 1)
    assert f"`{Parameters().policy_arc}`" in TEXT


def test_keys_and_derivation() -> None:
    rows = dict(_rows("## 6."))
    for variant, shape in ISSUER_KEYS.items():
        algorithm = ALGORITHMS[shape.signature_algorithm].name
        assert rows[f"authority key, variant `{variant.value}`"] == f"{shape.value} with {algorithm}"
    ones, zeros = SerialNumber.draw(lambda size: b"\xff" * size), SerialNumber.draw(bytes)
    assert rows["random bits of a serial"] == str((ones ^ zeros).bit_count())
    cost = Cost()
    assert rows["passphrase derivation"] == (
        f"Argon2id, {cost.memory_kib} KiB, {cost.passes} passes, {cost.lanes} lanes"
    )


def _lifetime(profile: Profile) -> str:
    match profile.lifetime:
        case Years(years=years):
            return f"{years} years"
        case Days(parameter=parameter):
            return f"{getattr(Parameters(), parameter)} days"
        case WithinIssuer():
            return "as agreed"
        case Birthdays(first=first, renewed=renewed, window_months=months, minimum_age=age):
            text = f"{first}th birthday, {renewed}th if renewed in the last {months} months"
            return text if age is None else f"{text}, from {age} years of age"


@pytest.mark.parametrize("kind", list(Kind))
def test_usages_and_lifetimes(kind: Kind) -> None:
    (row,) = [row for row in _rows("### 7.1") if row[0] == kind.value]
    profile = PROFILES[kind, Variant.JPKI]
    assert row[1] == ", ".join(map(str, sorted(profile.key_usage)))
    assert row[2] == (", ".join(profile.extended_key_usage) or "–")
    assert row[3:] == [_lifetime(PROFILES[kind, variant]) for variant in (Variant.JPKI, Variant.NEXT)]
