"""What each role of `jitsuin serve` answers: one list of routers a plane, composed into one application.

status          OCSP and CRLs: the responders' keys, the shelf, a database that is only read
relying-party   the verification API: the key that signs verdicts
time-stamps     RFC 3161: the time-stamp authority's key
desk, citizen   filings and pages: no keys; what they promise is signed by the signing process
cards           managing cards through strangers' readers: no key; another process has the cards' master key
gateway         municipalities' systems and channels, each by its own registered key
all             everything above on one port
"""

import logging
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import sleep
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fastapi import APIRouter

from ca.authority import Authority
from ca.directory import Directory
from ca.journal_file import JournaledDatabase, JournalFile
from ca.orders import Assurance
from ca.profiles import PROFILES, Kind
from cli.database import Database
from cli.monitoring import Watched
from cli.publishing import open_shelf
from cli.renewed import Renewed
from cli.services import Service, certificates, open_service
from cli.settings import Settings
from cli.status_plane import OwnOcsp, Responders, StatusPlane
from cli.tls import server_context
from pki.certificate import Certificate
from pki.instant import Clock, Instant
from pki.purpose import Purpose
from web.application import Application, Frame, compose
from web.client_certificate import from_proxies
from web.language import Language
from web.readers.lines import Lines
from web.readers.pairings import Pairings
from web.responder import make_responder_router

if TYPE_CHECKING:
    from verifier.verdict import VerdictSigner
    from web.filing_check import FilingCheck


log = logging.getLogger("jitsuin.serve")


@dataclass(frozen=True, slots=True)
class Web:
    """An application and what to tell people about it: a name and an address for each thing in it."""

    application: Application
    addresses: dict[str, str]
    watched: Watched
    checks: Mapping[str, Callable[[], object]]
    """What must hold for it to be ready."""
    tls: ssl.SSLContext | None
    """How its connections are secured; None: plain HTTP."""


