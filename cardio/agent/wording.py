"""What the agent's own page says, in Japanese and English: key → (Japanese, English)."""

from collections.abc import Callable, Mapping
from typing import Final

LANGUAGES: Final = ("ja", "en")


def language_of(wanted: str | None, accepted: str | None) -> str:
    """`ja` unless English is asked for."""
    if wanted in LANGUAGES:
        return str(wanted)
    return "en" if (accepted or "").lower().startswith("en") else "ja"


def wording(language: str) -> Callable[[str], str]:
    """The sentences of one language. Errors: KeyError for a key that is none."""
    at = LANGUAGES.index(language)
    return lambda key: WORDS[key][at]


WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("カードリーダー", "Card reader"),
    "of": ("接続先", "Belongs to"),
    "pair": ("画面とつなぐ", "Pair with the screen"),
    "pair-how": (
        "窓口または申請の画面に表示されている番号を、ここに入力してください。",
        "Type the code here that the web page shows.",
    ),
    "code": ("接続番号", "Pairing code"),
    "pair-do": ("つなぐ", "Pair"),
    "paired": ("画面とつながっています。", "Paired with the screen."),
    "unpair": ("接続をやめる", "End the pairing"),
    "readers": ("カードリーダーの状態", "Readers"),
    "no-service": (
        "カードリーダーの機能が動いていません。自動的に再開を待っています。",
        "The card service does not answer. Waiting for it to come back.",
    ),
    "no-reader": (
        "カードリーダーが見つかりません。接続を確かめてください。",
        "No card reader is connected. Please check its cable.",
    ),
    "empty": ("カードは入っていません。", "No card."),
    "card": ("カードが入っています。", "A card is in."),
    "other-card": ("このサービスのカードではありません。", "Not a card of this service."),
    "trouble": ("カードを読めません。入れ直してください。", "The card cannot be read. Put it in again."),
    "idle": ("いまお願いすることはありません。", "Nothing is asked of you now."),
    "login": ("暗証番号を入力してください", "Enter your PIN"),
    "login-for": ("次のサイトにログインします。", "You are logging in to this site:"),
    "check-pin": ("本人確認のため、暗証番号を入力してください", "Enter your PIN, to show that the card is yours"),
    "sign": (
        "内容を確かめ、署名用パスワードを入力してください",
        "Read the document, then enter your signature password",
    ),
    "sign-for": ("次の文書に署名します。", "You are signing this document:"),
    "new-pins": ("新しい暗証番号を決めてください", "Choose your new PINs"),
    "new-pins-how": (
        "職員には見えません。ほかの人に推測されにくい番号にしてください。",
        "The clerk does not see them. Choose what others will not guess.",
    ),
    "authentication": ("利用者証明用 暗証番号(数字4桁)", "Authentication PIN (4 digits)"),
    "authentication-again": ("もう一度 数字4桁", "The 4 digits again"),
    "signature": ("署名用パスワード(英数字6~16文字)", "Signature password (6 to 16 letters and digits)"),
    "signature-again": ("もう一度 署名用パスワード", "The signature password again"),
    "tries": ("あと何回まちがえられるか", "Tries left"),
    "last-try": (
        "次にまちがえるとロックされ、窓口での再設定が必要になります。それでも入力します。",
        "One more mistake locks it, and a counter must reset it. I am sure.",
    ),
    "blocked": (
        "ロックされています。窓口で再設定してください。",
        "It is locked. A counter can reset it.",
    ),
    "wrong": (
        "番号がちがうか、決まりに合っていません。もう一度入力してください。",
        "That was wrong, or does not fit the rules. Please enter it again.",
    ),
    "ok": ("決定", "Confirm"),
    "cancel": ("やめる", "Cancel"),
    "said-code-unknown": (
        "番号がちがうか、時間が過ぎています。画面の番号を確かめてください。",
        "The code is wrong or too old. Look at the screen again.",
    ),
    "said-service-silent": (
        "接続先に届きません。しばらくしてからもう一度お試しください。",
        "The service cannot be reached. Try again in a while.",
    ),
    "language": ("English", "日本語"),
    "times": ("回", ""),
}
