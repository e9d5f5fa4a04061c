"""Our own CSS and JavaScript: read once, served under names that hold their digest, so that browsers keep them."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from fastapi import APIRouter, HTTPException, Response

_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
NAMES = ("pages.css", "pages.js", "desk.js", "passkeys.js", "htmx.min.js")


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is served."""

    url: str
    media_type: str
    content: bytes


def static_files() -> dict[str, StaticFile]:
    """Name → file, for all of `NAMES`."""
    found = {}
    for name in NAMES:
        content = files("web").joinpath("static", name).read_bytes()
        stem, dot, ending = name.rpartition(".")
        digest = hashlib.sha256(content).hexdigest()[:16]
        kind = _KINDS[dot + ending]
        found[name] = StaticFile(f"/pages/{stem}.{digest}.{ending}", kind, content)
    return found


def static_router(found: dict[str, StaticFile]) -> APIRouter:
    """The routes of these files: public, for ever the same under their names."""
    router = APIRouter(include_in_schema=False)
    by_url = {one.url: one for one in found.values()}

    @router.get("/pages/{name}")
    def static(name: str) -> Response:
        file = by_url.get(f"/pages/{name}")
        if file is None:
            raise HTTPException(404)
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(file.content, media_type=file.media_type, headers=headers)

    return router
