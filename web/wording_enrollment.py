"""What a refusal of the registry, the counters and the ledger says in Japanese: sentences to read aloud at a desk."""

WHY_AND_WHAT_TO_DO: dict[str, tuple[str, str]] = {
    "enrollment.unknown-person": (
        "この市区町村の台帳に該当する方がいません。",
        "番号と市区町村を確かめてください。ほかの市区町村をまたいだ検索はできません。",
    ),
    "enrollment.unknown-counter": ("窓口 {counter} は登録されていません。", "先に窓口を登録してください。"),
    "enrollment.unknown-operator": (
        "担当者 {operator} は登録されていません。",
        "管理者に依頼して、担当者のカードを登録してください。",
    ),
    "enrollment.unknown-application": ("申請 {application} はありません。", "受付票の番号を確かめてください。"),
    "enrollment.unknown-card": (
        "このカードはここで発行したものではありません。",
        "カードの番号を確かめてください。",
    ),
    "enrollment.unknown-case": (
        "その問い合わせ、または閲覧の記録はありません。",
        "閲覧の一覧にある番号を使ってください。",
    ),
    "enrollment.unknown-incident": ("事案 {incident} はありません。", "番号を確かめてください。"),
    "enrollment.answer-unfit": (
        "回答は1文字以上{longest}文字以内です。",
        "だれが、なぜ見たのかを短い文で書いてください。",
    ),
    "enrollment.same-answerer": (
        "最初に回答した担当者は、もう一度の回答はできません。",
        "別の監督者が調べて回答してください。",
    ),
    "enrollment.scope-unfit": (
        "事案の範囲は、始まりより後に終わり、機能・提供先・事務・記録のどれかを含む必要があります。",
        "何が誤っていたのかに絞ってください。期間だけでは範囲になりません。",
    ),
    "enrollment.slot-unfit": (
        "その時間は予約できません。窓口が閉まっているか、最後の枠が埋まりました。",
        "一覧から別の時間を選んでください。",
    ),
    "enrollment.unknown-booking": (
        "その予約はありません。",
        "予約票の番号を確かめてください。予約がなくても窓口で番号札を取れます。",
    ),
    "enrollment.unknown-municipality": (
        "市区町村 {municipality} は登録されていません。",
        "5桁の市区町村コードを確かめてください。",
    ),
    "enrollment.unknown-certificate": (
        "届出に署名した証明書は、ここで発行したものではありません。",
        "このサービスが発行したカードの署名用の鍵で署名してください。",
    ),
    "enrollment.unknown-filing": (
        "届出 {filing} はありません。",
        "届出番号を確かめてください。受け付けられなかった届出は残りません。",
    ),
    "enrollment.unknown-event": (
        "台帳に記録 {event} はありません。",
        "台帳を見て、そこにある記録を指定してください。",
    ),
    "enrollment.no-policy": (
        "市区町村 {owner} に適用される上限の規則がありません。",
        "規則を定めてください。規則がない間、オンラインの手続は受け付けられません。",
    ),
    "enrollment.not-yours": (
        "ほかの市区町村が管理する記録です。",
        "その方の住所地の市区町村に問い合わせてください。",
    ),
    "enrollment.no-receipt": (
        "閲覧の記録が先に残されていません。",
        "だれが何のために見るのかを先に記録してください。",
    ),
    "enrollment.role-missing": (
        "担当者 {operator} には権限（{role}）がありません。",
        "権限のある職員に依頼してください。",
    ),
    "enrollment.operator-not-valid": (
        "担当者 {operator} は今の時点では業務を行えません。",
        "任命の期間を確かめてください。",
    ),
    "enrollment.out-of-scope": (
        "窓口 {counter} ではこの事務（{affair}）を取り扱っていません。",
        "市区町村の窓口をご案内ください。",
    ),
    "enrollment.not-designated": (
        "窓口 {counter} は、この日は指定の期間に含まれていません。",
        "市区町村の窓口をご案内いただくか、指定を更新してください。",
    ),
    "enrollment.wrong-state": (
        "{what} は {state} の状態なので、{event} はできません。",
        "今の状態を確かめ、次にできる操作を選んでください。",
    ),
    "enrollment.stale": ("ほかの処理が先に {what} を変更しました。", "もう一度お試しください。"),
    "enrollment.place-taken": (
        "同じ方の別の手続が同時に記録されました。",
        "もう一度お試しください。判定はやり直されます。",
    ),
    "enrollment.needs-approval": (
        "この事務（{affair}）には、もう一人の職員の承認が必要です。",
        "別の職員が、自分のカードで承認してください。",
    ),
    "enrollment.same-person": (
        "申請を受け付けた職員、または同じカードでは承認できません。",
        "ほかの職員に依頼してください。",
    ),
    "enrollment.approval-expired": ("承認の期限が過ぎました。", "もう一度、承認を依頼してください。"),
    "enrollment.evidence-too-weak": (
        "提示された書類では本人確認ができません（{missing}）。",
        "顔写真のある書類1点で顔を確かめるか、書類2点の提示を受けてください。",
    ),
    "enrollment.evidence-used": (
        "この本人確認の記録は、すでに別の手続に使われています。",
        "いま確認した内容を、新しい記録として残してください。",
    ),
    "enrollment.not-present": (
        "ご本人がお越しになっていません。",
        "対面での本人確認は、ご本人にお越しいただく必要があります。",
    ),
    "enrollment.not-confirmed": (
        "市区町村の確認がないか、確認の期限が切れています。",
        "ご本人がお待ちの間に、市区町村の確認を受けてください。",
    ),
    "enrollment.self-dealing": ("職員は自分自身の記録を取り扱えません。", "ほかの職員に依頼してください。"),
    "enrollment.kiosk-never-anchors": (
        "端末では対面での本人確認ができません。",
        "市区町村の窓口、または指定された郵便局をご案内ください。",
    ),
    "enrollment.municipal-desk-needed": (
        "今回は市区町村の窓口での本人確認が必要です。",
        "市区町村の窓口をご案内ください。",
    ),
    "enrollment.cap-reached": (
        "次のオンラインの手続の前に、対面での本人確認が必要です。",
        "市区町村の窓口、または指定された郵便局にご本人がお越しください。",
    ),
    "enrollment.looser-policy": (
        "市区町村の規則は共通の規則より緩くできません（{fields_loosened}）。",
        "共通の値のままにするか、より厳しい値にしてください。",
    ),
    "enrollment.not-reversible": ("記録 {event} は取り消せません（{because}）。", "新しい記録を追加してください。"),
    "enrollment.filing-malformed": (
        "届出の書式が正しくありません（{what}）。",
        "最新の様式で作り、そのままの内容に署名してください。",
    ),
    "enrollment.filing-rejected": (
        "届出の署名を確認できませんでした（{indication} {sub_indication}）。",
        "検証結果を確かめ、有効なカードで署名し直してください。",
    ),
    "enrollment.filing-from-future": (
        "署名したパソコンの時計が進んでいます。",
        "パソコンの日付と時刻を合わせて、もう一度署名してください。",
    ),
    "enrollment.filing-replayed": (
        "届出 {filing} はすでに受け付けています。",
        "最初の届出の結果を確かめるか、新しい届出を作ってください。",
    ),
    "enrollment.filing-void": (
        "届出に書かれた有効期限（{void_after}）が過ぎています。",
        "新しい届出を作って署名してください。",
    ),
    "enrollment.filing-mismatch": (
        "証明書の発行要求が、署名された届出のものと違います。",
        "届出に書かれた発行要求を送ってください。",
    ),
    "enrollment.certificate-ended": (
        "届出に署名した証明書は失効しています。",
        "カードに入っている新しい証明書で署名してください。カードを失くされたときは窓口にお越しください。",
    ),
    "enrollment.certificate-expired": (
        "証明書の有効期間が過ぎています。",
        "窓口で証明書を更新してください。",
    ),
    "enrollment.card-not-usable": (
        "このカードは使えません（{state}）。",
        "市区町村の窓口にお越しください。",
    ),
    "enrollment.management-refused": (
        "離れた所からカードに対して行えない操作です({what})。",
        "市区町村の窓口をご案内ください。",
    ),
    "enrollment.pin-not-permitted": (
        "このカードの暗証番号を設定し直す許可（{number}）がありません。",
        "窓口で本人確認を受け、職員の許可を得てください。",
    ),
    "enrollment.pin-permission-used": (
        "許可（{number}）はすでに使われたか、ほかで使われています。",
        "暗証番号が分からないときは、窓口で新しい許可を受けてください。",
    ),
    "enrollment.pin-permission-expired": (
        "許可（{number}）の期限（{expires_at}）が過ぎました。",
        "ご本人が窓口にいらっしゃる間に、新しい許可を受けてください。",
    ),
    "enrollment.key-not-from-card": (
        "申請された鍵は、このカードの中で作られたものではありません。",
        "カードの中で新しい鍵を作り、その鍵で申請し直してください。",
    ),
    "enrollment.wrong-card": (
        "鍵を作ったカードではありません。",
        "この申請を始めたときのカードを入れてください。",
    ),
    "enrollment.card-differs": (
        "カードから読み直した内容が、書き込んだ内容と違います（{purpose}）。",
        "もう一度続けてください。直らないときはカードを取り替えてください。",
    ),
    "enrollment.not-signed-yet": ("証明書はまだ発行の途中です。", "少し待ってから、続きの操作をしてください。"),
    "enrollment.nothing-changes": ("新しい住所は、今の住所と同じです。", "届出の必要はありません。"),
    "enrollment.remote-blocked": (
        "この手続はオンラインではできません（{because}）。",
        "市区町村の窓口にご本人がお越しください。",
    ),
    "enrollment.already-issued": (
        "すでに有効な証明書があるか、手続の途中の申請があります。",
        "更新または再発行の手続をするか、途中の申請を終わらせてください。",
    ),
    "enrollment.already-protected": (
        "この方にはすでに支援措置があります。",
        "更新するか、担当の窓口に問い合わせてください。",
    ),
    "enrollment.not-protected": ("この方に支援措置はありません。", "台帳を確かめてください。"),
    "enrollment.output-blocked": (
        "この方の住所を印刷・出力することはできません。",
        "窓口 {contact_desk} に問い合わせてください。住所の確認には二人の職員の承認が必要です。",
    ),
    "enrollment.still-cooling": (
        "解除が二人の職員に承認されていないか、確認の期間（{release_after}）が終わっていません。",
        "その日時までお待ちください。それまでは、だれでも解除を止められます。",
    ),
    "enrollment.unknown-channel": ("連携先 {channel} は登録されていません。", "先に連携先を登録してください。"),
    "enrollment.not-granted": (
        "この方に代わって手続（{affair}）をする権限の記録がありません。",
        "窓口で代理の登録をするか、ご本人がお越しください。",
    ),
    "enrollment.signature-invalid": ("{signer} の署名を確認できません。", "登録された鍵で署名し直してください。"),
    "enrollment.gateway-refused": (
        "受け付けられない電文です（{what}）。",
        "決められた書式で送り直してください。内容は一切取り込まれていません。",
    ),
    "enrollment.gateway-flooded": (
        "市区町村 {owner} からの通知が、取り決めた1分あたり {limit} 件を超えています。",
        "1分ほど待ってから、同じ通知をもう一度送ってください。",
    ),
    "enrollment.braked": (
        "市区町村 {owner} からの変更を止めています（{because}）。",
        "届いた内容を確かめ、責任者が再開してください。",
    ),
    "enrollment.snapshot-damaged": (
        "控えを信用できません（{what}）。",
        "別の控え、または古い控えを使ってください。",
    ),
    "enrollment.residence-unproven": (
        "新しい住所にお住まいであることを確認できません。",
        "次のいずれかをご用意ください: {choices}。",
    ),
    "enrollment.already-adopted": (
        "規則 {version}、または同じ日から適用される規則がすでにあります。",
        "新しい版の名前と適用日を付けてください。定めた規則は変更できません。",
    ),
    "enrollment.filing-too-early": (
        "この届出は{opens}から受け付けます。",
        "その日以降に、もう一度届け出てください。",
    ),
    "enrollment.filing-too-late": (
        "オンラインで届け出られる期間は{until}まででした。",
        "お住まいの市区町村の窓口にご本人がお越しください。窓口では今からでも受け付けます。",
    ),
    "enrollment.code-wrong": (
        "お手紙の番号と一致しません。あと{tries_left}回入力できます。",
        "一番新しいお手紙の番号をもう一度ご確認ください。入力できなくなったときは、新しいお手紙を請求してください。",
    ),
    "enrollment.letter-over": (
        "このお手紙の番号は、もう使えません（{state}）。",
        "新しいお手紙を請求してください。",
    ),
    "enrollment.already-registered": (
        "{name}はすでに登録されているか、そのカードがほかの職員のものです。",
        "別の名前を選ぶか、登録の内容をご確認ください。",
    ),
    "enrollment.act-not-signed": (
        "職員 {operator} のカードによる署名がありません（{what}）。",
        "この操作の内容にカードで署名し、5分以内に実行してください。",
    ),
    "enrollment.act-refused": (
        "署名された操作を受け付けられません（{because}）。",
        "窓口の端末で操作を作り直し、ご自身のカードで署名してください。",
    ),
    "enrollment.idempotency-mismatch": (
        "同じ受付キーが、別の内容の依頼に使われています。",
        "新しい依頼には新しいキーを使ってください。",
    ),
    "ca.malformed-request": ("証明書の発行要求を読み取れません。", "カードで発行要求を作り直してください。"),
    "ca.possession-not-proven": (
        "発行要求の署名が、新しい鍵によるものと確認できません。",
        "カードで発行要求を作り直してください。",
    ),
    "ca.weak-key": ("新しい鍵の強さが足りません。", "別のカードをお使いください。"),
    "ca.key-already-seen": ("この鍵はすでに使われています。", "カードで新しい鍵を作ってください。"),
    "ca.nothing-left-to-certify": (
        "カードまたは証明書の期限が近く、新しい証明書を発行できません。",
        "窓口でカードと証明書を更新してください。",
    ),
}
"""Code → why, and what to do, with the same `{fields}` as the English in the error's class."""
