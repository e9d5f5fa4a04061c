"""What a deployment decides about its certificates, beside the profiles: names, arcs, addresses. Stored with each
authority, so that a later change of settings never changes what an existing authority writes."""

import json
import re
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Self

from pki import oids
from pki.errors import InvalidValue
from pki.purpose import Purpose


class PointForm(StrEnum):
    """How a certificate names its CRL (RFC 5280 4.2.1.13)."""

    DIRECTORY = "directory"
    URI = "uri"


class Partitioning(StrEnum):
    """Which CRL a person's certificate goes to, fixed when it is issued."""

    NONE = "none"
    RANDOM = "random"
    MUNICIPALITY = "municipality"


@dataclass(frozen=True, slots=True)
class Parameters:
    """One authority's choices. Names in roman letters and in Japanese; none claims to be J-LIS.

    `unit` and `unit_ja` may hold `{purpose}` and are completed by `for_purpose`. `crl_uri` may hold `{authority}` and
    must hold `{partition}` when CRLs are partitioned; `delta_uri` holds `{authority}` and `{name}`, a delta CRL's name
    on the shelf. Days and years are lifetimes.
    """

    country: str = "JP"
    organization: str = "Jitsuin"
    unit: str = "Jitsuin for {purpose}"
    agency: str = "Example Agency for Resident Certificates"
    organization_ja: str = "実印公的個人認証サービス"
    unit_ja: str = "実印公的個人認証サービス{purpose}"
    agency_ja: str = "例示認証機構"
    policy_arc: str = oids.DOCUMENTATION_ARC
    cps_uri: str = "http://cps.jitsuin.example/cps.html"
    ocsp_uri: str | None = None
    crl_form: PointForm = PointForm.DIRECTORY
    crl_uri: str | None = None
    delta_uri: str | None = None
    """Where delta CRLs are (freshestCRL); None: nothing tells of them."""
    partitioning: Partitioning = Partitioning.NONE
    partitions: int = 64
    issuer_and_serial: bool = True
    """Whether authorityKeyIdentifier carries issuer and serial beside the key id: JPKI's shape, but a link certificate
    for the same key then no longer fits (OpenSSL compares the serial), so `next` leaves them out."""
    responder_days: int = 30
    operator_days: int = 730
    tls_client_days: int = 397
    time_stamp_days: int = 1826
    verdict_days: int = 1096

    def __post_init__(self) -> None:
        try:
            self.unit.format(purpose=""), self.unit_ja.format(purpose="")
            points = (
                (self.crl_uri or "").format(authority="", partition=0),
                (self.delta_uri or "").format(authority="", name=""),
            )
            addresses = (self.cps_uri, self.ocsp_uri or "", *points)
        except (KeyError, IndexError, ValueError) as error:
            what = "names hold {purpose} only, crl_uri {authority} and {partition}, delta_uri {authority} and {name}"
            raise InvalidValue(what) from error
        if not all(address.isascii() and address.isprintable() for address in addresses):
            raise InvalidValue("addresses in certificates are ASCII")
        if not re.fullmatch(r"[0-2](\.(0|[1-9][0-9]*)){2,}", self.policy_arc):
            raise InvalidValue("policy_arc is an object identifier in dots")
        if self.crl_form is PointForm.URI:
            if self.crl_uri is None:
                raise InvalidValue("crl_uri is needed when CRLs are named by URI")
            if self.partitioning is not Partitioning.NONE and "{partition}" not in self.crl_uri:
                raise InvalidValue("crl_uri must hold {partition} when CRLs are partitioned")
        if self.delta_uri is not None and ("{authority}" not in self.delta_uri or "{name}" not in self.delta_uri):
            raise InvalidValue("delta_uri must hold {authority} and {name}")
        if not 1 <= self.partitions <= 99_999:
            raise InvalidValue("partitions are 1 to 99999")
        if not 1 <= self.responder_days <= 397:
            raise InvalidValue("a responder certificate without revocation check lives 1 to 397 days")

    def roman_unit(self, purpose: Purpose) -> str:
        """The unit in the issuer's name."""
        words = {Purpose.SIGNATURE: "digital signature", Purpose.AUTHENTICATION: "user authentication"}
        return self.unit.format(purpose=words[purpose])

    def japanese_unit(self, purpose: Purpose) -> str:
        """The unit in the issuer's Japanese alternative name."""
        return self.unit_ja.format(purpose=purpose.japanese)

    def policy(self, *arcs: int) -> str:
        """A policy identifier below the configured arc."""
        return ".".join((self.policy_arc, *map(str, arcs)))

    def to_json(self) -> str:
        """All of it, keys sorted."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; fields that an older version did not know keep their defaults."""
        raw = json.loads(text)
        known = {field.name for field in fields(cls)}
        if not isinstance(raw, dict) or set(raw) - known:
            raise InvalidValue("these authority parameters are of a newer version")
        raw["crl_form"] = PointForm(raw.get("crl_form", PointForm.DIRECTORY))
        raw["partitioning"] = Partitioning(raw.get("partitioning", Partitioning.NONE))
        return cls(**raw)
