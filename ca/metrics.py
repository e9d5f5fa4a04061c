"""The issuing side and its publications in numbers, in Prometheus' text format: for an endpoint or a file.

Numbers only: no label holds anything of a person.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from ca.inventory import Report
from ca.store import crls as store
from pki.instant import Instant

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name, its type (`gauge` or `counter`), what it means, and its samples."""

    name: str
    kind: str
    about: str
    samples: tuple[tuple[Labels, float], ...]


def text(families: Iterable[Family]) -> str:
    """Families as text: for each its help, its type and its samples; one without samples is told of all the same."""
    lines: list[str] = []
    for family in families:
        lines += [f"# HELP {family.name} {family.about}", f"# TYPE {family.name} {family.kind}"]
        for labels, value in family.samples:
            inside = ",".join(f'{key}="{_escaped(each)}"' for key, each in labels.items())
            lines.append(f"{family.name}{{{inside}}} {value}" if inside else f"{family.name} {value}")
    return "\n".join(lines) + "\n"


def gauge(name: str, about: str, *samples: tuple[Labels, float]) -> Family:
    """A family of numbers that go up and down."""
    return Family(name, "gauge", about, samples)


def counter(name: str, about: str, *samples: tuple[Labels, float]) -> Family:
    """A family of numbers that only grow, until their process begins anew. The name ends in `_total`."""
    return Family(name, "counter", about, samples)


def exposition(report: Report) -> str:
    """One report as text."""
    return text(report_families(report))


def report_families(report: Report) -> list[Family]:
    """What an inventory's report tells."""
    at = report.at.seconds
    counts = [
        ({"authority": one.authority, "kind": one.kind.value, "state": one.state.value}, one.number)
        for one in report.counts
    ]
    ends = [
        ({"authority": one.authority, "state": one.state, "variant": one.variant}, one.until.seconds - at)
        for one in report.authorities
    ]
    # Without a responder the number is negative, as for one that has ended: both must wake somebody.
    responders = [
        ({"authority": one.authority}, -1 if one.responder_until is None else one.responder_until.seconds - at)
        for one in report.authorities
    ]
    waited = 0 if report.waiting_since is None else at - report.waiting_since.seconds
    expiring = (({"days": "30"}, report.expiring_30_days), ({"days": "90"}, report.expiring_90_days))
    return [
        gauge("jitsuin_certificates", "Certificates by authority, kind and state.", *counts),
        gauge("jitsuin_authority_end_seconds", "Seconds until an authority ends.", *ends),
        gauge(
            "jitsuin_responder_end_seconds", "Seconds until an authority's youngest OCSP responder ends.", *responders
        ),
        gauge("jitsuin_issued_last_day", "Certificates issued within a day.", ({}, report.issued_last_day)),
        gauge("jitsuin_expiring", "Valid certificates that end within so many days.", *expiring),
        gauge("jitsuin_intents_waiting", "Intents that wait for a signature.", ({}, report.waiting)),
        gauge("jitsuin_intents_waiting_seconds", "How long the oldest intent waits.", ({}, waited)),
        gauge("jitsuin_blocked_keys", "Keys on the list of compromised keys.", ({}, report.blocked_keys)),
    ]


def crl_families(conn: Connection, at: Instant) -> list[Family]:
    """How old the published CRLs are, how long they still hold, and their numbers."""
    rows = store.newest_published(conn)
    named = [({"authority": row.issuer, "scope": row.partition, "kind": row.kind}, row) for row in rows]
    return [
        gauge(
            "jitsuin_crl_age_seconds",
            "Seconds since thisUpdate of the published CRL.",
            *((labels, at.seconds - row.this_update) for labels, row in named),
        ),
        gauge(
            "jitsuin_crl_left_seconds",
            "Seconds until nextUpdate of the published CRL; negative once it has ended.",
            *((labels, row.next_update - at.seconds) for labels, row in named),
        ),
        gauge("jitsuin_crl_number", "Number of the published CRL.", *((labels, row.number) for labels, row in named)),
        gauge(
            "jitsuin_crls_unpublished", "CRLs that were signed and not published.", ({}, store.count_unpublished(conn))
        ),
    ]


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
