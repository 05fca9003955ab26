"""Use the admin, and call server URLs, through Django's test client."""

from __future__ import annotations

import html
import re
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from verification.accounts.rotation import NO_SECRET
from verification.models import ChangeEvent, OfficialAccount
from verification.models.noise import WECHAT_USER_AGENT
from verification.tests.support.adapter import A
from verification.tests.support.messages import encrypted_push, text_message
from verification.tests.support.signer import push, self_test_nonce, verification
from verification.tests.support.wecom import wecom_message, wecom_push, wecom_verification

#: The password of li_wei.
PASSWORD = "correct horse battery"
Action = ChangeEvent.Action
#: The models that are read-only in the admin.
ON_RECORD = ["verificationattempt", "seal", "tally", "changeevent"]
#: The form values of the account page, without the name.
UNCHANGED = {"answers_at_root": "on", "slug": "brand-c"}


def staff(*codenames: str) -> Client:
    """Return a client of a member of staff who has only these permissions."""
    user = User.objects.create_user("wang.fang", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


# --- Pages


def page(name: str, *arguments: Any) -> str:
    return reverse(f"admin:verification_{name}", args=arguments)


def open_list(client: Client, **query: str) -> str:
    return client.get(reverse("admin:verification_officialaccount_changelist"), query).text


def open_account(client: Client, account: OfficialAccount, **query: str) -> str:
    url = reverse("admin:verification_officialaccount_change", args=[account.pk])
    return client.get(url, query).text


def state_of(text: str) -> tuple[str, str, str]:
    """Return the tone and the label of the badge on an account page, and the reason beside it."""
    label, reason = r"</span>\s*(\w+)</span>", 'data-live="text">(.*?)</strong>'
    badge = re.search(rf'class="badge is-(\w+)">.*?{label}.*?{reason}', text, re.DOTALL)
    assert badge is not None
    return badge[1], badge[2], html.unescape(badge[3])


def is_card_open(text: str) -> bool:
    """Return whether the card that connects the account is open on its page."""
    return '<details class="module card" id="connect" data-card open>' in text


def press(client: Client, page: str, *arguments: Any, **form: Any) -> Any:
    """Send a form, and return the page to which the answer leads."""
    return client.post(reverse(f"admin:{page}", args=arguments), form, follow=True)


def add(client: Client, **fields: str) -> Any:
    form = {"name": "Brand C", "slug": "brand-c", "answers_at_root": "on", **fields}
    return client.post(page("officialaccount_add"), with_source(form), follow=True)


def with_source(form: dict[str, str]) -> dict[str, str]:
    """Add the choice of the token's source: entered if the form has a token, else generated."""
    return {"token_source": "enter" if form.get("token") else "generate", **form}


def act(client: Client, action: str, *accounts: OfficialAccount) -> Any:
    chosen = {"action": action, "_selected_action": [account.pk for account in accounts]}
    asked = client.post(page("officialaccount_changelist"), chosen)
    return client.post(asked["Location"]) if asked.status_code == 302 else asked


def tool(client: Client, name: str, account: OfficialAccount, **form: str) -> Any:
    url = reverse(f"admin:{name}_token", args=[account.pk])
    current = account.current_token
    form = {"replaces": str(current.pk if current else NO_SECRET), **with_source(form)}
    return client.post(url, form, follow=True)


def errors(response: Any) -> str:
    """Return the error messages beside the fields of a form."""
    return " ".join(re.findall(r'class="errorlist".*?</ul>', response.text, re.DOTALL))


def someone_who_may(*permissions: str) -> User:
    """Create a member of staff who has only these permissions."""
    user = User.objects.create_user(f"wang.fang-{User.objects.count()}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


# --- WeChat


#: An address in another network than WeChat's, which is 127.0.0.1 in tests.
STRANGER = "203.0.113.9"


def wechat_verifies(
    account: OfficialAccount, token: str, source: str = "127.0.0.1", **rest: str
) -> int:
    url = f"{account.server_path}?{verification(token, **rest)}"
    return Client(REMOTE_ADDR=source).get(url).status_code


def wechat_pushes(account: OfficialAccount, token: str) -> int:
    return Client().post(f"{account.server_path}?{push(token)}").status_code


def wechat_pushes_encrypted(account: OfficialAccount, key: str) -> int:
    """Send a message that is encrypted with this EncodingAESKey, and return the status."""
    body, query = encrypted_push(A, text_message("hello", msg_id="1"), key=key)
    url = f"{account.server_path}?{query}"
    return Client().post(url, body, content_type="text/xml").status_code


def wecom_verifies(account: OfficialAccount, token: str, **rest: str) -> int:
    """Call a WeCom app's server URL as Save (保存) does, and return the status."""
    url = f"{account.server_path}?{wecom_verification(token, **rest)}"
    return Client(headers={"User-Agent": WECHAT_USER_AGENT}).get(url).status_code


def wecom_pushes(account: OfficialAccount, token: str, **rest: str) -> int:
    body, query = wecom_push(token, wecom_message("hello"), **rest)
    url = f"{account.server_path}?{query}"
    return Client().post(url, body, content_type="text/xml").status_code


def we_test(account: OfficialAccount, token: str) -> int:
    """Call the server URL with a self-test, as the button does, and return the status."""
    return wechat_verifies(account, token, nonce=self_test_nonce())


def call(path: str, token: str, **headers: str) -> int:
    """Send a URL verification that is signed with `token`, and return the status."""
    return Client(headers=headers).get(f"{path}?{verification(token)}").status_code


def wechat_goes_astray(path: str, token: str) -> int:
    """Call an address of no account with the user agent of WeChat."""
    return call(path, token, **{"User-Agent": WECHAT_USER_AGENT})


def query_is_lost(account: OfficialAccount, *, times: int = 1, is_push: bool = True) -> None:
    """Call the server URL as WeChat and WeCom do, through a proxy that removes the query string."""
    client = Client(headers={"User-Agent": WECHAT_USER_AGENT})
    for _again in range(times):
        if is_push:
            client.post(account.server_path, b"<xml/>", content_type="text/xml")
        else:
            client.get(account.server_path)


# --- What is stored


def current_secret(account: OfficialAccount) -> str:
    token = account.current_token
    assert token is not None
    assert token.secret is not None
    text: str = token.secret.reveal()
    return text


def actions() -> list[str]:
    return list(ChangeEvent.objects.order_by("id").values_list("action", flat=True))


def last_event() -> ChangeEvent:
    return ChangeEvent.objects.latest("id")
