"""The first page of a deployment: what it is, what may be asked of it and where; and its authorities' certificates.

GET /                     the page, in the language asked for (`?lang=ja`, `?lang=en`, or Accept-Language)
GET /ca/{authority}.cer   an authority's certificate, DER (RFC 2585 3)
GET /static/home.css      its style
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from pki.certificate import Certificate
from pki.purpose import Purpose
from web.language import Language, preferred


@dataclass(frozen=True, slots=True)
class AuthorityCard:
    """What the page tells of one authority."""

    id: str
    purpose: Purpose
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Door:
    """One thing that may be asked of this deployment. `say` and `what` are (Japanese, English)."""

    path: str
    say: tuple[str, str]
    what: tuple[str, str]


DOORS: Sequence[Door] = (
    Door(
        "/v1/verifications",
        ("署名の検証", "Verify a signature"),
        ("文書と署名を送ると、検査項目すべての結果が返ります。", "Send a document and its signature; get every check."),
    ),
    Door(
        "/v1/filings",
        ("オンラインの届出", "File from home"),
        (
            "カードで署名した転居などの届出を受け付けます。",
            "Takes filings signed with a card, like a change of address.",
        ),
    ),
    Door(
        "/openapi.json",
        ("API の定義", "The API's definition"),
        ("すべての操作とその形 (OpenAPI 3.1)。", "Every operation and its shapes (OpenAPI 3.1)."),
    ),
    Door(
        "/ready",
        ("動作の状態", "Is it ready"),
        ("この瞬間に応答できるか。", "Whether it can answer at this moment."),
    ),
)


def make_home_router(authorities: Sequence[AuthorityCard], paths: frozenset[str], otherwise: Language) -> APIRouter:
    """The routes above; of DOORS those are shown whose path this process serves (`paths`)."""
    router = APIRouter(include_in_schema=False)
    environment = Environment(
        loader=PackageLoader("web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.get_template("home.html")
    style = files("web").joinpath("static/home.css").read_bytes()
    by_id = {one.id: one for one in authorities}
    doors = [door for door in DOORS if door.path in paths or door.path in ("/openapi.json", "/ready")]

    @router.get("/")
    def home(request: Request, lang: str | None = None) -> HTMLResponse:
        wanted = (
            Language(lang) if lang in set(Language) else preferred(request.headers.get("accept-language"), otherwise)
        )
        page = template.render(
            lang=wanted.value, at=0 if wanted is Language.JA else 1, authorities=authorities, doors=doors
        )
        return HTMLResponse(page, headers={"Content-Language": wanted.value, "Vary": "Accept-Language"})

    @router.get("/static/home.css")
    def sheet() -> Response:
        return Response(style, media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    @router.get("/ca/{authority}.cer")
    def certificate(authority: str) -> Response:
        found = by_id.get(authority)
        if found is None:
            raise HTTPException(404)
        return Response(found.certificate.der, media_type="application/pkix-cert")

    return router
