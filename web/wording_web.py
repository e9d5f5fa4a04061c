"""What the faces themselves say in Japanese when they refuse."""

WHY_AND_WHAT_TO_DO: dict[str, tuple[str, str]] = {
    "web.not-authenticated": (
        "リクエストが認証されていません({cause})。",
        "API の説明のとおり、登録した鍵で署名した新しいアサーションを送ってください。",
    ),
    "web.not-allowed": ("{what} は登録の範囲に入っていません。", "範囲の内で求めるか、登録を変更してください。"),
    "web.quota-exhausted": (
        "1 分あたり {limit} 回の約束の回数を使い切りました。",
        "{seconds} 秒待つか、回数の引き上げを申し込んでください。",
    ),
    "web.idempotency-mismatch": (
        "この Idempotency-Key は別のリクエストに使われています。",
        "新しいリクエストには新しいキーを付けてください。",
    ),
    "web.still-running": ("同じリクエストを処理しているところです。", "少し待って、同じキーでもう一度送ってください。"),
    "web.no-such-verification": ("その検証はありません。", "ID を確かめてください。削除した検証は元に戻せません。"),
    "web.no-such-conversation": (
        "そのカードとの通信は続けられません。",
        "カードの操作を初めからやり直してください。何度やり直しても結果は同じです。",
    ),
    "web.too-many-conversations": (
        "カードの操作が混み合っています。",
        "1 分ほど待ってからやり直してください。",
    ),
    "web.conversation-failed": (
        "カードとの通信を打ち切りました({cause})。",
        "カードを差し直し、操作を初めからやり直してください。",
    ),
}
