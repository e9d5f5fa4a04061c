"""Every profile in every variant: the shape that J-LIS's certificates have, and what the referees say of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ca.directory import Database, Directory
from ca.lint import judge
from ca.orders import Assurance, ServiceKind
from ca.parameters import Parameters, Partitioning, PointForm
from ca.profiles import PROFILES, Kind, Variant
from pki import names, oids
from pki.certificate import Certificate
from pki.instant import Instant
from pki.purpose import Purpose
from tests.ca.issuing_world import (
    OCSP,
    PERSON,
    PERSON_SHAPE,
    World,
    make_world,
    openssl_verify,
    pkilint_findings,
    request,
)


@pytest.fixture
def world(sqlite_database: Database, tmp_path: Path, at: Instant, random: Callable[[int], bytes]) -> World:
    return make_world(sqlite_database, tmp_path, at, random)


def _one_of_each(world: World) -> dict[Kind, list[tuple[Certificate, Certificate]]]:
    """Certificates of every kind, each with its root."""
    found: dict[Kind, list[tuple[Certificate, Certificate]]] = {kind: [] for kind in Kind}
    roots = {purpose: world.authority(purpose) for purpose in Purpose}
    for purpose, root in roots.items():
        found[Kind.ROOT].append((root, root))
        responder = world.database.read(
            lambda conn, purpose=purpose: Directory().responder(conn, f"{purpose.value}-1", world.at)  # type: ignore[misc]
        )
        assert responder.certificate is not None
        found[Kind.RESPONDER].append((responder.certificate, root))
        for assurance in Assurance:
            issued = world.issue(world.order(purpose, assurance=assurance))
            found[issued.kind].append((Certificate(issued.der), root))
    for kind in ServiceKind:
        issued = world.issue(world.service_order(kind))
        found[issued.kind].append((Certificate(issued.der), roots[Purpose.AUTHENTICATION]))
    return found


def test_the_table_is_whole() -> None:
    assert set(PROFILES) == {(kind, variant) for kind in Kind for variant in Variant}
    for profile in PROFILES.values():
        assert all(field.clause for field in (*profile.subject, *profile.extensions))
        assert len({extension.oid for extension in profile.extensions}) == len(profile.extensions)


PARAMETERS = {
    "municipality": Parameters(ocsp_uri=OCSP, partitioning=Partitioning.MUNICIPALITY),
    "plain": Parameters(),
    "uri": Parameters(
        ocsp_uri=OCSP,
        crl_form=PointForm.URI,
        crl_uri="http://crl.example.jp/{authority}/{partition}.crl",
        partitioning=Partitioning.RANDOM,
        issuer_and_serial=False,
        policy_arc="1.3.6.1.4.1.32473.9",
    ),
    "random": Parameters(partitioning=Partitioning.RANDOM, partitions=7),
}


@pytest.mark.parametrize("variant", list(Variant))
@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
def test_the_referees_find_nothing(
    variant: Variant,
    parameters: Parameters,
    sqlite_database: Database,
    tmp_path: Path,
    at: Instant,
    random: Callable[[int], bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = make_world(sqlite_database, tmp_path, at, random, variant, parameters)
    for kind, pairs in _one_of_each(world).items():
        assert pairs or kind in (Kind.LINK, Kind.CROSS)  # these are made in ceremonies: tests/ca/test_ceremony.py
        for certificate, root in pairs:
            assert pkilint_findings(tmp_path, certificate.der) == 0, (kind, capsys.readouterr().out)
            assert judge(certificate, issuer=root, at=at) == []
            if variant is not Variant.ML_DSA:  # OpenSSL 3.0 does not know lattice keys
                assert openssl_verify(tmp_path, root, certificate.der, at) == ""
            assert certificate.x509.verify_directly_issued_by(root.x509) is None


def test_the_signature_certificate_has_the_shape_of_jpki(world: World, at: Instant) -> None:
    person = replace(PERSON, name="見本●　花子", name_substitutes="001000")
    certificate = Certificate(world.issue(world.order(attributes=person)).der)
    root = world.authority(Purpose.SIGNATURE)
    parsed = certificate.x509
    assert names.readable(certificate.issuer) == (
        "C=JP, O=Jitsuin, OU=Jitsuin for digital signature, OU=Example Agency for Resident Certificates"
    )
    subject = names.parse_name(certificate.subject)
    assert [part.type for (part,) in subject] == [
        oids.COUNTRY_NAME, oids.LOCALITY_NAME, oids.LOCALITY_NAME, oids.COMMON_NAME,
    ]  # fmt: skip
    assert [part.raw[0] for (part,) in subject] == [0x13, 0x0C, 0x0C, 0x0C]
    assert [part.text for (part,) in subject][:3] == ["JP", "Tokyo-to", "Shibuya-ku"]
    common_name = subject[3][0].text
    assert common_name is not None
    assert common_name.startswith("20261123090000")
    assert len(common_name) == 28
    assert parsed.signature_algorithm_oid.dotted_string == oids.SHA256_WITH_RSA
    assert certificate.validity.not_after.iso() == "2031-02-17T14:59:59Z"
    assert [(extension.oid.dotted_string, extension.critical) for extension in parsed.extensions] == [
        (oids.KEY_USAGE, True),
        (oids.SUBJECT_ALT_NAME, False),
        (oids.CERTIFICATE_POLICIES, True),
        (oids.ISSUER_ALT_NAME, False),
        (oids.CRL_DISTRIBUTION_POINTS, False),
        (oids.AUTHORITY_INFO_ACCESS, False),
        (oids.AUTHORITY_KEY_IDENTIFIER, False),
        (oids.SUBJECT_KEY_IDENTIFIER, False),
    ]
    assert b"\x03\x02\x06\xc0" in certificate.der  # keyUsage, as JPKI's octets
    alternative = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    others = alternative.get_values_for_type(x509.OtherName)
    assert [other.type_id.dotted_string.rsplit(".", 1)[1] for other in others] == list("143526")
    texts = [other.value[2:].decode() for other in others]
    assert all(other.value[0] == 0x0C for other in others)
    assert texts == ["見本●　花子", "419900217", "2", PERSON.address, "001000", "0" * len(PERSON.address)]
    policy = parsed.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert [one.policy_identifier.dotted_string for one in policy] == ["1.3.6.1.4.1.32473.1.1"]
    assert policy[0].policy_qualifiers == ["http://cps.jitsuin.example/cps.html"]
    (issuer_name,) = parsed.extensions.get_extension_for_class(x509.IssuerAlternativeName).value
    assert "OU=実印公的個人認証サービス署名用" in names.readable(issuer_name.value.public_bytes())
    (point,) = parsed.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.full_name is not None
    assert names.readable(point.full_name[0].value.public_bytes()) == (
        "C=JP, O=Jitsuin, OU=Jitsuin for digital signature, OU=CRL Distribution Points, "
        "OU=Tokyo-to, CN=Shibuya-ku CRLDP"
    )
    authority = parsed.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert authority.key_identifier == root.key_identifier
    assert authority.authority_cert_serial_number == root.serial
    assert authority.authority_cert_issuer is not None
    assert certificate.key_identifier == x509.SubjectKeyIdentifier.from_public_key(parsed.public_key()).digest  # type: ignore[arg-type]
    assert "花子" not in names.readable(certificate.subject)


def test_the_authentication_certificate_tells_nobody_who_it_is(world: World) -> None:
    certificate = Certificate(world.issue(world.order(Purpose.AUTHENTICATION)).der)
    parsed = certificate.x509
    (country,), (common_name,) = names.parse_name(certificate.subject)
    assert country.text == "JP"
    assert common_name.text is not None
    assert len(common_name.text) == 23
    assert common_name.text.endswith("13113001A")
    assert [extension.oid.dotted_string for extension in parsed.extensions] == [
        oids.KEY_USAGE,
        oids.EXTENDED_KEY_USAGE,
        oids.CERTIFICATE_POLICIES,
        oids.ISSUER_ALT_NAME,
        oids.CRL_DISTRIBUTION_POINTS,
        oids.AUTHORITY_INFO_ACCESS,
        oids.AUTHORITY_KEY_IDENTIFIER,
        oids.SUBJECT_KEY_IDENTIFIER,
    ]
    assert list(parsed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    (access,) = parsed.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert access.access_location.value == OCSP
    for secret in (PERSON.name, PERSON.address, "19900217"):
        assert secret.encode() not in certificate.der


def test_the_root_has_the_shape_of_jpki(world: World) -> None:
    root = world.authority(Purpose.SIGNATURE)
    assert [(extension.oid.dotted_string, extension.critical) for extension in root.x509.extensions] == [
        (oids.KEY_USAGE, True),
        (oids.SUBJECT_ALT_NAME, False),
        (oids.BASIC_CONSTRAINTS, True),
        (oids.CRL_DISTRIBUTION_POINTS, False),
        (oids.SUBJECT_KEY_IDENTIFIER, False),
    ]
    assert root.subject == root.issuer != world.authority(Purpose.AUTHENTICATION).subject
    assert root.validity.not_after.iso() == "2036-11-22T14:59:59Z"
    constraints = root.x509.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert constraints.ca
    assert constraints.path_length is None


def test_the_policy_says_how_the_person_was_checked(world: World) -> None:
    def policy(purpose: Purpose, assurance: Assurance) -> str:
        parsed = Certificate(world.issue(world.order(purpose, assurance=assurance)).der).x509
        value = parsed.extensions.get_extension_for_class(x509.CertificatePolicies).value
        return value[0].policy_identifier.dotted_string.removeprefix(oids.DOCUMENTATION_ARC)

    found = {(purpose, assurance): policy(purpose, assurance) for purpose in Purpose for assurance in Assurance}
    assert len(set(found.values())) == 4
    assert found[Purpose.SIGNATURE, Assurance.REMOTE] == ".1.2"


@pytest.mark.parametrize(
    ("born", "digits"),
    [
        (date(1912, 7, 29), "119120729"),
        (date(1912, 7, 30), "219120730"),
        (date(1926, 12, 24), "219261224"),
        (date(1926, 12, 25), "319261225"),
        (date(1989, 1, 7), "319890107"),
        (date(1989, 1, 8), "419890108"),
    ],
)
def test_the_date_of_birth_carries_its_era(world: World, born: date, digits: str) -> None:
    order = world.order(date_of_birth=born, attributes=replace(PERSON, date_of_birth=born))
    assert digits.encode() in world.issue(order).der


def test_random_partitions_stay_where_they_were_put(
    sqlite_database: Database, tmp_path: Path, at: Instant, random: Callable[[int], bytes]
) -> None:
    parameters = PARAMETERS["uri"]
    world = make_world(sqlite_database, tmp_path, at, random, Variant.JPKI, parameters)
    points = set()
    for _ in range(12):
        parsed = Certificate(world.issue(world.order()).der).x509
        (point,) = parsed.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        assert point.full_name is not None
        points.add(point.full_name[0].value)
    assert len(points) > 6
    assert all(point.startswith("http://crl.example.jp/signature-1/") for point in points)


def test_two_generations_of_one_name_beside_each_other(world: World, random: Callable[[int], bytes]) -> None:
    from ca import authorities
    from ca.issuance import Registrar, Signer

    elder = world.authority(Purpose.SIGNATURE)
    made = authorities.create(world.database, world.keys, Purpose.SIGNATURE, Variant.ML_DSA, world.at, random)
    assert made.authority.id == "signature-2"
    assert made.authority.subject == elder.subject
    issued = {}
    for variant in (Variant.JPKI, Variant.ML_DSA):
        registrar = Registrar(PROFILES, Directory(), random, variant)
        order = world.order(request=request("card signature", PERSON_SHAPE[Variant.JPKI]))
        intent = world.database.transaction(lambda conn, r=registrar, o=order: r.intend(conn, o, world.at))  # type: ignore[misc]
        issued[variant] = Signer(world.keys, PROFILES).sign(world.database, intent, world.at)
    assert issued[Variant.JPKI].authority == "signature-1"
    assert issued[Variant.ML_DSA].authority == "signature-2"
    lattice = Certificate(issued[Variant.ML_DSA].der)
    assert made.authority.certificate is not None
    assert judge(lattice, issuer=made.authority.certificate, at=world.at) == []
    assert {finding.rule for finding in judge(lattice, issuer=elder)} == {
        "rfc5280.issuer-serial", "rfc5280.key-identifiers", "rfc5280.signature",
    }  # fmt: skip


def test_names_that_no_country_has(world: World) -> None:
    parsed = world.authority(Purpose.AUTHENTICATION).x509
    assert parsed.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)[0].value == "JP"
