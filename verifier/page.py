"""A verdict as one page that people can read: HTML without scripts, without anything from elsewhere.

It is made from the JSON form of a report, so that a stored verdict looks the same years later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from verifier.indication import Indication, SubIndication
from verifier.report import CheckName, Outcome
from verifier.sentences import in_tongue, told
from verifier.words import CHECKS, MEANINGS, OUTCOMES, VERDICTS, Said, Tongue

_MARKS: Final = {"PASSED": "✓", "FAILED": "✗", "INDETERMINATE": "?", "SKIPPED": "–", "NOTE": "i"}

STYLE: Final = """
body{font:16px/1.7 "Noto Sans CJK JP","Noto Sans JP",system-ui,sans-serif;max-width:52rem;
margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
h1{font-size:1.7rem;line-height:1.3;padding:1rem 1.2rem;color:#fff;border-radius:.4rem;margin:0}
h1.PASSED{background:#0a6b3d}h1.FAILED{background:#a3161a}h1.INDETERMINATE{background:#8a5a00}
h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:2px solid #ddd}
.reason{font-size:1.1rem;margin:1rem 0}.todo{background:#f3f5f8;padding:.8rem 1.2rem;border-radius:.4rem}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.45rem .5rem;border-bottom:1px solid #e4e4e4}
td.mark{font-weight:bold;white-space:nowrap}td.PASSED{color:#0a6b3d}td.FAILED{color:#a3161a}
td.INDETERMINATE{color:#8a5a00}td.SKIPPED,td.NOTE{color:#555}.why{color:#444}.time{white-space:nowrap}.clause{color:#666;font-size:.82rem}code{font-size:.82rem;word-break:break-all}
.warning{border-left:.3rem solid #a3161a;padding:.3rem .8rem;background:#fdf3f3}
@media print{body{margin:0}h1{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""
"""The whole of the page's style, so that a server can allow exactly it by its hash."""

_TITLE: Final = Said("署名の検証結果", "Verification of a signature")
_LABELS: Final[Mapping[str, Said]] = {
    "at": Said("検証の時点", "Judged for"),
    "best_signature_time": Said("署名が遅くとも存在した時刻", "The signature existed by"),
    "claimed_signing_time": Said("署名者が申告した時刻（証拠ではない）", "The signer claims (no proof)"),
    "format": Said("形式", "Format"),
    "level": Said("水準", "Level"),
    "policy": Said("検証ポリシー", "Policy"),
    "covered": Said("署名が及ぶ範囲", "The signature covers"),
    "sha256": Said("その SHA-256", "Its SHA-256"),
    "signer": Said("署名者の証明書（SHA-256）", "The signer's certificate (SHA-256)"),
    "path": Said("認証局の証明書（SHA-256）", "Certificates above it (SHA-256)"),
    "evidence_sha256": Said("証拠の要約値（SHA-256）", "Digest of the evidence (SHA-256)"),
}
_HEADINGS: Final[Mapping[str, Said]] = {
    "todo": Said("どうすればよいか", "What to do"),
    "checks": Said("確認した項目", "Every check"),
    "facts": Said("詳細", "Details"),
    "part": Said("署名", "Signature"),
    "warnings": Said("署名の外にあるもの", "What lies outside the signature"),
}
_POLICIES: Final[Mapping[str, Said]] = {
    "filing": Said("届出", "filing"),
    "log-in": Said("ログイン", "log-in"),
    "command line": Said("コマンドでの指定", "command line"),
}
"""Names of policies of ours; another's name is shown as it is."""
_FORMATS: Final = {
    "cms": "CMS (CAdES)",
    "xml": "XML (XAdES)",
    "pdf": "PDF (PAdES)",
    "jws": "JWS (JAdES)",
    "raw": "PKCS#1, ECDSA",
}
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def render_page(report: Mapping[str, Any], tongue: Tongue) -> str:
    """One HTML page from `Report.to_json()`. Errors: KeyError, ValueError for what is no such form."""
    parts: Sequence[Mapping[str, Any]] = report.get("parts") or [report]
    body = [_head(report, tongue)]
    for number, part in enumerate(parts, 1):
        if len(parts) > 1:
            body.append(_head(part, tongue, f"{_HEADINGS['part'].in_(tongue)} {number}"))
        body.append(_warnings(part, tongue))
        body.append(_checks(part, tongue))
        body.append(_facts(part, tongue))
    return (
        f'<!doctype html><html lang="{tongue}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(_TITLE.in_(tongue))}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _text(sentence: str) -> str:
    """The sentence in HTML; a time in it is not torn apart at a line's end."""
    return _TIME.sub(r'<span class="time">\g<0></span>', escape(sentence))


def _words(sentence: str) -> str:
    return sentence.casefold().rstrip(".。")


def _head(report: Mapping[str, Any], tongue: Tongue, prefix: str = "") -> str:
    indication = Indication(report["indication"])
    lead = f"{escape(prefix)}: " if prefix else ""
    code = report["sub_indication"] or ""
    html = [f'<h1 class="{indication}">{_MARKS[indication]} {lead}{escape(VERDICTS[indication].in_(tongue))}</h1>']
    if code:
        meaning = MEANINGS[SubIndication(code)]
        html.append(
            f'<p class="reason">{escape(meaning.what.in_(tongue))} <code>{indication}/{escape(code)}</code></p>'
        )
        said = in_tongue(str(report["reason"]), tongue, sub_indication=code)
        if _words(said) != _words(meaning.what.in_(tongue)):
            html.append(f'<p class="why">{_text(said)}</p>')
        html.append(
            f'<div class="todo"><strong>{_HEADINGS["todo"].in_(tongue)}</strong><br>'
            f"{escape(meaning.todo.in_(tongue))}</div>"
        )
    return "".join(html)


def _warnings(report: Mapping[str, Any], tongue: Tongue) -> str:
    covered = report.get("covered")
    if not covered or not covered["warnings"]:
        return ""
    rows = "".join(f'<p class="warning">{escape(in_tongue(str(text), tongue))}</p>' for text in covered["warnings"])
    return f"<h2>{_HEADINGS['warnings'].in_(tongue)}</h2>{rows}"


def _checks(report: Mapping[str, Any], tongue: Tongue) -> str:
    rows = []
    for check in report["checks"]:
        outcome, name = Outcome(check["outcome"]), CheckName(check["name"])
        rows.append(
            f'<tr><td class="mark {outcome}">{_MARKS[outcome]} {escape(OUTCOMES[outcome].in_(tongue))}</td>'
            f"<td>{escape(CHECKS[name].in_(tongue))}"
            f'<br><span class="why">{_text(told(check, tongue))}</span>'
            f'<br><span class="clause">{escape(in_tongue(str(check["clause"]), tongue))}</span></td></tr>'
        )
    return f"<h2>{_HEADINGS['checks'].in_(tongue)}</h2><table>{''.join(rows)}</table>"


def _facts(report: Mapping[str, Any], tongue: Tongue) -> str:
    covered, signer = report.get("covered") or {}, report.get("signer") or {}
    policy = _POLICIES.get(str(report.get("policy")))
    facts = {
        **{name: report.get(name) for name in ("at", "best_signature_time", "claimed_signing_time")},
        "format": _FORMATS.get(str(report.get("format")), report.get("format")),
        "level": report.get("level"),
        "policy": policy.in_(tongue) if policy is not None else report.get("policy"),
        "covered": in_tongue(str(covered["what"]), tongue) if covered else None,
        "sha256": covered.get("sha256"),
        "signer": signer.get("sha256"),
        "path": " → ".join(report.get("path", [])[1:]),
        "evidence_sha256": report.get("evidence_sha256"),
    }
    rows = "".join(
        f"<tr><th>{escape(_LABELS[name].in_(tongue))}</th><td><code>{escape(str(value))}</code></td></tr>"
        for name, value in facts.items()
        if value
    )
    return f"<h2>{_HEADINGS['facts'].in_(tongue)}</h2><table>{rows}</table>"
