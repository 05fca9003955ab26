"""A request for every cause. Each function returns words that the explanation must contain.

Each function has the name of its cause. Brand-A and Brand-B exist, each with its token.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

from verification.accounts.pausing import pause
from verification.accounts.tokens import rotate_token
from verification.callbacks.recording import row_budget, verify
from verification.change_log import record
from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.callback_factory import EXHAUSTED, make_callback
from verification.tests.support.lost_keys import lose_key, without_key
from verification.tests.support.messages import (
    AES_KEY,
    OTHER_AES_KEY,
    encrypted_push,
    store_aes_key,
    text_message,
)
from verification.tests.support.signer import push, self_test_nonce, signed, verification

NEW = "NewTokenOfBrandA99"
ECHOSTR = "4375120948345356249"
MESSAGE = text_message("hello", msg_id="1")
#: EARLY is the smaller number, but sorts after LATE as text.
EARLY, LATE = "384289189", "1714036504"

Send = Callable[..., None]


def brand_a() -> OfficialAccount:
    return OfficialAccount.objects.get(slug="brand-a")


def rotate(keep_old: timedelta | None = None) -> None:
    rotate_token(brand_a(), NEW, actor=LI_WEI, keep_old=keep_old)


def signed_over(text: str, *, timestamp: str = LATE, nonce: str = EARLY) -> str:
    """Return a query string whose signature is the hash of `text`."""
    signature = hashlib.sha1(text.encode()).hexdigest()
    parts = {"signature": signature, "timestamp": timestamp, "nonce": nonce, "echostr": ECHOSTR}
    return urlencode(parts)


# --- Accepted


def own_test_accepted(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A, nonce=self_test_nonce())}")
    return "This server called itself with the token"


def accepted_with_previous_token(send: Send) -> str:
    rotate(keep_old=timedelta(hours=24))
    send(f"/wechat/brand-a?{verification(A)}")
    return "and is valid until 20"


def accepted_before_rotation(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A)}")
    rotate()
    return "the current one until it was replaced on 20"


def accepted(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A)}")
    return f"Signed with the current token {brand_a().tokens.get().fingerprint} of “Brand-A”"


# --- The request itself


def unlike_requests(send: Send) -> str:
    """Record a flood in one batch. A client that waits for each answer makes none."""
    queries = [verification(B), f"{verification(A)}&nonce=3", verification(A, timestamp="noon")]
    flood = [make_callback(query, peer="203.0.113.9") for query in queries * 50]
    row_budget.shared_rows = EXHAUSTED
    verify(flood)
    return "This row stands for 130 requests of a flood"


def method_not_allowed(send: Send) -> str:
    send("/wechat/brand-a", method="DELETE")
    return "Somebody called this address with DELETE"


def signed_with_empty_token(send: Send) -> str:
    send(f"/wechat/brand-a?{signed_over(LATE + EARLY)}")
    return "Someone signed this with an empty token"


def path_with_parameters(send: Send) -> str:
    send(f"/wechat/brand-a&{verification(A)}")
    return "the “?” between the server URL and them is missing"


def query_mangled(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A).replace('&', '&amp;')}")
    return "The parameters were joined by &amp; instead of &"


def signature_malformed(send: Send) -> str:
    right = signed(A)["signature"]
    send(f"/wechat/brand-a?{verification(A).replace(right, right.upper())}")
    return "The signature has capital letters"


def domain_file(send: Send) -> str:
    send("/wechat/MP_verify_8sJ2kQx7LmZp4RtV.txt")
    return "Somebody asked for “MP_verify_8sJ2kQx7LmZp4RtV.txt”"


def browser_redirect(send: Send) -> str:
    send("/wechat/brand-a?code=081aBcGa1xYz9F0dE2Ha&state=login", user_agent="MicroMessenger/8.0")
    return "A browser came back from a web login (网页授权)"


def parameters_missing(send: Send) -> str:
    send("/wechat/brand-a?from=menu", user_agent="curl/8.4.0")
    return "without signature, timestamp, nonce, echostr: a browser, a monitor or a bot"


def copied_request(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(B)}", user_agent="curl/8.4.0")
    return "a copy of an old request: its timestamp was"


def signature_reused(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A)}")
    right = signed(A)["timestamp"]
    send(f"/wechat/brand-a?{verification(A).replace(right, str(int(right) + 77_000))}")
    return "had the same signature, with another timestamp or nonce"


def parameters_incomplete(send: Send) -> str:
    send(f"/wechat/brand-a?signature={signed(A)['signature']}", user_agent="curl/8.4.0")
    return "Only signature arrived, without timestamp, nonce, echostr."


def parameter_repeated(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A)}&nonce=3")
    return "The parameter nonce was repeated"


def query_too_long(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A)}&more={'x' * 33_000}")
    return "The query string was far longer than WeChat's"


def parameter_malformed(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A, timestamp='noon')}")
    return "The parameter timestamp was not as WeChat sends it: digits"


# --- The message of a push


def send_push(send: Send, pushed: tuple[bytes, str]) -> None:
    body, query = pushed
    send(f"/wechat/brand-a?{query}", method="POST", body=body)


def message_unreadable(send: Send) -> str:
    _body, query = encrypted_push(A, MESSAGE)
    send_push(send, (b"not a message", query))
    return "the body was not a message as WeChat sends it"


def message_not_encrypted(send: Send) -> str:
    store_aes_key(brand_a(), AES_KEY)
    send_push(send, encrypted_push(A, MESSAGE))
    send_push(send, (MESSAGE, push(A)))
    return "as plain messages do, although WeChat encrypts the messages of “Brand-A”"


def message_signature_mismatch(send: Send) -> str:
    body, _query = encrypted_push(A, MESSAGE)
    _body, query = encrypted_push(A, text_message("another", msg_id="2"))
    send_push(send, (body, query))
    return "msg_signature does not belong to the encrypted message"


def message_for_another_app_id(send: Send) -> str:
    store_aes_key(brand_a(), AES_KEY)
    send_push(send, encrypted_push(A, MESSAGE))
    send_push(send, encrypted_push(A, MESSAGE, app_id="wx0123456789abcdef"))
    return "ends with wx0123456789abcdef, not with the AppID wxba5fad812f8e6fb9."


def message_undecryptable(send: Send) -> str:
    store_aes_key(brand_a(), AES_KEY)
    send_push(send, encrypted_push(A, MESSAGE))
    send_push(send, encrypted_push(A, MESSAGE, key=OTHER_AES_KEY))
    return "with the EncodingAESKey of “Brand-A” that is stored here"


# --- The account


def account_paused(send: Send) -> str:
    pause(brand_a(), LI_WEI)
    send(f"/wechat/brand-a?{verification(A)}")
    return "“Brand-A” was paused by li.wei on 20"


def account_not_at_root(send: Send) -> str:
    OfficialAccount.objects.filter(slug="brand-b").update(answers_at_root=False)
    send(f"/?{verification(B)}")
    return "with the token of “Brand-B”, which does not accept calls there"


def no_account_at_root(send: Send) -> str:
    OfficialAccount.objects.update(answers_at_root=False)
    send(f"/?{verification('Nonsense')}")
    return "No account accepted calls at the bare domain"


def path_since_added(send: Send) -> str:
    send(f"/wechat/outlet?{verification(NEW)}")
    make_account("outlet", NEW)
    return "“Outlet” was added since"


def path_mistyped(send: Send) -> str:
    send(f"/wechat/q4xd?{verification(B)}")
    return "the token of “Brand-B”, whose address is “/wechat/brand-b”"


def path_unknown(send: Send) -> str:
    send(f"/wechat/brand_a?{verification('Nonsense')}")
    return "The nearest is “/wechat/brand-a” of “Brand-A”. The signature matches no token"


def path_of_former_slug(send: Send) -> str:
    record(ChangeEvent.Action.ACCOUNT_DELETED, LI_WEI, name="Brand-C", slug="brand-c")
    send(f"/wechat/brand-c?{verification('Nonsense')}")
    return "“Brand-C” had the address “/wechat/brand-c” until li.wei deleted the account on 20"


def no_token_yet(send: Send) -> str:
    make_account("outlet")
    send(f"/wechat/outlet?{verification(NEW)}")
    return "“Outlet” had no token"


# --- The token


def key_was_missing(send: Send) -> str:
    with without_key(brand_a()):
        send(f"/wechat/brand-a?{verification(A)}")
    return "the right token of “Brand-A”, but the server that answered could not decrypt it"


def token_since_added(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(NEW)}")
    rotate()
    return "a token that was added to “Brand-A” only later"


def token_fits_today(send: Send) -> str:
    OfficialAccount.objects.update(answers_at_root=False)
    send(f"/?{verification(A)}")
    OfficialAccount.objects.update(answers_at_root=True)
    return "did not match then, but does now"


def token_retired(send: Send) -> str:
    rotate(keep_old=timedelta(0))
    send(f"/wechat/brand-a?{verification(A)}")
    return "the token of “Brand-A” that was retired on 20"


def token_of_another_account(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(B)}")
    return "the token of “Brand-B”, but the URL belongs to “Brand-A”"


def key_missing(send: Send) -> str:
    lose_key(brand_a())
    send(f"/wechat/brand-a?{verification(A)}")
    return "This server cannot decrypt the token of “Brand-A”"


def token_unknown(send: Send) -> str:
    send(f"/wechat/brand-a?{verification('Nonsense')}")
    return "matches no token that is stored here, neither of “Brand-A” nor of another account"


# --- Mistakes with a stored value


def token_mistyped(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A[:-1])}")
    return "the token of “Brand-A”, but with characters missing"


def other_value_for_token(send: Send) -> str:
    OfficialAccount.objects.filter(slug="brand-a").update(app_id="wx0123456789abcdef")
    send(f"/wechat/brand-a?{verification('wx0123456789abcdef')}")
    return "This was signed with the AppID of “Brand-A”."


def signed_differently(send: Send) -> str:
    send(f"/wechat/brand-a?{signed_over(EARLY + LATE + A)}")
    return "the token of “Brand-A”, but with the parts sorted as numbers"
