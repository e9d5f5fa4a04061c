"""From an order to a plan: which profile, whose authority, how long, in which partition, under which name.

Nothing is written here and nothing is signed. `Asked` comes first: an order whose key's holder proved to have it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ca import orders
from ca.authority import Authority
from ca.errors import ProfileMismatch
from ca.intents import Plan, Random
from ca.orders import Assurance, Order, ServiceOrder
from ca.points import WHOLE, choose_partition, point_name
from ca.profiles import KeyShape, Kind, Profile, Profiles, Text
from ca.request import ProvenRequest, accept_shape, prove_possession
from ca.template import authentication_common_name, signature_common_name
from ca.validity import Birthdays, Days, person_validity
from pki.instant import Instant, Validity
from pki.purpose import Purpose

_ANY_SHAPE = frozenset(KeyShape)


@dataclass(frozen=True, slots=True)
class Asked:
    """An order with the key that its request proved, and the digest that tells it from another of the same key."""

    order: Order | ServiceOrder
    proven: ProvenRequest
    digest: str

    @property
    def purpose(self) -> Purpose:
        """Whose authority issues it."""
        return self.order.purpose if isinstance(self.order, Order) else Purpose.AUTHENTICATION


def prove(order: Order | ServiceOrder) -> Asked:
    """See that the request's maker holds its key, and that the key is one to certify.

    Errors: MalformedRequest, WeakKey, PossessionNotProven.
    """
    proven = prove_possession(order.request, _ANY_SHAPE)
    return Asked(order, proven, orders.digest(order, proven.spki))


PointOf = Callable[[Authority, int, Callable[[], bytes]], bytes]
"""(authority, partition, what it would be) → the DistributionPointName that stands for the partition."""


@dataclass(frozen=True, slots=True)
class Planner:
    """Decides by the profiles what an order becomes; whatever is drawn comes from `random`."""

    profiles: Profiles
    random: Random

    def plan(self, asked: Asked, authority: Authority, at: Instant, point_of: PointOf) -> Plan:
        """Errors: RequestRefused (its leaves say why)."""
        if isinstance(asked.order, Order):
            return self._person(asked, asked.order, authority, at, point_of)
        return self._service(asked, asked.order, authority, at)

    def _person(self, asked: Asked, order: Order, authority: Authority, at: Instant, point_of: PointOf) -> Plan:
        kind = Kind.SIGNATURE if order.purpose is Purpose.SIGNATURE else Kind.AUTHENTICATION
        profile = self.profiles[kind, authority.variant]
        if not isinstance(profile.lifetime, Birthdays):
            raise ProfileMismatch(profile.name, "its lifetime does not end on a birthday")
        if kind is Kind.SIGNATURE and (
            order.attributes is None or order.attributes.date_of_birth != order.date_of_birth
        ):
            raise ProfileMismatch(profile.name, "the person's attributes are missing, or of another date of birth")
        validity = person_validity(
            profile.lifetime,
            order.date_of_birth,
            at,
            renewed_in_window=order.renewed_in_window,
            card_not_after=order.card_not_after,
            not_past=order.not_past,
        )
        partition = choose_partition(authority.parameters, order.municipality, self.random)

        def would_be() -> bytes:
            return point_name(authority.parameters, authority.purpose, authority.id, partition, order.municipality)

        return Plan(
            profile=profile,
            authority=authority,
            proven=accept_shape(asked.proven, profile.keys),
            request=order.request,
            order_digest=asked.digest,
            idempotency_key=order.idempotency_key,
            owner=order.owner,
            card_id=order.card_id,
            assurance=order.assurance,
            validity=validity,
            partition=partition,
            point=point_of(authority, partition, would_be),
            common_name=signature_common_name(at, self.random)
            if kind is Kind.SIGNATURE
            else authentication_common_name(order.municipality, self.random),
            municipality=order.municipality,
            attributes=order.attributes if kind is Kind.SIGNATURE else None,
        )

    def _service(self, asked: Asked, order: ServiceOrder, authority: Authority, at: Instant) -> Plan:
        profile = self.profiles[Kind(order.kind.value), authority.variant]
        for text, name in ((order.common_name, Text.ORDERED_CN), (order.organization, Text.ORDERED_ORGANIZATION)):
            if not 0 < len(text) <= 64 or not text.isprintable() or text != text.strip():
                raise ProfileMismatch(profile.name, f"{name} has 1 to 64 printable characters")
        return Plan(
            profile=profile,
            authority=authority,
            proven=accept_shape(asked.proven, profile.keys),
            request=order.request,
            order_digest=asked.digest,
            idempotency_key=order.idempotency_key,
            owner=order.owner,
            card_id=order.card_id,
            assurance=Assurance.IN_PERSON,
            validity=days_validity(profile, authority, at, order.not_past),
            partition=WHOLE,
            point=point_name(authority.parameters, authority.purpose, authority.id, WHOLE, None),
            common_name=order.common_name,
            organization=order.organization,
        )


def days_validity(profile: Profile, authority: Authority, at: Instant, not_past: Instant | None) -> Validity:
    """From `at` for the days that the authority's parameters give the profile, never past `not_past`."""
    if not isinstance(profile.lifetime, Days):
        raise ProfileMismatch(profile.name, "its lifetime is not counted in days")
    end = at + timedelta(days=getattr(authority.parameters, profile.lifetime.parameter), seconds=-1)
    return Validity(at, end if not_past is None else max(at, min(end, not_past)))
