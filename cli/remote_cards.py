"""Managing a card in this PC's reader through the service: the PC carries commands and answers, and holds no key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from cardio.apdu import CommandApdu, ResponseApdu, parse_command
from cardio.card_management import AllowPin, Conversation, Done, Generate, Install, PendingKey, PinsSet, Prove, Request
from cardio.errors import CardError, CertificateMismatch, SecureChannelFailed, WrongCardState
from cli.errors import FilingRefused

_DOOR = "/v1/card-management"
_AGAIN = 2
"""How often an answer is sent again before its failure is told."""
_KNOWN: dict[str, Callable[[str], CardError]] = {
    error.code: error for error in (SecureChannelFailed, CertificateMismatch, WrongCardState)
}


@dataclass(frozen=True, slots=True)
class RemoteAuthority:
    """An Authority that asks the service at `http`. `card_id` gives the serial of the card that is spoken to.

    Errors of its conversations: the card's own (SecureChannelFailed and the like) as the service found them;
    FilingRefused with the service's problem for everything that it does not allow.
    """

    http: httpx.Client
    card_id: Callable[[], str]

    def begin(self, request: Request) -> Conversation:
        """A conversation that the service computes."""
        return _Remote(self.http, {"card": self.card_id(), **_told(request)})


@dataclass(slots=True)
class _Remote:
    http: httpx.Client
    body: dict[str, str | int]
    door: str = _DOOR
    turn: int = 0

    def start(self) -> CommandApdu | Done:
        document = self._post(self.body)
        self.door = f"{_DOOR}/{document['conversation']}"
        return self._step(document)

    def resume(self, response: ResponseApdu) -> CommandApdu | Done:
        return self._step(self._post({"turn": self.turn, "answer": response.encode().hex()}))

    def _step(self, document: dict[str, Any]) -> CommandApdu | Done:
        if document["done"]:
            return Done(bytes.fromhex(document["result"]))
        self.turn = document["turn"]
        return parse_command(bytes.fromhex(document["command"]))

    def _sent(self, body: dict[str, str | int]) -> httpx.Response:
        """The answer to `body`. An answer that goes on a conversation may be sent again: the service, or one of its
        processes, may have been away for a moment. A beginning is not: the caller begins anew.
        """
        for _ in range(_AGAIN if "turn" in body else 0):
            try:
                response = self.http.post(self.door, json=body)
            except httpx.TransportError:
                continue
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return response
        return self.http.post(self.door, json=body)

    def _post(self, body: dict[str, str | int]) -> dict[str, Any]:
        response = self._sent(body)
        document: dict[str, Any] = response.json()
        if response.is_success:
            return document
        known = _KNOWN.get(str(document.get("fields", {}).get("cause")))
        if known is not None:
            raise known("the service ended the conversation")
        raise FilingRefused(str(document.get("code", response.status_code)), str(document.get("detail", "")), document)


def _told(request: Request) -> dict[str, str | int]:
    match request:
        case Generate(purpose):
            return {"operation": "generate", "purpose": purpose.value}
        case PendingKey(purpose):
            return {"operation": "pending", "purpose": purpose.value}
        case Prove(purpose, message, _):
            return {"operation": "prove", "purpose": purpose.value, "message": message.hex()}
        case Install(purpose, certificate, issuer):
            certificates = {"certificate": certificate.hex(), "ca_certificate": issuer.hex()}
            return {"operation": "install", "purpose": purpose.value, **certificates}
        case AllowPin((purpose,), number) if number:
            return {"operation": "allow-pin", "purpose": purpose.value, "number": number}
        case PinsSet((purpose,), number):
            return {"operation": "pin-set", "purpose": purpose.value, "number": number}
    raise WrongCardState("this is done only where an officer sees the card")
