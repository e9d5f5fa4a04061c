"""The description of the API as a page: made here from the application's own OpenAPI document, without any script.

GET /docs    every operation with its parameters, answers and a curl line; `/openapi.json` is the document itself
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

_CODE = re.compile(r"```sh\n(.*?)\n```", re.DOTALL)
_METHODS = ("get", "post", "put", "patch", "delete")
_STYLE = "/docs/style.css"
_CSS = """
body{font:16px/1.6 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b}
section{border-top:2px solid #ddd;padding:1rem 0}h2{font-size:1.1rem;margin:0}code,pre{font-size:.86rem}
pre{background:#f3f5f8;padding:.8rem;overflow-x:auto;border-radius:.3rem}.method{color:#fff;background:#234;
padding:.1rem .5rem;border-radius:.2rem;margin-right:.5rem}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid #e4e4e4}
"""


def make_api_page_router() -> APIRouter:
    """The routes above."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs", response_class=HTMLResponse)
    def page(request: Request) -> str:
        """Every operation of this application."""
        return render(request.app.openapi())

    @router.get(_STYLE, response_class=HTMLResponse)
    def style() -> HTMLResponse:
        """The page's style: a file of its own, so that the content security policy need not allow any inline."""
        return HTMLResponse(_CSS, media_type="text/css")

    return router


def render(document: Mapping[str, Any]) -> str:
    """The page for an OpenAPI 3.1 document."""
    title = escape(str(document["info"]["title"]))
    sections = "".join(
        _section(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in _METHODS
    )
    schemas = "".join(
        f"<section id='{escape(name)}'><h2>{escape(name)}</h2><p>{escape(schema.get('description', ''))}</p>"
        f"{_table(_properties(schema))}</section>"
        for name, schema in document.get("components", {}).get("schemas", {}).items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<link rel="stylesheet" href="{_STYLE}"></head><body><h1>{title}</h1>'
        f'<p><a href="/openapi.json">OpenAPI {escape(str(document["openapi"]))}</a></p>'
        f"{sections}{schemas}</body></html>"
    )


def _section(path: str, method: str, operation: Mapping[str, Any]) -> str:
    summary = escape(operation.get("summary", ""))
    head = f'<span class="method">{method.upper()}</span><code>{escape(path)}</code> {summary}'
    given = [
        (
            row["name"] + ("" if row.get("required") else " (optional)"),
            f"{row['in']}: {row.get('description', row.get('schema', {}).get('description', ''))}",
        )
        for row in operation.get("parameters", ())
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if body:
        given.append(("body", _type(body)))
    answers = [(status, answer.get("description", "")) for status, answer in operation.get("responses", {}).items()]
    return (
        f"<section><h2>{head}</h2>{_text(operation.get('description', ''))}{_table(given)}{_table(answers)}</section>"
    )


def _text(description: str) -> str:
    parts = _CODE.split(description)
    return "".join(
        f"<pre>{escape(part)}</pre>" if number % 2 else f"<p>{escape(part.strip())}</p>" if part.strip() else ""
        for number, part in enumerate(parts)
    )


def _properties(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        optional = "" if name in required else " (optional)"
        yield name + optional, f"{_type(field)} {field.get('description', '')}"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " | ".join(map(str, schema.get("enum", [schema.get("const")])))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "anything"))


def _table(rows: Any) -> str:
    cells = "".join(f"<tr><th>{escape(str(one))}</th><td>{escape(str(two))}</td></tr>" for one, two in rows)
    return f"<table>{cells}</table>" if cells else ""
