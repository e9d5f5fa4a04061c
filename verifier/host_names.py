"""Hosts, addresses and mailboxes: which texts are such names, and when a certificate stands for one (RFC 9525 6)."""

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from verifier.extensions import DNS_NAME, IP_ADDRESS, RFC822_NAME, GeneralName

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_MAILBOX: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@({_LABEL}(?:\.{_LABEL})*)\Z")


class NameKind(StrEnum):
    """What a certificate can be asked to stand for."""

    DNS = "dns"
    IP = "ip"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class PeerName:
    """The name that the caller means to speak with: a host, an address in its usual writing, or a mailbox."""

    kind: NameKind
    value: str


def is_host_name(text: str) -> bool:
    """Whether `text` is in the preferred name syntax (RFC 1034 3.5 with RFC 1123 2.1): letters, digits, hyphens."""
    return len(text) <= 253 and _HOST.match(text) is not None


def is_mailbox(text: str) -> bool:
    """Whether `text` is a Mailbox of RFC 5321 4.1.2 with a dot-string before and a host behind its one `@`."""
    return len(text) <= 320 and _MAILBOX.match(text) is not None


def stands_for(presented: tuple[GeneralName, ...], wanted: PeerName) -> bool:
    """Whether one of the alternative names is the wanted one.

    Source: RFC 9525 6.3 to 6.5, RFC 5280 4.2.1.6. The subject's common name is never asked, nor an address written as
    a dNSName. A wildcard is the whole leftmost label, stands for exactly one label, and needs two labels after it.
    """
    if wanted.kind is NameKind.DNS:
        host = wanted.value.lower().removesuffix(".")
        if not is_host_name(host) or _is_address(host):
            return False
        return any(_is_host(name.value, host) for name in presented if name.kind == DNS_NAME)
    if wanted.kind is NameKind.IP:
        try:
            packed = ipaddress.ip_address(wanted.value).packed
        except ValueError:
            return False
        return any(name.kind == IP_ADDRESS and name.value == packed for name in presented)
    if not is_mailbox(wanted.value):
        return False
    local, _, host = wanted.value.rpartition("@")
    for name in presented:
        if name.kind == RFC822_NAME:
            its_local, _, its_host = name.value.decode("ascii", "replace").rpartition("@")
            if its_local == local and its_host.lower() == host.lower():
                return True
    return False


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_host(value: bytes, host: str) -> bool:
    presented = value.decode("ascii", "replace").lower()
    if presented.startswith("*."):
        base = presented[2:]
        # A-labels are matched as they are written; a wildcard never stands for a part of a label
        return is_host_name(base) and "." in base and host.partition(".")[2] == base
    return is_host_name(presented) and presented == host
