"""The issuing side in numbers, in Prometheus' text format: for an endpoint or a file that a collector reads.

Numbers only: no label holds anything of a person.
"""

from collections.abc import Iterator

from ca.inventory import Report

_HEADS = {
    "jitsuin_certificates": ("gauge", "Certificates by authority, kind and state."),
    "jitsuin_authority_end_seconds": ("gauge", "Seconds until an authority ends."),
    "jitsuin_responder_end_seconds": ("gauge", "Seconds until an authority's youngest OCSP responder ends."),
    "jitsuin_issued_last_day": ("gauge", "Certificates issued within a day."),
    "jitsuin_expiring": ("gauge", "Valid certificates that end within so many days."),
    "jitsuin_intents_waiting": ("gauge", "Intents that wait for a signature."),
    "jitsuin_intents_waiting_seconds": ("gauge", "How long the oldest intent waits."),
    "jitsuin_blocked_keys": ("gauge", "Keys on the list of compromised keys."),
}


def exposition(report: Report) -> str:
    """One report as text: for each metric its help, its type and its samples."""
    lines: list[str] = []
    told = ""
    for name, labels, value in _samples(report):
        if name != told:
            kind, about = _HEADS[name]
            lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
            told = name
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{{{inside}}} {value}" if inside else f"{name} {value}")
    return "\n".join(lines) + "\n"


def _samples(report: Report) -> Iterator[tuple[str, dict[str, str], int]]:
    for count in report.counts:
        labels = {"authority": count.authority, "kind": count.kind.value, "state": count.state.value}
        yield "jitsuin_certificates", labels, count.number
    for end in report.authorities:
        labels = {"authority": end.authority, "state": end.state, "variant": end.variant}
        yield "jitsuin_authority_end_seconds", labels, end.until.seconds - report.at.seconds
    for end in report.authorities:
        # Without a responder the number is negative, as for one that has ended: both must wake somebody.
        left = -1 if end.responder_until is None else end.responder_until.seconds - report.at.seconds
        yield "jitsuin_responder_end_seconds", {"authority": end.authority}, left
    yield "jitsuin_issued_last_day", {}, report.issued_last_day
    yield "jitsuin_expiring", {"days": "30"}, report.expiring_30_days
    yield "jitsuin_expiring", {"days": "90"}, report.expiring_90_days
    yield "jitsuin_intents_waiting", {}, report.waiting
    waited = 0 if report.waiting_since is None else report.at.seconds - report.waiting_since.seconds
    yield "jitsuin_intents_waiting_seconds", {}, waited
    yield "jitsuin_blocked_keys", {}, report.blocked_keys


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
