"""What the OpenAPI document of the verification API shows: an example of every answer, the form of every problem."""

from __future__ import annotations

from typing import Any, Final

_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "RFC 9457: what went wrong, why, and what to do about it.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "description": "A page about the code."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Why, in the language that was asked for."},
        "code": {"type": "string", "description": "Stable; for programs."},
        "todo": {"type": "string", "description": "What to do."},
        "fields": {"type": "object", "description": "What the sentence was made of."},
    },
}


def problem(status: int, description: str, code: str, title: str, detail: str, todo: str) -> dict[str, Any]:
    """One answer with a problem, with its example."""
    example = {
        "type": f"/problems/{code}", "title": title, "status": status, "detail": detail, "code": code, "todo": todo,
    }  # fmt: skip
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": _PROBLEM, "example": example}},
    }


NOT_FOUND: Final = problem(
    404, "Unknown, deleted, or another party's: the three look alike.", "web.no-such-verification",
    "There is no such thing here", "there is no such verification",
    "Check the id; a deleted verification is gone for good.",
)  # fmt: skip
PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    400: problem(
        400, "The request cannot be read.", "pki.malformed", "The request cannot be read",
        "the octets are not as expected: document in base64 expected", "Send it in the form that is expected.",
    ),
    401: problem(
        401, "No assertion or client certificate that holds.", "web.not-authenticated", "Not authenticated",
        "the request is not authenticated: the assertion was used before",
        "Send a fresh assertion that is signed with a registered key, as the documentation of the API shows.",
    ),
    403: problem(
        403, "Not registered for this.", "web.not-allowed", "Not allowed",
        "this relying party is not registered for the attributes address",
        "Ask for less, or have the registration changed.",
    ),
    409: problem(
        409, "The Idempotency-Key belongs to another request, the same one is running, or it ended without a verdict.",
        "web.idempotency-mismatch", "Not possible in the present state",
        "this Idempotency-Key was used for another request", "Send a new key with a new request.",
    ),
    422: problem(
        422, "Understood, and refused; or a member that is missing, unknown or of another form.", "http.422",
        "Unprocessable Entity", "Unprocessable Entity", "",
    ),
    429: problem(
        429, "The agreed number of requests is used up; see `Retry-After`.", "web.quota-exhausted", "Too many requests",
        "the 60 requests a minute that were agreed are used up", "Wait 12 seconds, or have the quota raised.",
    ),
}  # fmt: skip


def answered(description: str, example: object, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The answer of an operation that succeeds, with its example and the headers that tell of the quota."""
    headers = {
        name: {"description": text, "schema": {"type": "integer"}}
        for name, text in (
            ("RateLimit-Limit", "Requests a minute."),
            ("RateLimit-Remaining", "How many are left in this minute."),
            ("RateLimit-Reset", "Seconds until the next minute."),
        )
    }
    return {
        status: {
            "description": description,
            "headers": headers,
            "content": {"application/json": {"example": example}},
        }
    }


VERDICT: Final[dict[str, Any]] = {
    "id": "v-6f1e0a7bd2c94b6fb0c5e1a2d3f40516",
    "state": "done",
    "indication": "PASSED",
    "sub_indication": None,
    "reason": None,
    "at": "2026-11-23T00:00:00Z",
    "format": "cms",
    "level": "B",
    "person": "p-k2vgyzdpx3q7m5bwt4ahjc6nre",
    "certificate": "c-q7m1x4ahjc6nrek2vgyzdpx3bw",
    "assurance": {
        "level": "fresh",
        "grade": "high",
        "in_person_within_years": 1,
        "remote_changes": "none",
        "certificate_issued": "in-person",
        "required": "fresh",
        "met": True,
    },
    "attributes": {"name": "見本　花子"},
    "checks": [{"name": "signature-value", "outcome": "PASSED", "clause": "EN 319 102-1 5.2.7.4 2)"}],
}
RUNNING: Final[dict[str, Any]] = {
    "id": VERDICT["id"],
    "state": "running",
    "since": "2026-11-23T00:00:00Z",
    "progress": {"stage": "verifying", "step": 2, "of": 3},
}
STATUS: Final[dict[str, Any]] = {
    "handle": VERDICT["certificate"],
    "status": "good",
    "source": "ocsp",
    "this_update": "2026-11-23T00:00:00Z",
    "next_update": "2026-11-23T00:10:00Z",
    "age_seconds": 0,
}
CONSENT: Final[dict[str, Any]] = {
    "id": "k-2c9e8b1f7a6d5c4e3b2a190f8e7d6c5b",
    "party": "bank",
    "fields": ["address"],
    "purpose": "口座の開設",
    "given_at": "2026-11-23T00:00:00Z",
    "until": "2027-03-31T14:59:59Z",
    "given_by": "card",
    "withdrawn_at": None,
}
CHALLENGE: Final[dict[str, Any]] = {
    "id": "l-9a8b7c6d5e4f30211203f4e5d6c7b8a9",
    "nonce": "oZQ1mJm0sXwqR0m2dXJ5c2l4dGVlbmJ5dGVzb2Zub25jZQ==",
    "origin": "https://city.example",
    "expires": "2026-11-23T00:05:00Z",
}
LOGIN: Final[dict[str, Any]] = {
    **{name: value for name, value in VERDICT.items() if name not in ("state", "attributes")},
    "id": CHALLENGE["id"],
    "format": "login",
}
CALL: Final[dict[str, Any]] = {
    "at": "2026-11-23T00:00:00Z",
    "operation": "verification",
    "reference": VERDICT["id"],
    "outcome": "PASSED",
}
