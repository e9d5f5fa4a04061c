"""TLS that ends here, where no proxy stands before us (`service.tls_certificate`).

A web process for relying parties or of the status plane asks for a client certificate of our own authorities and goes
on without one: mutual TLS stands in for an assertion (`web/client_certificate.py`). Pages for people never ask, for a
browser would show every card's certificates to choose from.
"""

import ssl
from collections.abc import Iterable
from typing import Final

from cli.errors import FileUnusable
from cli.secrets import read_secret
from cli.settings import Settings

ASKING: Final = frozenset({"relying-party", "status"})
"""Roles whose callers are machines."""


def server_context(settings: Settings, role: str, roots: Iterable[bytes]) -> ssl.SSLContext | None:
    """How connections are secured; None where the settings leave that to a proxy.

    `roots`: the certificates, in DER, of authorities whose client certificates are taken.
    Errors: SecretMissing for a key that is absent or open to others, FileUnusable for files that do not fit.
    """
    if settings.service.tls_certificate is None:
        return None
    certificate, key = settings.path(settings.service.tls_certificate), settings.path(settings.service.tls_key)
    read_secret(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as bad:
        raise FileUnusable(str(certificate), "it is no certificate in PEM with the key that is beside it") from bad
    if role in ASKING:
        for root in roots:
            context.load_verify_locations(cadata=root)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
