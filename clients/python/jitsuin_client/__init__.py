"""Client of Jitsuin's verification API: `Client` and `AsyncClient`. It knows HTTP and JSON, and no code of the server.

    credentials = Credentials("city", "2026-1", private_key_pem, "https://verify.example")
    with Client(credentials) as client:
        answer = client.verify(document, signature, fields=["name"], affairs="change of address")
        if answer.passed: …

Answers of the API come back as `Answer`; refusals raise `Refused` with code, reason and what to do. Nothing is retried
by itself; `verify` sends an Idempotency-Key, so that calling it again with the same `key` is safe.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

__all__ = ["Answer", "AsyncClient", "Client", "Credentials", "Refused"]


def _url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@dataclass(frozen=True)
class Credentials:
    """Who asks. `audience` is the service's address; `key` a P-256 or RSA private key in PEM."""

    party: str
    kid: str
    key: bytes = field(repr=False)
    audience: str
    now: Callable[[], float] = time.time

    def assertion(self, body: bytes) -> str:
        """A fresh assertion for one request with that body (RFC 7523, bound to the body)."""
        key = serialization.load_pem_private_key(self.key, None)
        issued = int(self.now())
        claims = {
            "iss": self.party,
            "sub": self.party,
            "aud": self.audience,
            "iat": issued,
            "exp": issued + 120,
            "jti": secrets.token_urlsafe(24),
            "body": hashlib.sha256(body).hexdigest(),
        }
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        header = {"alg": algorithm, "kid": self.kid, "typ": "JWT"}
        message = f"{_url(json.dumps(header).encode())}.{_url(json.dumps(claims).encode())}"
        if isinstance(key, rsa.RSAPrivateKey):
            value = key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePrivateKey):
            r, s = utils.decode_dss_signature(key.sign(message.encode(), ec.ECDSA(hashes.SHA256())))
            value = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        else:
            raise TypeError("a P-256 or RSA private key expected")
        return f"{message}.{_url(value)}"


class Refused(Exception):
    """The service refused: `code`, `reason`, `todo` and HTTP `status`; `retry_after` in seconds where it says so."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: str | None) -> None:
        self.status = status
        self.code = str(problem.get("code", f"http.{status}"))
        self.reason = str(problem.get("detail", ""))
        self.todo = str(problem.get("todo", ""))
        self.retry_after = int(retry_after) if retry_after is not None and retry_after.isdigit() else None
        super().__init__(f"{self.code}: {self.reason}")


@dataclass(frozen=True)
class Answer:
    """A verdict. `data` is the whole answer; the properties are what is asked most."""

    data: Mapping[str, Any]

    @property
    def id(self) -> str:
        """For `find`, `verdict` and `delete`."""
        return str(self.data["id"])

    @property
    def done(self) -> bool:
        """False while an asynchronous verification is still running."""
        return bool(self.data.get("state", "done") == "done")

    @property
    def passed(self) -> bool:
        """Whether the signature may be relied upon, required assurance included."""
        return bool(self.data.get("indication") == "PASSED")

    @property
    def person(self) -> str | None:
        """This party's own handle of the person; it stays through renewals."""
        return self.data.get("person")

    @property
    def attributes(self) -> Mapping[str, str]:
        """What was asked for and may be received."""
        return dict(self.data.get("attributes", {}))

    def reason(self, language: str = "ja") -> str:
        """Why not, and what to do; empty when passed."""
        told = self.data.get("reason")
        return "" if not told else f"{told[language]} {told[f'todo_{language}']}"


Asked = tuple[str, str, bytes, dict[str, str]]


