"""Name constraints of all kinds (RFC 5280 4.2.1.10), kept and checked as 6.1.3 (b), (c) and 6.1.4 (g) have it.

A constraint that cannot be read in one way only refuses the path: a reader that skips what it does not understand is
the bypass. So does a name of a kind that is constrained here but is not understood (otherName, x400Address, …).
"""

import re
from collections.abc import Iterable
from typing import Final

from pki import names, oids
from pki.der import oid
from pki.errors import Malformed
from verifier.budget import Meter
from verifier.certificate import ParsedCertificate
from verifier.extensions import (
    DIRECTORY_NAME,
    DNS_NAME,
    IP_ADDRESS,
    OTHER_NAME,
    RFC822_NAME,
    URI,
    GeneralName,
    NameConstraints,
    Subtree,
)
from verifier.host_names import is_host_name, is_mailbox
from verifier.name_preparation import CanonicalName, canonical
from verifier.walk import expect, row

_UNDERSTOOD: Final = frozenset({RFC822_NAME, DNS_NAME, DIRECTORY_NAME, URI, IP_ADDRESS})
_SMTP_UTF8_MAILBOX: Final = oid("1.3.6.1.5.5.7.8.9")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
_MAPPED_IPV4: Final = bytes(10) + b"\xff\xff"


class NameRefused(Exception):
    """A name outside what the certificates above allow; the reason tells kinds, never the name."""


class NameSpace:
    """permitted_subtrees and excluded_subtrees of 6.1.2 (b), (c), as certificates narrow them."""

    __slots__ = ("_excluded", "_permitted", "is_open")

    def __init__(self) -> None:
        self._permitted: dict[int, list[tuple[Subtree, ...]]] = {}
        self._excluded: dict[int, list[Subtree]] = {}
        self.is_open = True
        """Nothing is constrained so far."""

    def narrow(self, constraints: NameConstraints) -> None:
        """6.1.4 (g): permitted names must lie in every certificate's subtrees of their kind, excluded ones in none.

        Errors: NameRefused for a subtree that this profile does not allow or that cannot be read.
        """
        self.is_open = False
        permitted: dict[int, list[Subtree]] = {}
        for subtree in constraints.permitted:
            _check(subtree)
            permitted.setdefault(subtree.kind, []).append(subtree)
        for kind, subtrees in permitted.items():
            self._permitted.setdefault(kind, []).append(tuple(subtrees))
        for subtree in constraints.excluded:
            _check(subtree)
            self._excluded.setdefault(subtree.kind, []).append(subtree)

    def admit(self, certificate: ParsedCertificate, meter: Meter) -> None:
        """6.1.3 (b) and (c): subject, its emailAddress attributes, and every alternative name.

        Errors: NameRefused, BudgetExhausted.
        """
        if not certificate.has_empty_subject:
            self._admit(GeneralName(DIRECTORY_NAME, certificate.subject), meter)
            if self._constrains(RFC822_NAME):
                for address in _addresses(certificate.subject):
                    self._admit(GeneralName(RFC822_NAME, address), meter)
        for name in certificate.alternative_names:
            self._admit(name, meter)

    def _constrains(self, kind: int) -> bool:
        return kind in self._permitted or kind in self._excluded

    def _admit(self, name: GeneralName, meter: Meter) -> None:
        kind = name.kind
        if kind == OTHER_NAME and self._constrains(RFC822_NAME) and name.value.startswith(_SMTP_UTF8_MAILBOX):
            # a constraint on otherName is one more, and not instead
            self._admit(_mailbox_of(name), meter)
        if not self._constrains(kind):
            return
        if kind not in _UNDERSTOOD:
            raise NameRefused(f"a name of the kind [{kind}] is constrained, which is not understood here")
        _check_name(name)
        for subtrees in self._permitted.get(kind, ()):
            meter.spend("name_comparisons", len(subtrees))
            if not any(_within(name, subtree) for subtree in subtrees):
                raise NameRefused(f"{_KIND[kind]} is outside the permitted subtrees")
        excluded = self._excluded.get(kind, ())
        meter.spend("name_comparisons", len(excluded))
        if any(
            _within(name, subtree) or _may_reach(name, subtree) or _maps_into(name, subtree) for subtree in excluded
        ):
            raise NameRefused(f"{_KIND[kind]} is inside an excluded subtree")


_KIND: Final = {
    RFC822_NAME: "an rfc822Name",
    DNS_NAME: "a dNSName",
    DIRECTORY_NAME: "a directoryName",
    URI: "a URI",
    IP_ADDRESS: "an iPAddress",
}


def _check(subtree: Subtree) -> None:
    if subtree.bounded:
        raise NameRefused("a constrained subtree with a minimum or maximum")
    if subtree.kind == IP_ADDRESS:
        half = len(subtree.value) // 2
        mask = int.from_bytes(subtree.value[half:])
        if len(subtree.value) not in (8, 32) or (inverse := mask ^ ((1 << 8 * half) - 1)) & (inverse + 1):
            raise NameRefused("a constrained address range that is no prefix (RFC 4632)")
    elif subtree.kind == DIRECTORY_NAME:
        _canonical(subtree.value)
    elif subtree.kind in (DNS_NAME, URI, RFC822_NAME):
        text = subtree.value.decode("ascii")
        if subtree.kind == RFC822_NAME and "@" in text:
            sound = is_mailbox(text)
        else:
            # a leading period is for URIs and mail domains; for hosts it means nothing that all readers agree on
            host = text[1:] if text.startswith(".") and subtree.kind != DNS_NAME else text
            sound = is_host_name(host) or (not text and subtree.kind == DNS_NAME)
        if not sound:
            raise NameRefused(f"a constraint on {_KIND[subtree.kind]} that cannot be read")


