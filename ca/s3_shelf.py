"""A shelf in an S3-style store: the one file that speaks its HTTP (AWS Signature Version 4, path-style addresses).

    ENDPOINT/BUCKET/PREFIX AUTHORITY/NAME-NUMBER.crl    put with If-None-Match: *, so never replaced
    ENDPOINT/BUCKET/PREFIX AUTHORITY/NAME.crl           put with If-Match of the one that was compared with

The store must honour conditional writes (S3 since November 2024, MinIO, Ceph): they take the place of a folder's lock.
Two publishers that compared with the same CRL cannot both replace it; the later one is refused.
"""

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import httpx

from ca.crl_shelf import FOREVER, Published, checked_name
from ca.status_errors import PublicationRefused, ShelfUnavailable
from pki.instant import Instant

_TYPE = "application/pkix-crl"
_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
_LARGEST = 256 * 1024 * 1024
_REMEMBERED = 64 * 1024 * 1024
"""Octets of CRLs that are kept, so that one that has not changed is not sent again."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the objects are; `prefix` stands before every key as it is."""

    endpoint: str
    name: str
    region: str = "us-east-1"
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key. The secret is never shown."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Credentials({self.key_id!r}, …)"


class S3Shelf:
    """A shelf in a bucket. `now` is the true time: the store compares it with its own. Threads may share it."""

    def __init__(
        self,
        bucket: Bucket,
        credentials: Credentials,
        now: Callable[[], Instant],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._bucket, self._credentials, self._now = bucket, credentials, now
        # Nothing of the environment (proxies, netrc): where CRLs go is said by the settings alone.
        self._client = httpx.Client(timeout=_TIMEOUT, trust_env=False, transport=transport, follow_redirects=False)
        self._known: dict[str, tuple[str, Published]] = {}
        self._compared: dict[str, str | None] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def current(self, authority: str, name: str) -> Published | None:
        """What verifiers get now. Errors: ShelfUnavailable; Malformed for an object that is no CRL."""
        key = self._key(authority, name)
        found = self._get(key)
        self._compared[key] = None if found is None else found[0]
        return None if found is None else found[1]

    def numbered(self, authority: str, name: str, number: int) -> Published | None:
        """An earlier one by its number. Errors: as above."""
        found = self._get(self._key(authority, f"{checked_name(name)}-{number}"))
        return None if found is None else found[1]

    def put(self, authority: str, name: str, published: Published, *, current: bool = True) -> None:
        """Lay it down under its number, then under its well-known name.

        Errors: ShelfUnavailable; PublicationRefused when another one came between look and put, or the number is taken.
        """
        numbered, key = self._key(authority, f"{checked_name(name)}-{published.number}"), self._key(authority, name)
        answer = self._send("PUT", numbered, published, {"if-none-match": "*", "cache-control": FOREVER})
        if answer.status_code in (409, 412):
            there = self._get(numbered)
            if there is None or there[1].der != published.der:
                raise PublicationRefused(numbered, f"number {published.number} is taken by another CRL")
        elif not answer.is_success:
            raise _failed(answer)
        if not current:
            return
        seen = self._compared.get(key)
        condition = {"if-none-match": "*"} if seen is None else {"if-match": seen}
        answer = self._send("PUT", key, published, {**condition, "cache-control": published.stored_cache_control})
        if answer.status_code in (404, 409, 412):
            raise PublicationRefused(key, "another publisher came between look and put")
        if not answer.is_success:
            raise _failed(answer)

    def drop(self, authority: str, name: str, number: int) -> None:
        """Take an earlier one away; one that is not there is away. Errors: ShelfUnavailable."""
        answer = self._send("DELETE", self._key(authority, f"{checked_name(name)}-{number}"))
        if not answer.is_success and answer.status_code != 404:
            raise _failed(answer)

    @contextmanager
    def locked(self, authority: str, name: str) -> Iterator[None]:
        """Keep this process's other publishers away; those elsewhere are kept away by the conditions of `put`."""
        with self._guard:
            lock = self._locks.setdefault(self._key(authority, name), threading.Lock())
        with lock:
            yield

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _key(self, authority: str, name: str) -> str:
        return f"{self._bucket.prefix}{checked_name(authority)}/{checked_name(name)}.crl"

    def _get(self, key: str) -> tuple[str, Published] | None:
        """Entity tag and CRL; one that has not changed is not sent again."""
        known = self._known.get(key)
        answer = self._send("GET", key, None, {} if known is None else {"if-none-match": known[0]})
        if answer.status_code == 304 and known is not None:
            return known
        if answer.status_code == 404:
            self._known.pop(key, None)
            return None
        if not answer.is_success or len(answer.content) > _LARGEST:
            raise _failed(answer)
        found = (answer.headers.get("etag", ""), Published.of(answer.content))
        size = len(found[1].der)
        if size + sum(len(one.der) for _, one in list(self._known.values())) > _REMEMBERED:
            self._known.clear()
        if size <= _REMEMBERED:
            self._known[key] = found
        return found

    def _send(
        self, method: str, key: str, published: Published | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        body = b"" if published is None else published.der
        given = dict(headers or {})
        if published is not None:
            given["content-type"] = _TYPE
            given["expires"] = published.expires
        path = quote(f"/{self._bucket.name}/{key}", safe="/-_.~")
        url = f"{self._bucket.endpoint.rstrip('/')}{path}"
        signed = sign_request(method, url, given, body, self._bucket.region, self._credentials, self._now())
        try:
            return self._client.request(method, url, headers=signed, content=body)
        except (httpx.HTTPError, OSError) as error:
            raise ShelfUnavailable(type(error).__name__) from error


def sign_request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    region: str,
    credentials: Credentials,
    at: Instant,
) -> dict[str, str]:
    """The headers with those of Signature Version 4 (service `s3`); every one of them is signed.

    Source: "Signature Calculations for the Authorization Header: single chunk" of the S3 API reference. The path is
    quoted once, as S3 has it, and there is no query.
    """
    parts = urlsplit(url)
    stamp = f"{at.datetime:%Y%m%dT%H%M%SZ}"
    digest = hashlib.sha256(body).hexdigest()
    full = {**headers, "host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    names = sorted(full)
    listed = "".join(f"{name}:{' '.join(full[name].split())}\n" for name in names)
    canonical = "\n".join((method, parts.path, "", listed, ";".join(names), digest))
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    message = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{credentials.secret}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    signature = hmac.digest(key, message.encode(), "sha256").hex()
    claim = f"Credential={credentials.key_id}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    return {**full, "authorization": f"AWS4-HMAC-SHA256 {claim}"}


def _failed(answer: httpx.Response) -> ShelfUnavailable:
    # The body of an error may repeat what was signed: the number says enough.
    return ShelfUnavailable(f"HTTP {answer.status_code}")
