"""Which published CRL lists a revoked certificate, for OCSP answers that name it (RFC 6960 4.4.2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from ca.crl import CrlKind
from ca.crl_encoding import FULL
from ca.directory import Database
from ca.ocsp_response import CrlReference
from ca.store import crls as store
from pki.instant import Instant


@dataclass(frozen=True, slots=True)
class CrlReferences:
    """Looks up the newest published full CRL of an authority. `url` gives its lasting address from id and number."""

    database: Database
    url: Callable[[str, int], str]

    def one(self, authority: str, serial: int) -> CrlReference | None:
        """The CRL that lists a certificate; None while none does, or does no longer."""
        return self._read(authority, f"{serial:040x}").get(serial)

    def all(self, authority: str) -> Mapping[int, CrlReference]:
        """The same for every revoked certificate of an authority."""
        return self._read(authority, None)

    def _read(self, authority: str, serial: str | None) -> Mapping[int, CrlReference]:
        def body(conn: Connection) -> dict[int, CrlReference]:
            row = store.newest(conn, authority, FULL, CrlKind.FULL, published_only=True)
            if row is None:
                return {}
            found = CrlReference(self.url(authority, row.number), row.number, Instant(row.this_update))
            return {int(each, 16): found for each in store.listed_by(conn, row, serial)}

        return self.database.read(body)
