"""A request for every cause of WeCom's calls, as in requests_by_cause.py.

Brand-A and Brand-B are official accounts. Each function creates the WeCom app that it needs.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl, urlencode

from verification.accounts.aes_keys import rotate_aes_key
from verification.models import OfficialAccount
from verification.protocol.enums import Platform
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A
from verification.tests.support.lost_keys import lose_aes_keys
from verification.tests.support.messages import AES_KEY, OTHER_AES_KEY, encrypt
from verification.tests.support.requests_by_cause import Send
from verification.tests.support.signer import verification
from verification.tests.support.wecom import (
    CORP_ID,
    ECHOSTR,
    OTHER_CORP_ID,
    make_wecom_app,
    wecom_message,
    wecom_push,
    wecom_verification,
)

W = "TokenOfWeComApp9012"
MESSAGE = wecom_message("hello")


def make_shop(*, key: str = AES_KEY, corp_id: str = CORP_ID) -> OfficialAccount:
    return make_wecom_app("shop", W, key=key, corp_id=corp_id)


def encrypted_echostr(containing: str) -> str:
    """Return an encrypted echostr that contains this character of base64."""
    while containing not in (text := encrypt(ECHOSTR.encode(), app_id=CORP_ID)):
        pass
    return text


# --- Calls as another platform signs them


def platform_since_changed(send: Send) -> str:
    send(f"/wechat/brand-a?{wecom_verification(A)}")
    OfficialAccount.objects.filter(slug="brand-a").update(platform=Platform.WECOM.value)
    return "“Brand-A” had another platform then: it is a WeCom app now"


def call_of_wecom(send: Send) -> str:
    send(f"/wechat/brand-a?{wecom_verification('Nonsense')}")
    return (
        "This came with msg_signature and without signature, as WeCom (企业微信) sends it, but "
        "“Brand-A” is an official account."
    )


def call_to_wecom_app(send: Send) -> str:
    make_shop()
    send(f"/wechat/shop?{verification(W)}")
    return "“Shop” is a WeCom app, whose requests have msg_signature. This was signed with the"


def other_platform_at_root(send: Send) -> str:
    make_shop()
    send(f"/?{wecom_verification(A)}")
    return "with the token of “Brand-A”, which is not a WeCom app here"


# --- An echostr that was changed on the way


def echostr_changed(send: Send) -> str:
    make_shop()
    right = encrypted_echostr("+")
    query = wecom_verification(W, encrypted=right)
    send(f"/wechat/shop?{query.replace('%2B', '%20')}")
    return "the token of “Shop”. But the echostr was changed after that: each + in it has become"


def echostr_with_spaces(send: Send) -> str:
    make_shop()
    query = wecom_verification("Nonsense", encrypted=encrypted_echostr("+"))
    send(f"/wechat/shop?{query.replace('%2B', '%20')}")
    return "The echostr has a space or line break in it"


def echostr_damaged(send: Send) -> str:
    make_shop()
    values = dict(parse_qsl(wecom_verification(W)))
    send(f"/wechat/shop?{urlencode(values | {'echostr': values['echostr'][:-20]})}")
    return "The echostr is not whole: it was cut off, or something in it was changed."


# --- An echostr that was not decrypted


def echostr_fits_now(send: Send) -> str:
    shop = make_shop(corp_id=OTHER_CORP_ID)
    send(f"/wechat/shop?{wecom_verification(W)}")
    shop.app_id = CORP_ID
    shop.save()
    return "With the EncodingAESKey and the ID that “Shop” has now, it can."


def echostr_without_key(send: Send) -> str:
    make_shop(key="")
    send(f"/wechat/shop?{wecom_verification(W)}")
    return "“Shop” had no EncodingAESKey or no CorpID"


def echostr_key_missing(send: Send) -> str:
    lose_aes_keys(make_shop())
    send(f"/wechat/shop?{wecom_verification(W)}")
    return "This server cannot decrypt the EncodingAESKey of “Shop”"


def echostr_for_another_id(send: Send) -> str:
    make_shop()
    send(f"/wechat/shop?{wecom_verification(W, corp_id=OTHER_CORP_ID)}")
    return f"what was encrypted ends with {OTHER_CORP_ID}, not with the CorpID {CORP_ID}."


def echostr_of_another_key(send: Send) -> str:
    shop = make_shop(key=OTHER_AES_KEY)
    rotate_aes_key(shop, AES_KEY, LI_WEI, keep_old=timedelta(0))
    send(f"/wechat/shop?{wecom_verification(W, key=OTHER_AES_KEY)}")
    return "This was encrypted with the EncodingAESKey of “Shop” that was retired on 20"


def echostr_undecryptable(send: Send) -> str:
    make_shop()
    send(f"/wechat/shop?{wecom_verification(W, key=OTHER_AES_KEY)}")
    return "The token was right, but no EncodingAESKey that is stored here decrypts the echostr"


# --- A push


def wecom_message_unreadable(send: Send) -> str:
    make_shop()
    _body, query = wecom_push(W, MESSAGE)
    send(f"/wechat/shop?{query}", method="POST", body=b"<xml></xml>")
    return "The body was not a message as WeCom sends it"


def wecom_message_mismatch(send: Send) -> str:
    make_shop()
    body, query = wecom_push("Nonsense", MESSAGE)
    send(f"/wechat/shop?{query}", method="POST", body=body)
    return "No token of “Shop” made the msg_signature of this message."
