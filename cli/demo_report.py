"""`report.html`: the story on one page that a minister could read, in Japanese and English."""

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cli.demo_picture import draw
from cli.demo_record import Record
from pki.instant import JAPAN, Instant

TITLES = {
    "card-inserted": ("カードをリーダーに入れる", "The card is inserted"),
    "keys-generated-on-card": ("カードの中で鍵を作る", "Keys are made on the card"),
    "certificates-issued": (
        "二人目の職員が承認し、証明書を発行",
        "A second operator approves; certificates are issued",
    ),
    "certificates-on-card": ("カードに書き込み、読み戻して照合", "Written to the card and read back"),
    "filing-signed": ("届出にカードで署名", "A filing is signed with the card"),
    "filing-verified": ("受け手が届出を検証: 合格", "The relying party verifies it: passed"),
    "tampered-filing-rejected": ("1文字でも変われば不合格", "One changed byte: failed"),
    "remote-move-1": ("オンラインの転居 1回目", "Remote change of address, the first"),
    "remote-move-2": ("オンラインの転居 2回目", "Remote change of address, the second"),
    "remote-move-3": ("オンラインの転居 3回目", "Remote change of address, the third"),
    "remote-move-refused": ("4回目は受け付けない", "The fourth is refused, with reason and way out"),
    "in-person-check": ("郵便局で本人確認", "Seen in person at the post office"),
    "remote-move-after-check": ("断られた転居をもう一度: 受理", "The refused move again: accepted"),
    "years-cap-refused": ("別の人: 最後の対面から年数超過", "Somebody else: too many years since being seen"),
    "card-lost": ("カードの紛失届: 二枚とも失効", "The card is reported lost: both certificates revoked"),
    "filing-after-loss-rejected": ("失くしたカードの届出は不合格", "A filing with the lost card: failed"),
    "old-filing-as-of-then": ("最初の届出は「その時点」で今も合格", "The first filing, as of then, still passes"),
}


def render(record: Record) -> str:
    """The page as HTML: complete in itself, without script, font or picture from elsewhere."""
    environment = Environment(
        loader=PackageLoader("cli"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    steps = [
        {
            "name": step.name,
            "ok": step.ok,
            "ja": TITLES[step.name][0],
            "en": TITLES[step.name][1],
            "time": _in_japan(step.at),
            "detail": list(step.detail.items()),
        }
        for step in record.steps
    ]
    return environment.get_template("report.html").render(
        record=record,
        steps=steps,
        # The picture is drawn here, and escapes every word that it holds.
        picture=Markup(draw(record)),  # noqa: S704
        began=_in_japan(record.steps[0].at),
        ended=_in_japan(record.steps[-1].at),
    )


def write(record: Record, path: Path) -> None:
    """Write the page, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(render(record), encoding="utf-8")
    partial.replace(path)


def _in_japan(at: Instant) -> str:
    return at.datetime.astimezone(JAPAN).strftime("%Y-%m-%d %H:%M:%S")
