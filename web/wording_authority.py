"""What the authority, the verifier and the shared words say in Japanese when they refuse."""

WHY_AND_WHAT_TO_DO: dict[str, tuple[str, str]] = {
    "pki.malformed": ("データを読み取れません({what})。", "求められている形式で送り直してください。"),
    "pki.invalid-value": ("値が正しくありません({what})。", "値を直してください。"),
    "pki.card-change-refused": (
        "{state} のカードに {event} はできません。",
        "いまの状態でできることを確かめてください。紛失したカードは元に戻せません。",
    ),
    "ca.malformed-request": (
        "証明書の発行要求を読み取れません({what})。",
        "鍵一つと署名一つを含む PKCS#10 を DER で送ってください。",
    ),
    "ca.possession-not-proven": (
        "発行要求が、その中の公開鍵に対応する秘密鍵で署名されていません。",
        "カードの新しい秘密鍵で発行要求に署名してください。",
    ),
    "ca.weak-key": ("この公開鍵は使えません({weakness})。", "定められた種類の鍵を新しく作ってください。"),
    "ca.key-already-seen": (
        "この公開鍵は、すでに別の対象({difference})のものとして登録されています。",
        "このカードで新しい鍵を作ってください。",
    ),
    "ca.key-blocked": ("この公開鍵は危殆化が知られています({listed_for})。", "新しい鍵を作ってください。"),
    "ca.profile-mismatch": (
        "申し込みの内容が証明書のプロファイル {profile} に合いません({what})。",
        "内容を直してください。",
    ),
    "ca.too-young": (
        "署名用証明書は {minimum_age} 歳から発行できます。",
        "利用者証明用証明書だけを発行してください。",
    ),
    "ca.nothing-left-to-certify": (
        "証明書の有効期間が残りません。",
        "先にカードを更新してください。",
    ),
    "ca.outlives-authority": (
        "証明書の期限が認証局 {authority} の期限を超えます。",
        "認証局の世代交代が済むまでお待ちください。",
    ),
    "ca.no-active-authority": (
        "ただいま発行を受け付けている認証局がありません({purpose})。",
        "しばらくしてからやり直してください。",
    ),
    "ca.idempotency-conflict": (
        "同じ受付キーが別の内容の申し込みに使われています。",
        "新しい申し込みには新しい受付キーを使ってください。",
    ),
    "ca.crl-number-taken": ("失効リストの番号をほかの処理が先に取りました。", "もう一度お試しください。"),
    "ca.lease-lost": ("ほかの処理が同じ作業をしています。", "もう一度お試しください。"),
    "ca.restored-database": (
        "ただいま証明書の状態を確かめられません。",
        "復旧が済むまでお待ちください。",
    ),
    "ca.shelf-unavailable": (
        "失効リストの置き場所から応答がありません({what})。",
        "しばらくしてからやり直してください。",
    ),
    "verifier.format-failure": (
        "署名の形式が正しくありません({what}、{clause})。",
        "形式に従うソフトウェアで署名し直してください。",
    ),
    "verifier.unacceptable-algorithm": (
        "署名の方式を受け付けられません({what})。",
        "SHA-256 以上で署名してください。",
    ),
    "verifier.unacceptable-key": (
        "署名者の鍵({what})は受け付けられません。",
        "受け付けられる鍵のカードで署名してください。",
    ),
    "verifier.budget-exhausted": (
        "確認すべき{what}が多すぎるため、検証を打ち切りました。",
        "経路に必要な証明書と証拠だけを送ってください。",
    ),
    "verifier.fetch-refused": ("{host} には問い合わせません({cause})。", "設定で許可された相手か確かめてください。"),
    "verifier.fetch-failed": ("{host} から答えがありません({cause})。", "しばらくしてからやり直してください。"),
    "verifier.challenge-refused": (
        "確認用の番号(チャレンジ)が使えません({state})。",
        "新しいチャレンジを取り、それに署名してください。",
    ),
    "verifier.token-refused": (
        "ログインを確認できませんでした({check}、{cause})。",
        "有効なカードの利用者証明用証明書でもう一度ログインしてください。",
    ),
    "transparency.not-found": ("{what} はありません。", "番号や名前を確かめてください。"),
    "transparency.overtaken": ("ほかの処理が先に行われました。", "もう一度お試しください。"),
}