def _check_name(name: GeneralName) -> None:
    """A name that cannot be read cannot be said to lie anywhere."""
    text = name.value.decode("latin-1")
    sound = True
    if name.kind == DNS_NAME:
        sound = is_host_name(text.removeprefix("*."))
    elif name.kind == RFC822_NAME:
        sound = is_mailbox(text)
    elif name.kind == IP_ADDRESS:
        sound = len(name.value) in (4, 16)
    elif name.kind == URI:
        sound = bool(host_of(text))
    if not sound:
        raise NameRefused(f"{_KIND[name.kind]} that cannot be read is constrained")


def host_of(uri: str) -> str:
    """The host name of a URI, empty if it has none or an address: those cannot be constrained (4.2.1.10)."""
    scheme, separator, rest = uri.partition("://")
    if (
        not separator
        or not scheme[:1].isalpha()
        or not scheme.replace("+", "").replace("-", "").replace(".", "").isalnum()
    ):
        return ""
    for end in "/?#":
        rest = rest.partition(end)[0]
    host = rest.rpartition("@")[2]
    name, colon, port = host.partition(":")
    if (colon and port and not port.isdigit()) or not is_host_name(name) or name.rpartition(".")[2].isdigit():
        return ""
    return name


def _within(name: GeneralName, subtree: Subtree) -> bool:
    kind, constraint = subtree.kind, subtree.value
    if kind == DIRECTORY_NAME:
        prefix, whole = _canonical(constraint), _canonical(name.value)
        return whole[: len(prefix)] == prefix
    if kind == IP_ADDRESS:
        address, half = name.value, len(constraint) // 2
        if len(address) != half:
            return False
        mask = int.from_bytes(constraint[half:])
        return int.from_bytes(address) & mask == int.from_bytes(constraint[:half]) & mask
    text, limit = name.value.decode("ascii"), constraint.decode("ascii").lower()
    if kind == DNS_NAME:
        host = text.lower()
        return not limit or host == limit or host.endswith("." + limit)
    if kind == RFC822_NAME:
        local, _, host = text.rpartition("@")
        if "@" in limit:
            wanted, _, domain = constraint.decode("ascii").rpartition("@")
            return local == wanted and host.lower() == domain.lower()
        return _host_within(host.lower(), limit)
    return _host_within(host_of(text).lower(), limit)


def _host_within(host: str, limit: str) -> bool:
    """A leading period means every host below the domain, and not the domain itself; otherwise it is one host."""
    return host.endswith(limit) and host != limit[1:] if limit.startswith(".") else host == limit


def _may_reach(name: GeneralName, subtree: Subtree) -> bool:
    """Whether a wildcard could stand for a host inside an excluded subtree that it does not lie in as written."""
    if name.kind != DNS_NAME or not name.value.startswith(b"*."):
        return False
    base, limit = name.value[2:].lower(), subtree.value.lower()
    return limit.endswith(b"." + base) and b"." not in limit[: -len(base) - 1]


def _maps_into(name: GeneralName, subtree: Subtree) -> bool:
    """Whether an IPv4 address written as an IPv6 one, or the range, hides that it is excluded (RFC 4291 2.5.5.2).

    To be permitted an address must be of the range's own family, as 4.2.1.10 has it.
    """
    if name.kind != IP_ADDRESS:
        return False
    if len(name.value) == 4:
        return _within(GeneralName(IP_ADDRESS, _MAPPED_IPV4 + name.value), subtree)
    return name.value.startswith(_MAPPED_IPV4) and _within(GeneralName(IP_ADDRESS, name.value[12:]), subtree)


def _canonical(encoded: bytes) -> CanonicalName:
    try:
        return canonical(encoded)
    except Malformed as bad:
        raise NameRefused("a directoryName that cannot be read is constrained") from bad


def _addresses(subject: bytes) -> Iterable[bytes]:
    try:
        parsed = names.parse_name(subject)
    except Malformed as bad:
        raise NameRefused("a subject that cannot be read is constrained") from bad
    for rdn in parsed:
        for part in rdn:
            if part.type == oids.EMAIL_ADDRESS:
                if part.text is None or not part.text.isascii():
                    raise NameRefused("an emailAddress that cannot be read is constrained")
                yield part.text.encode()


def _mailbox_of(name: GeneralName) -> GeneralName:
    """SmtpUTF8Mailbox (RFC 9598 6): constrained as rfc822Name is; a host that is not ASCII is no host here."""
    _, (_, _, wrapped, end) = row(name.value, 0, len(name.value))
    try:
        start, stop = expect(name.value, wrapped, end, 0x0C, "a UTF8String")
    except Malformed as bad:
        raise NameRefused("an SmtpUTF8Mailbox that cannot be read is constrained") from bad
    text = name.value[start:stop].decode("utf-8", "replace")
    local, _, host = text.rpartition("@")
    if not local or not host.isascii():
        raise NameRefused("an SmtpUTF8Mailbox that cannot be read is constrained")
    # local parts beyond ASCII equal no constraint's local part; their host is what is compared
    ascii_local = local if local.isascii() else "utf8-local-part"
    return GeneralName(RFC822_NAME, f"{ascii_local}@{host}".encode("ascii"))
