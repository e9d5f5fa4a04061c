"""Making authorities and their OCSP responders. Every step can be repeated after a crash.

A root is an intent like any other, signed by its own key; so is a responder's certificate. What a crash leaves behind
is finished by the same call: a key that has no authority yet is used, an authority without root certificate gets it,
one without responder gets one.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from ca.authority import Authority, AuthorityState, ResponderCertificate
from ca.directory import Database, Directory
from ca.errors import KeyUnavailable, NoActiveResponder, OutlivesAuthority, ProfileMismatch, WrongState
from ca.intents import IntentId, Plan, Random, existing, key_hash, write
from ca.issuance import Signer
from ca.keys import KeyStore, SigningKey
from ca.lifecycle import AuthorityEvent, advance_authority
from ca.orders import Assurance
from ca.parameters import Parameters
from ca.planning import days_validity
from ca.points import WHOLE, authority_name, point_name
from ca.profiles import ISSUER_KEYS, PROFILES, KeyShape, Kind, Variant
from ca.request import prove_possession
from ca.store import issued as store
from ca.validity import Years, years_end
from pki.certification_request import assemble_request, certification_request_info
from pki.instant import Instant, Validity
from pki.purpose import Purpose


@dataclass(frozen=True, slots=True)
class Created:
    """An authority with the OCSP responder that answers for it."""

    authority: Authority
    responder: ResponderCertificate


def create(
    database: Database,
    keys: KeyStore,
    purpose: Purpose,
    variant: Variant,
    at: Instant,
    random: Random,
    *,
    parameters: Parameters | None = None,
    responder_keys: KeyStore | None = None,
    responder_shape: KeyShape = KeyShape.P256,
    signer: Signer | None = None,
) -> Created:
    """A new generation of an authority: self-signed root and delegated OCSP responder, stored.

    `responder_keys` is the store of the process that answers OCSP; the authority's own store where it is None. When
    the call before was cut short, this one finishes it (with the parameters of that time).
    Errors: KeyStoreError, LintFailed for parameters that make no right certificate.
    """
    generation = database.read(lambda conn: _unfinished(conn, purpose))
    if generation is None:
        generation = database.read(lambda conn: store.last_generation(conn, purpose.value)) + 1
    return create_generation(
        database,
        keys,
        purpose,
        generation,
        variant,
        at,
        random,
        parameters=parameters,
        responder_keys=responder_keys,
        responder_shape=responder_shape,
        signer=signer,
    )


def create_generation(
    database: Database,
    keys: KeyStore,
    purpose: Purpose,
    generation: int,
    variant: Variant,
    at: Instant,
    random: Random,
    *,
    parameters: Parameters | None = None,
    responder_keys: KeyStore | None = None,
    responder_shape: KeyShape = KeyShape.P256,
    signer: Signer | None = None,
) -> Created:
    """As `create`, for one generation; asked again for one that is whole, it changes nothing."""
    identifier = f"{purpose.value}-{generation}"
    signer = signer or Signer(keys, PROFILES)
    if database.read(lambda conn: store.authority(conn, identifier)) is None:
        key = ensure_key(keys, identifier, ISSUER_KEYS[variant])
        chosen = parameters or Parameters()
        intend_root(database, key, identifier, purpose, generation, variant, chosen, at, random)
    certify_root(database, signer, identifier, at)
    known = database.read(lambda conn: Directory().responders(conn, identifier))
    if known and known[-1].certificate is not None:
        responder = known[0]
    else:
        responder = add_responder(
            database, keys, identifier, at, random, responder_keys or keys, responder_shape, signer=signer
        )
    return Created(database.read(lambda conn: Directory().get(conn, identifier)), responder)


def _unfinished(conn: Connection, purpose: Purpose) -> int | None:
    generation = store.last_generation(conn, purpose.value)
    row = store.authority(conn, f"{purpose.value}-{generation}")
    if row is None:
        return None
    whole = row.state != AuthorityState.PENDING and any(one.certificate for one in store.responders(conn, row.id))
    return None if whole else generation


def ensure_key(keys: KeyStore, label: str, shape: KeyShape) -> SigningKey:
    """The key of that label, made if it is not there. Errors: WrongState when it is of another shape."""
    try:
        key = keys.open(label)
    except KeyUnavailable:
        return keys.create(label, shape)
    if key.shape is not shape:
        raise WrongState("the key", key.shape.value, f"use as {shape.value}")
    return key


def self_request(key: SigningKey) -> bytes:
    """A certification request by a key of our own: possession is proven for these too."""
    info = certification_request_info(key.public_spki)
    return assemble_request(info, key.shape.signature_algorithm, key.sign(info))


def intend_root(
    database: Database,
    key: SigningKey,
    identifier: str,
    purpose: Purpose,
    generation: int,
    variant: Variant,
    parameters: Parameters,
    at: Instant,
    random: Random,
) -> IntentId:
    """Write down an authority and the root certificate that it is going to have."""
    profile = PROFILES[Kind.ROOT, variant]
    if not isinstance(profile.lifetime, Years):
        raise ProfileMismatch(profile.name, "a root's lifetime is counted in years")
    validity = Validity(at, years_end(profile.lifetime, at))
    subject = authority_name(parameters, purpose)
    authority = Authority(
        identifier,
        purpose,
        generation,
        variant,
        key.label,
        key.shape,
        subject,
        key.public_spki,
        parameters,
        None,
        validity,
        AuthorityState.PENDING,
    )
    request = self_request(key)
    plan = Plan(
        profile=profile,
        authority=authority,
        proven=prove_possession(request, profile.keys),
        request=request,
        order_digest=key_hash(key.public_spki),
        idempotency_key=f"root:{identifier}",
        owner=identifier,
        card_id="",
        assurance=Assurance.IN_PERSON,
        validity=validity,
        partition=WHOLE,
        point=point_name(parameters, purpose, identifier, WHOLE, None),
    )

    def body(conn: Connection) -> IntentId:
        if (found := existing(conn, plan.idempotency_key, plan.order_digest)) is not None:
            return found
        store.insert_authority(
            conn,
            {
                "id": identifier,
                "purpose": purpose.value,
                "generation": generation,
                "variant": variant.value,
                "key_label": key.label,
                "algorithm": key.shape.value,
                "subject": subject,
                "spki": key.public_spki,
                "parameters": parameters.to_json(),
                "not_before": validity.not_before.seconds,
                "not_after": validity.not_after.seconds,
                "state": AuthorityState.PENDING.value,
                "created_at": at.seconds,
            },
        )
        return write(conn, plan, at, random)

    return database.transaction(body)


def certify_root(database: Database, signer: Signer, identifier: str, at: Instant) -> Authority:
    """Sign and store the root certificate of an authority that waits for it."""

    def waiting(conn: Connection) -> IntentId | None:
        row = store.intents_by_key(conn, [f"root:{identifier}"]).get(f"root:{identifier}")
        return None if row is None else IntentId(row.id)

    if (intent := database.read(waiting)) is not None:
        signer.sign(database, intent, at)
    return database.read(lambda conn: Directory().get(conn, identifier))


def add_responder(
    database: Database,
    keys: KeyStore,
    authority_id: str,
    at: Instant,
    random: Random,
    responder_keys: KeyStore,
    shape: KeyShape = KeyShape.P256,
    *,
    signer: Signer | None = None,
) -> ResponderCertificate:
    """A new OCSP signer for an authority, or the one that a call before left unfinished.

    Its life is short (`responder_days`) because nobody checks its revocation (RFC 6960 4.2.2.2.1); near the
    authority's own end it is cut to it. Errors: OutlivesAuthority once the authority has ended.
    """
    identifier, number, shape = database.read(lambda conn: _next_responder(conn, authority_id, shape))
    key = ensure_key(responder_keys, identifier, shape)
    request = self_request(key)
    directory = Directory()

    def body(conn: Connection) -> IntentId:
        if (found := existing(conn, f"responder:{identifier}", key_hash(key.public_spki))) is not None:
            return found
        authority = directory.get(conn, authority_id)
        if authority.validity.not_after < at:
            raise OutlivesAuthority(authority_id)
        profile = PROFILES[Kind.RESPONDER, authority.variant]
        validity = days_validity(profile, authority, at, authority.validity.not_after)
        store.insert_responder(
            conn,
            {
                "id": identifier,
                "authority": authority_id,
                "number": number,
                "key_label": key.label,
                "algorithm": key.shape.value,
                "spki": key.public_spki,
                "not_before": validity.not_before.seconds,
                "not_after": validity.not_after.seconds,
                "state": "pending",
                "created_at": at.seconds,
            },
        )
        plan = Plan(
            profile=profile,
            authority=authority,
            proven=prove_possession(request, profile.keys),
            request=request,
            order_digest=key_hash(key.public_spki),
            idempotency_key=f"responder:{identifier}",
            owner=identifier,
            card_id="",
            assurance=Assurance.IN_PERSON,
            validity=validity,
            partition=WHOLE,
            point=point_name(authority.parameters, authority.purpose, authority.id, WHOLE, None),
            common_name=f"OCSP responder {number} of {authority_id}",
        )
        return write(conn, plan, at, random)

    (signer or Signer(keys, PROFILES)).sign(database, database.transaction(body), at)
    return database.read(lambda conn: _responder(conn, authority_id, identifier))


def _next_responder(conn: Connection, authority_id: str, shape: KeyShape) -> tuple[str, int, KeyShape]:
    known = Directory().responders(conn, authority_id)
    if known and known[0].certificate is None:
        return known[0].id, known[0].number, known[0].key_shape
    number = known[0].number + 1 if known else 1
    return f"{authority_id}-ocsp-{number}", number, shape


def _responder(conn: Connection, authority_id: str, identifier: str) -> ResponderCertificate:
    for found in Directory().responders(conn, authority_id):
        if found.id == identifier:
            return found
    raise NoActiveResponder(authority_id)


def renew_responders(
    database: Database,
    keys: KeyStore,
    responder_keys: KeyStore,
    at: Instant,
    random: Random,
    ahead: timedelta,
    shape: KeyShape = KeyShape.P256,
) -> list[ResponderCertificate]:
    """New responders, with new keys, for every authority whose youngest one ends within `ahead`."""
    directory = Directory()

    def due(conn: Connection) -> list[str]:
        living = {AuthorityState.ACTIVE, AuthorityState.RETIRED}
        found = []
        for authority in directory.all(conn):
            if authority.state not in living or authority.validity.not_after <= at:
                continue
            known = directory.responders(conn, authority.id)
            fresh = known and known[0].certificate is not None and known[0].validity.not_after > at + ahead
            at_the_end = known and known[0].validity.not_after >= authority.validity.not_after
            if not fresh and not (at_the_end and known[0].certificate is not None):
                found.append(authority.id)
        return found

    return [
        add_responder(database, keys, identifier, at, random, responder_keys, shape)
        for identifier in database.read(due)
    ]


def succeed(database: Database, authority_id: str) -> None:
    """A younger generation takes the orders; this one goes on signing CRLs and responders. Errors: WrongState."""
    _move(database, authority_id, AuthorityEvent.SUCCEED)


def end(database: Database, authority_id: str) -> None:
    """The authority signs nothing more. Errors: WrongState."""
    _move(database, authority_id, AuthorityEvent.END)


def _move(database: Database, authority_id: str, event: AuthorityEvent) -> None:
    def body(conn: Connection) -> None:
        before = Directory().get(conn, authority_id).state
        after = advance_authority(before, event)
        if not store.set_authority_state(conn, authority_id, before.value, after.value):
            raise WrongState("the authority", before.value, event.value)

    database.transaction(body)