@dataclass(slots=True)
class Planes:
    """The parts of a web process; each plane takes what it needs, and no role opens what it does not."""

    settings: Settings
    clock: Clock
    random: Callable[[int], bytes]
    stopwatch: Callable[[], float]
    database: Database
    directory: Directory = field(default_factory=Directory)
    responders: Responders | None = None
    """Of this process, once the status plane is built."""
    pairings: Pairings = field(init=False)
    lines: Lines = field(init=False)
    """The reader agents of whoever has a page of this process open."""

    def __post_init__(self) -> None:
        self.pairings, self.lines = Pairings(self.clock, self.random), Lines(self.clock)

    @property
    def journaled(self) -> JournaledDatabase:
        """The database whose revocations are in the journal file too before anybody is answered."""
        return JournaledDatabase(self.database, JournalFile(self.settings.path(self.settings.status.journal)))

    def authorities(self) -> list[Authority]:
        """Those that have a root certificate."""
        return [one for one in self.database.read(self.directory.all) if one.certificate is not None]

    def status(self) -> list[APIRouter]:
        """OCSP and CRLs."""
        plane = StatusPlane.open(self.settings, self.database, self.random, lambda error: log.error("%s", error))
        self.responders = Responders(plane, self.clock)
        client_of = from_proxies(frozenset(self.settings.service.client_certificates_from), self.clock)
        return [make_responder_router(self.responders, open_shelf(self.settings), self.clock, client_of)]

    def check(self) -> "FilingCheck":
        """The verifier with this deployment's own authorities as anchors, one set a purpose."""
        from verifier.anchors import anchor_of
        from verifier.fetch import AllowedHost, Fetcher, HttpFetcher
        from verifier.judge import Trust
        from verifier.policy import Policy
        from web.filing_check import FilingCheck

        anchors = {
            purpose: tuple(anchor_of(_certificate(one)) for one in self.authorities() if one.purpose is purpose)
            for purpose in Purpose
        }
        parts = urlsplit(self.settings.public_url)
        here = AllowedHost(parts.hostname or "", parts.port, private=True)
        fetcher: Fetcher = HttpFetcher(frozenset({here}), self.stopwatch)
        if self.responders is not None and self.settings.status.ocsp_access == "registered":
            fetcher = OwnOcsp(fetcher, self.responders, self.settings.public_url, self.clock)
        return FilingCheck(
            # our own time-stamp authority stands below the authority for log-ins (ca/profiles.py)
            trust={purpose: Trust(signers, anchors[Purpose.AUTHENTICATION]) for purpose, signers in anchors.items()},
            policy={
                purpose: Policy(
                    name=purpose.value, purpose=purpose, certificate_policies=frozenset(self.policies(purpose))
                )
                for purpose in Purpose
            },
            fetcher=fetcher,
            random=self.random,
            issued={oid: how for purpose in Purpose for oid, how in self.policies(purpose).items()},
        )

    def policies(self, purpose: Purpose) -> dict[str, Assurance]:
        """The certificate policies that people's certificates of our own authorities carry, with what each asserts."""
        return {
            one.parameters.policy(*arcs): how
            for one in self.authorities()
            if one.purpose is purpose
            for how, arcs in PROFILES[Kind(purpose.value), one.variant].policy.items()
        }

    def relying_party(self) -> list[APIRouter]:
        """The verification API: for registered parties once there is one, until then an open door (as in the demo)."""
        from cli.party import HANDLE_KEY
        from cli.secrets import read_secret
        from web.api_page import make_api_page_router
        from web.relying_party import make_relying_party_router
        from web.verdict_certificates import make_verdict_certificates_router

        public = [make_verdict_certificates_router(self.verdict_certificates), make_api_page_router()]
        key = self.settings.path(HANDLE_KEY)
        if not key.exists():
            return [make_relying_party_router(self.check(), self.clock), *public]
        return [self._registered_parties(bytes.fromhex(read_secret(key).decode())), *public]

    def published_crls(self) -> list[bytes]:
        """The full CRL of each authority, as it is published just now."""
        shelf = open_shelf(self.settings)
        found = (shelf.current(authority.id, "full") for authority in self.authorities())
        return [one.der for one in found if one is not None]

    def verdict_certificates(self) -> list[Certificate]:
        """Of everything that ever signed verdicts here."""
        return certificates(self.database, Service.VERDICTS)

    def verdict_signing(self) -> "Renewed[VerdictSigner]":
        """Whoever signs verdicts at a moment; None where there is no key for it yet. Errors: SecretMissing."""
        from verifier.verdict import VerdictSigner

        return Renewed(
            lambda: open_service(self.settings, self.database, Service.VERDICTS, self.random),
            lambda found: VerdictSigner(found.certificate, (found.issuer,), found.key.sign),
            self.clock,
        )

    def time_stamps(self) -> list[APIRouter]:
        """The time-stamp authority, where the deployment has a key for it. Errors: SecretMissing."""
        from ca.tsa import TimestampAuthority
        from web.time_stamps import make_time_stamp_router

        policy = f"{self.settings.authorities.policy_arc}.5.1"
        authority = Renewed(
            lambda: open_service(self.settings, self.database, Service.TIME_STAMPS, self.random),
            lambda found: TimestampAuthority(found.certificate, (), found.key.sign, policy, self.random),
            self.clock,
        )
        if authority() is None:
            return []

        def answer(request: bytes, at: Instant) -> bytes:
            now = authority()
            assert now is not None, "a key that was there stays in use"
            return now.answer(request, at)

        return [make_time_stamp_router(answer, self.clock)]

    def _registered_parties(self, handle_key: bytes) -> APIRouter:
        from web.consents import Consents
        from web.handles import Handles
        from web.parties import Parties
        from web.party_logins import PartyLogins
        from web.party_status import PartyStatus
        from web.relying_api import RelyingParts, make_relying_api
        from web.subjects import RegisteredSubjects
        from web.verifications import Verifications

        check, handles = self.check(), Handles(handle_key)
        subjects = RegisteredSubjects(self.database, self.random)
        service, signing = self.settings.public_url, self.verdict_signing()
        consents = Consents(check, self.database, subjects, self.clock, self.random)
        parts = RelyingParts(
            Parties(self.database, service),
            Verifications(check, self.database, handles, subjects, self.clock, self.random, signing, service, consents),
            PartyLogins(check, self.database, handles, subjects, self.clock, self.random),
            PartyStatus(check, self.database, subjects, self.clock, self.published_crls),
            self.database,
            self.clock,
            from_proxies(frozenset(self.settings.service.client_certificates_from), self.clock),
            consents,
        )
        return make_relying_api(parts)

    def filings(self) -> list[APIRouter]:
        """The doors for remote filings and for statements of residence. They have no key: what they promise is signed
        by the signing process."""
        from ca.issuance import Registrar
        from ca.profiles import PROFILES
        from enrollment.moves import Moves
        from web.filings import VerifiedByUs, filings_router
        from web.residence import residence_router

        registrar = Registrar(PROFILES, self.directory, self.random)
        moves = Moves(self.journaled, registrar, self.random)
        verifier = VerifiedByUs(self.check())
        return [
            filings_router(moves, verifier, self.clock),
            residence_router(self.database, verifier, self.clock, self.random),
        ]

    def cards(self) -> list[APIRouter]:
        """The door for managing cards from afar. It has no key: the process with the cards' keys computes."""
        from cli.card_desk import hold_policy, pin_reset_rule
        from web.card_acts import card_acts_router
        from web.card_management import card_management_router

        holds, rule = hold_policy(self.settings), pin_reset_rule(self.settings)
        return [
            card_management_router(self.database, self.clock, self.random, sleep),
            card_acts_router(self.journaled, self.clock, self.random, holds, rule),
        ]

    def gateway(self) -> list[APIRouter]:
        """The doors of municipalities' systems and of channels."""
        from cli.gateway_planes import peers_doors

        return peers_doors(self)

    def office(self) -> list[APIRouter]:
        """The doors of the officers who watch the gate and the flags, by their cards."""
        from cli.gateway_planes import officers_doors

        return officers_doors(self)

    def about(self) -> list[APIRouter]:
        """Who can see what, for everybody."""
        from cli.gateway_planes import about_page

        return about_page(self)

    def households(self) -> list[APIRouter]:
        """The door for households' filings."""
        from cli.gateway_planes import households_doors

        return households_doors(self)

    def desk(self) -> list[APIRouter]:
        """The counter desk's pages and its doors for reader agents."""
        from cli.desk_plane import desk_plane

        return desk_plane(self)

    def citizen(self) -> list[APIRouter]:
        """People's own pages."""
        from cli.citizen_plane import citizen_plane

        return citizen_plane(self)

    def readers(self) -> list[APIRouter]:
        """The doors of reader agents, and what the browser loads beside pages."""
        from web.pages.static import static_files, static_router
        from web.readers.doors import reader_router

        return [static_router(static_files()), reader_router(self.pairings, self.lines, self.random)]

    def home(self, paths: frozenset[str]) -> APIRouter:
        """The first page, which tells of those `paths` that this process serves."""
        from web.home import AuthorityCard, make_home_router

        cards = [AuthorityCard(one.id, one.purpose, _certificate(one)) for one in self.authorities()]
        return make_home_router(cards, paths, Language(self.settings.service.language))


