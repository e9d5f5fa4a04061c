"""What a rule is that any certificate can be judged by, and what several of them read.

Each rule is a function from a read certificate to what is wrong, registered with id, severity and clause. The rules
know nothing of profiles; those are judged in `ca.lint_profile`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from ca.findings import Finding, Severity
from ca.reading import VARYING, ReadCertificate
from pki import der, names, oids
from pki.errors import InvalidValue, Malformed

Check = Callable[[ReadCertificate], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: `check` yields a line for each breach. `reads` names every part of the certificate that it looks at: a
    field by its name, an extension by its identifier, `layout` (all extensions' types and criticality) or `explicit`.
    """

    id: str
    severity: Severity
    clause: str
    check: Check
    reads: tuple[str, ...]

    @property
    def fixed(self) -> bool:
        """Whether it looks only at what an authority writes into certificate after certificate."""
        return VARYING.isdisjoint(self.reads)

    def apply(self, certificate: ReadCertificate) -> list[Finding]:
        """Findings of this rule; a part that cannot be read is one too."""
        found: list[Finding] = []
        try:
            # Not a comprehension: what was found before a part that cannot be read stays found.
            for detail in self.check(certificate):
                found.append(Finding(self.id, self.severity, self.clause, detail))  # noqa: PERF401
        except (Malformed, InvalidValue) as error:
            found.append(Finding(self.id, Severity.ERROR, self.clause, f"cannot be read: {error.what}"))
        except (ValueError, IndexError):
            found.append(Finding(self.id, Severity.ERROR, self.clause, "cannot be read"))
        return found


def entering(table: list[Rule]) -> Callable[..., Callable[[Check], Check]]:
    """A decorator that enters a check into `table`: id, severity, clause, and the parts that the check looks at."""

    def rule(identifier: str, severity: Severity, clause: str, *reads: str) -> Callable[[Check], Check]:
        def enter(check: Check) -> Check:
            table.append(Rule(identifier, severity, clause, check, reads))
            return check

        return enter

    return rule


ERROR, WARNING, NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE

name_parts = lru_cache(maxsize=256)(names.parse_name)
"""The parts of a name; several rules ask for those of the same one."""


def is_authority(certificate: ReadCertificate) -> bool:
    """Whether basicConstraints says cA."""
    found = certificate.find(oids.BASIC_CONSTRAINTS)
    if found is None:
        return False
    parts = der.read_whole(found.value).expect(der.SEQUENCE, "a BasicConstraints").children()
    return bool(parts) and parts[0].tag == der.BOOLEAN and parts[0].boolean()


def key_usage(certificate: ReadCertificate) -> frozenset[int] | None:
    """The bits of keyUsage that are set; None without the extension."""
    found = certificate.find(oids.KEY_USAGE)
    if found is None:
        return None
    octets = der.read_whole(found.value).expect(der.BIT_STRING, "a KeyUsage").value
    if not octets or octets[0] > 7:
        raise Malformed("a BIT STRING expected", 0)
    return frozenset(
        index * 8 + bit for index, octet in enumerate(octets[1:]) for bit in range(8) if octet & 0x80 >> bit
    )


def extended_usage(certificate: ReadCertificate) -> tuple[str, ...]:
    """The purposes of extKeyUsage; empty without the extension."""
    found = certificate.find(oids.EXTENDED_KEY_USAGE)
    if found is None:
        return ()
    return tuple(node.oid() for node in der.read_whole(found.value).expect(der.SEQUENCE, "purposes").children())
