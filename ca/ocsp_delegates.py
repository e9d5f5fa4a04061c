"""The responder certificates of an authority as stored, looked up again as they are renewed.

Renewal is the signing process's work (`ca.authorities.renew_responders`); the status role only notices. Nothing here
ever opens the authority's own key: a deployment where every responder has expired answers internalError, loudly.
"""

from datetime import timedelta
from threading import Lock

from ca.authority import Authority, ResponderCertificate
from ca.directory import Database, Directory
from ca.errors import KeyStoreError
from ca.keys import KeyStore
from ca.ocsp import check_delegate
from ca.ocsp_response import ResponseEncoder
from ca.status_errors import ResponderUnusable
from pki.certificate import Certificate
from pki.instant import Instant

LOOK_AGAIN = timedelta(minutes=5)
"""How long a newly issued responder may go unnoticed."""


class StoredDelegates:
    """The youngest responder of one authority whose key this process holds and whose certificate is valid."""

    def __init__(self, database: Database, keys: KeyStore, authority: Authority) -> None:
        """Errors: ResponderUnusable for an authority without its root certificate."""
        if authority.certificate is None:
            raise ResponderUnusable(authority.id, "the authority has no certificate yet")
        self._database = database
        self._keys = keys
        self._authority = authority.id
        self._issuer: Certificate = authority.certificate
        self._encoders: dict[str, ResponseEncoder] = {}
        self._chosen: ResponseEncoder | None = None
        self._looked: Instant | None = None
        self._lock = Lock()

    def current(self, at: Instant) -> ResponseEncoder:
        """The responder that signs at `at`. Errors: ResponderUnusable."""
        chosen, looked = self._chosen, self._looked
        if chosen is not None and looked is not None and at < looked + LOOK_AGAIN and at >= looked:
            validity = chosen.certificate.validity
            if validity.contains(at):
                return chosen
        with self._lock:
            self._chosen = self._look(at)
            self._looked = at
            return self._chosen

    def _look(self, at: Instant) -> ResponseEncoder:
        listed = self._database.read(lambda conn: Directory().responders(conn, self._authority))
        fault = "there is no responder certificate"
        for responder in listed:
            if responder.certificate is None or not responder.validity.contains(at):
                fault = "no responder certificate is valid now"
                continue
            try:
                return self._encoder(responder, responder.certificate)
            except KeyStoreError as error:
                # A younger responder whose key this process does not hold (yet): an older valid one may still sign.
                fault = str(error)
        raise ResponderUnusable(self._authority, fault)

    def _encoder(self, responder: ResponderCertificate, certificate: Certificate) -> ResponseEncoder:
        if responder.id not in self._encoders:
            key = self._keys.open(responder.key_label)
            check_delegate(self._authority, self._issuer, certificate, key)
            self._encoders[responder.id] = ResponseEncoder(certificate, key)
        return self._encoders[responder.id]
