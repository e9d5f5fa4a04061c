"""Where a certificate says its CRL is (RFC 5280 4.2.1.13), by authority and partition.

DistributionPointName ::= CHOICE { fullName [0] GeneralNames, … }: a directory name in JPKI's shape, or a URI.
"""

from collections.abc import Callable

from ca.parameters import Parameters, Partitioning, PointForm
from pki import der, names, oids
from pki.municipality import Municipality
from pki.purpose import Purpose

WHOLE = 0
"""The partition number of an authority's unpartitioned CRL."""


def authority_name(parameters: Parameters, purpose: Purpose) -> bytes:
    """The distinguished name of the authority: C, O, OU, OU; the same for every generation."""
    return names.name(*_authority_rdns(parameters, purpose))


def _authority_rdns(parameters: Parameters, purpose: Purpose) -> tuple[bytes, ...]:
    return (
        names.attribute(oids.COUNTRY_NAME, parameters.country, printable=True),
        names.attribute(oids.ORGANIZATION_NAME, parameters.organization),
        names.attribute(oids.ORGANIZATIONAL_UNIT_NAME, parameters.roman_unit(purpose)),
        names.attribute(oids.ORGANIZATIONAL_UNIT_NAME, parameters.agency),
    )


def japanese_name(parameters: Parameters, purpose: Purpose) -> bytes:
    """The authority's name in Japanese, as issuerAltName and the root's subjectAltName carry it."""
    return names.name(
        names.attribute(oids.COUNTRY_NAME, parameters.country, printable=True),
        names.attribute(oids.ORGANIZATION_NAME, parameters.organization_ja),
        names.attribute(oids.ORGANIZATIONAL_UNIT_NAME, parameters.japanese_unit(purpose)),
        names.attribute(oids.ORGANIZATIONAL_UNIT_NAME, parameters.agency_ja),
    )


def choose_partition(parameters: Parameters, municipality: Municipality | None, random: Callable[[int], bytes]) -> int:
    """The partition for a new certificate. It never changes afterwards: whoever holds the certificate looks there."""
    if municipality is None or parameters.partitioning is Partitioning.NONE:
        return WHOLE
    if parameters.partitioning is Partitioning.MUNICIPALITY:
        return int(municipality.code)
    return int.from_bytes(random(8)) % parameters.partitions + 1


def point_name(
    parameters: Parameters, purpose: Purpose, authority: str, partition: int, municipality: Municipality | None
) -> bytes:
    """The DistributionPointName of one partition. `municipality` is read only where it is the partition."""
    if parameters.crl_form is PointForm.URI and parameters.crl_uri is not None:
        uri = parameters.crl_uri.format(authority=authority, partition=partition)
        return der.context(0, der.tlv(0x86, uri.encode("ascii")))
    return der.context(0, der.tlv(0xA4, _directory_name(parameters, purpose, partition, municipality)))


def delta_uri(parameters: Parameters, authority: str, partition: int) -> str | None:
    """Where the delta CRL of a partition is; None where nothing is to tell of deltas."""
    if parameters.delta_uri is None:
        return None
    return parameters.delta_uri.format(
        authority=authority, name="delta" if partition == WHOLE else f"{partition}-delta"
    )


def freshest_point(uri: str) -> bytes:
    """The value of freshestCRL with one address (RFC 5280 4.2.1.15)."""
    name = der.context(0, der.context(0, der.tlv(0x86, uri.encode("ascii"))))
    return der.sequence(der.sequence(name))


def _directory_name(
    parameters: Parameters, purpose: Purpose, partition: int, municipality: Municipality | None
) -> bytes:
    if partition == WHOLE:
        return authority_name(parameters, purpose)
    if parameters.partitioning is Partitioning.MUNICIPALITY and municipality is not None:
        place = [
            names.attribute(oids.ORGANIZATIONAL_UNIT_NAME, municipality.prefecture_roman),
            names.attribute(oids.COMMON_NAME, f"{municipality.municipality_roman} CRLDP"),
        ]
    else:
        place = [names.attribute(oids.COMMON_NAME, f"{partition} CRLDP")]
    # JPKI's points name country, organization and unit, but not the agency.
    head = _authority_rdns(parameters, purpose)[:-1]
    return names.name(*head, names.attribute(oids.ORGANIZATIONAL_UNIT_NAME, "CRL Distribution Points"), *place)