ROLES: Mapping[str, tuple[Callable[[Planes], list[APIRouter]], ...]] = {
    "status": (Planes.status,),
    "relying-party": (Planes.relying_party,),
    "time-stamps": (Planes.time_stamps,),
    "desk": (Planes.desk, Planes.readers, Planes.filings, Planes.households, Planes.office, Planes.about),
    "citizen": (Planes.citizen, Planes.readers, Planes.filings, Planes.households, Planes.about),
    "cards": (Planes.cards,),
    "gateway": (Planes.gateway,),
    "all": (
        Planes.status,
        Planes.relying_party,
        Planes.time_stamps,
        Planes.filings,
        Planes.cards,
        Planes.households,
        Planes.gateway,
        Planes.office,
        Planes.desk,
        Planes.citizen,
        Planes.readers,
        Planes.about,
    ),
}
"""Role → its planes."""


@contextmanager
def open_web(
    settings: Settings,
    role: str,
    clock: Clock,
    random: Callable[[int], bytes],
    stopwatch: Callable[[], float],
) -> Iterator[Web]:
    """One web process of a deployment. Errors: DatabaseNewer, DatabaseOutdated, SecretMissing, KeyStoreError."""
    database = Database(settings.database_url)
    try:
        database.check()
        planes = Planes(settings, clock, random, stopwatch, database)
        routers = [router for plane in ROLES[role] for router in plane(planes)]
        routers.append(planes.home(_paths(routers)))
        checks: dict[str, Callable[[], object]] = {"database": lambda: database.read(planes.directory.all)}
        frame = Frame(
            random=random,
            stopwatch=stopwatch,
            language=Language(settings.service.language),
            max_body=settings.service.max_body,
            checks=checks,
        )
        watched = Watched(settings, database, clock, planes.responders, office=Planes.office in ROLES[role])
        roots = [_certificate(authority).der for authority in planes.authorities()]
        tls = server_context(settings, role, roots)
        yield Web(compose("Jitsuin", routers, frame), _addresses(settings, planes, routers), watched, checks, tls)
    finally:
        database.close()


def _paths(routers: list[APIRouter]) -> frozenset[str]:
    return frozenset(path for router in routers for route in router.routes if (path := getattr(route, "path", None)))


def _addresses(settings: Settings, planes: Planes, routers: list[APIRouter]) -> dict[str, str]:
    paths = _paths(routers)
    found = {"start": f"{settings.public_url}/"}
    if any(path.startswith("/ocsp/") for path in paths):
        for authority in planes.authorities():
            found[f"OCSP {authority.purpose.value}"] = f"{settings.public_url}/ocsp/{authority.id}"
            found[f"CRL {authority.purpose.value}"] = f"{settings.public_url}/crl/{authority.id}.crl"
    if "/v1/verifications" in paths:
        found["verification"] = f"{settings.public_url}/v1/verifications"
        found["API"] = f"{settings.public_url}/docs"
    if "/tsa" in paths:
        found["time-stamps"] = f"{settings.public_url}/tsa"
    if "/v1/filings" in paths:
        found["filings"] = f"{settings.public_url}/v1/filings"
    if "/desk/" in paths:
        found["desk"] = f"{settings.public_url}/desk/"
    if "/citizen/" in paths:
        found["my pages"] = f"{settings.public_url}/citizen/"
    if "/v1/card-management" in paths:
        found["cards"] = f"{settings.public_url}/v1/card-management"
    found["health"] = f"{settings.public_url}/health"
    return found


def _certificate(authority: Authority) -> Certificate:
    assert authority.certificate is not None, "an authority without certificate signs and answers nothing"
    return authority.certificate