class _Requests:
    """What is sent for each operation: method, path, body and headers."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def _asked(self, method: str, path: str, body: object = None, **headers: str) -> Asked:
        octets = b"" if body is None else json.dumps(body).encode()
        sent = {"authorization": f"Bearer {self._credentials.assertion(octets)}", **headers}
        if body is not None:
            sent["content-type"] = "application/json"
        return method, path, octets, sent

    def _verification(
        self, document: bytes | None, signature: bytes | None, key: str | None, later: bool, options: dict[str, Any]
    ) -> Asked:
        body = dict(options)
        for name, octets in (("document", document), ("signature", signature)):
            if octets is not None:
                body[name] = base64.b64encode(octets).decode()
        headers = {"idempotency-key": key or secrets.token_urlsafe(18)}
        if later:
            headers["prefer"] = "respond-async"
        return self._asked("POST", "/v1/verifications", body, **headers)

    @staticmethod
    def _read(answer: httpx.Response) -> Any:
        if answer.status_code >= 400:
            try:
                problem = answer.json()
            except ValueError:
                problem = {}
            raise Refused(answer.status_code, problem, answer.headers.get("retry-after"))
        if answer.status_code == 204:
            return None
        if answer.headers.get("content-type", "").startswith("application/json"):
            return answer.json()
        return answer.text


class Client(_Requests):
    """The API, one call after the other. Safe for threads as httpx.Client is."""

    def __init__(self, credentials: Credentials, http: httpx.Client | None = None) -> None:
        super().__init__(credentials)
        self._http = http or httpx.Client(base_url=credentials.audience, timeout=30)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._http.close()

    def _send(self, asked: Asked) -> Any:
        method, path, body, headers = asked
        return self._read(self._http.request(method, path, content=body, headers=headers))

    def verify(
        self,
        document: bytes | None,
        signature: bytes | None = None,
        *,
        key: str | None = None,
        later: bool = False,
        **options: Any,
    ) -> Answer:
        """Verify a signature; options as the API's (`fields`, `affairs`, `required_assurance`, `at`, `once`, …)."""
        return Answer(self._send(self._verification(document, signature, key, later, options)))

    def find(self, verification: str) -> Answer:
        """An earlier answer."""
        return Answer(self._send(self._asked("GET", f"/v1/verifications/{verification}")))

    def verdict(self, verification: str) -> str:
        """The signed verdict, a JWS."""
        return str(self._send(self._asked("GET", f"/v1/verifications/{verification}/verdict")))

    def delete(self, verification: str) -> None:
        """Delete an answer and its verdict for good."""
        self._send(self._asked("DELETE", f"/v1/verifications/{verification}"))

    def challenge(self, origin: str) -> Mapping[str, str]:
        """A log-in challenge: `id`, `nonce`, `origin`, `expires`."""
        return dict(self._send(self._asked("POST", "/v1/authentications/challenges", {"origin": origin})))

    def log_in(self, challenge: str, token: str) -> Answer:
        """The outcome of a log-in."""
        return Answer(self._send(self._asked("POST", "/v1/authentications", {"challenge": challenge, "token": token})))

    def status(self, handles: Sequence[str]) -> list[Mapping[str, Any]]:
        """The status behind handles, in order."""
        return list(self._send(self._asked("POST", "/v1/status", {"handles": list(handles)}))["items"])

    def calls(self) -> list[Mapping[str, Any]]:
        """This party's own calls, newest first."""
        return list(self._send(self._asked("GET", "/v1/calls"))["items"])


class AsyncClient(_Requests):
    """The same for asyncio."""

    def __init__(self, credentials: Credentials, http: httpx.AsyncClient | None = None) -> None:
        super().__init__(credentials)
        self._http = http or httpx.AsyncClient(base_url=credentials.audience, timeout=30)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._http.aclose()

    async def _send(self, asked: Asked) -> Any:
        method, path, body, headers = asked
        return self._read(await self._http.request(method, path, content=body, headers=headers))

    async def verify(
        self,
        document: bytes | None,
        signature: bytes | None = None,
        *,
        key: str | None = None,
        later: bool = False,
        **options: Any,
    ) -> Answer:
        """See Client."""
        return Answer(await self._send(self._verification(document, signature, key, later, options)))

    async def find(self, verification: str) -> Answer:
        """See Client."""
        return Answer(await self._send(self._asked("GET", f"/v1/verifications/{verification}")))

    async def verdict(self, verification: str) -> str:
        """See Client."""
        return str(await self._send(self._asked("GET", f"/v1/verifications/{verification}/verdict")))

    async def delete(self, verification: str) -> None:
        """See Client."""
        await self._send(self._asked("DELETE", f"/v1/verifications/{verification}"))

    async def status(self, handles: Sequence[str]) -> list[Mapping[str, Any]]:
        """See Client."""
        return list((await self._send(self._asked("POST", "/v1/status", {"handles": list(handles)})))["items"])
