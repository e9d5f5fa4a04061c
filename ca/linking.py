"""Certificates from one authority to another: links between generations, cross-certificates with other domains.

A new generation keeps the name and changes the key. Whoever trusts one of the two keys reaches the other by a link
(RFC 4210 4.4): new key certified by the old one, old key certified by the new one. A cross-certificate lets those who
trust us believe another domain, within what was agreed: policies, names, length of paths.
"""

import hashlib
import json

from sqlalchemy import Connection

from ca.authority import Authority
from ca.directory import Database, Directory
from ca.errors import ProfileMismatch
from ca.intents import IntentId, Plan, Random, existing, write
from ca.issuance import IssuedCertificate, Signer
from ca.keys import SigningKey
from ca.orders import Assurance
from ca.points import WHOLE, point_name
from ca.profiles import PROFILES, KeyShape, Kind
from ca.request import prove_possession
from ca.template import Agreement
from pki import der
from pki.algorithms import ALGORITHMS
from pki.certificate import Certificate
from pki.instant import Instant, Validity


def link(
    database: Database, signer: Signer, issuer_id: str, subject_id: str, request: bytes, at: Instant, random: Random
) -> IssuedCertificate:
    """The key of `subject_id` certified by the key of `issuer_id`, of the same name; asked again, the same one.

    `request` proves that the subject's key takes part. It ends with the first of the two authorities.
    Errors: ProfileMismatch when the names differ or the request is of another key.
    """

    def body(conn: Connection) -> IntentId:
        issuer, subject = Directory().get(conn, issuer_id), Directory().get(conn, subject_id)
        profile = PROFILES[Kind.LINK, issuer.variant]
        key = f"link:{issuer_id}:{subject_id}"
        proven = prove_possession(request, profile.keys)
        if issuer.subject != subject.subject or issuer.spki == subject.spki or proven.spki != subject.spki:
            raise ProfileMismatch(profile.name, "a link needs two keys of one name, and a request of the linked one")
        digest = hashlib.sha256(issuer.spki + subject.spki).hexdigest()
        if (found := existing(conn, key, digest)) is not None:
            return found
        validity = Validity(at, min(issuer.validity.not_after, subject.validity.not_after))
        plan = Plan(
            profile=profile,
            authority=issuer,
            proven=proven,
            request=request,
            order_digest=digest,
            idempotency_key=key,
            owner=subject_id,
            card_id="",
            assurance=Assurance.IN_PERSON,
            validity=validity,
            partition=WHOLE,
            point=_point(issuer),
        )
        return write(conn, plan, at, random)

    return signer.sign(database, database.transaction(body), at)


def cross_request(authority: Authority, key: SigningKey) -> bytes:
    """What we send to another domain: a PKCS#10 request with our authority's name and key, in DER."""
    info = der.sequence(der.integer(0), authority.subject, authority.spki, der.context(0))
    algorithm = ALGORITHMS[key.shape.signature_algorithm].identifier
    return der.sequence(info, algorithm, der.bit_string(key.sign(info)))


def cross_certify(
    database: Database,
    signer: Signer,
    issuer_id: str,
    other: Certificate,
    request: bytes,
    agreement: Agreement,
    not_after: Instant,
    at: Instant,
    random: Random,
) -> IssuedCertificate:
    """Certify another domain's authority within an agreement; asked again, the same certificate.

    `other` is that authority's own certificate (its name is taken over octet for octet), `request` its proof of
    possession. Errors: ProfileMismatch when they are of different keys or the agreement says nothing of policies.
    """

    def body(conn: Connection) -> IntentId:
        issuer = Directory().get(conn, issuer_id)
        profile = PROFILES[Kind.CROSS, issuer.variant]
        proven = prove_possession(request, frozenset(KeyShape))
        if proven.spki != other.spki:
            raise ProfileMismatch(profile.name, "request and certificate of the other authority are of different keys")
        if not agreement.policies:
            raise ProfileMismatch(profile.name, "an agreement names at least one policy")
        told = [other.fingerprint.hex(), not_after.seconds, repr(agreement)]
        digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        key = f"cross:{issuer_id}:{digest}"
        if (found := existing(conn, key, digest)) is not None:
            return found
        plan = Plan(
            profile=profile,
            authority=issuer,
            proven=proven,
            request=request,
            order_digest=digest,
            idempotency_key=key,
            owner=f"cross:{hashlib.sha256(other.subject).hexdigest()}",
            card_id="",
            assurance=Assurance.IN_PERSON,
            validity=Validity(at, not_after),
            partition=WHOLE,
            point=_point(issuer),
            subject=other.subject,
            agreement=agreement,
        )
        return write(conn, plan, at, random)

    return signer.sign(database, database.transaction(body), at)


def _point(issuer: Authority) -> bytes:
    return point_name(issuer.parameters, issuer.purpose, issuer.id, WHOLE, None)
