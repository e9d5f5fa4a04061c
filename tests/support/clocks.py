"""Judges that know no time but the machine's: they are told ours."""

from pki.instant import Instant


def judging_at(at: Instant) -> tuple[str, ...]:
    """What goes before the words of a command so that it believes it is `at` (GnuTLS's tools have no option for it)."""
    return "env", "TZ=UTC", "faketime", at.iso().replace("T", " ").rstrip("Z")
