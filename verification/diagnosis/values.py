"""Lists the stored texts that someone may have put in place of the token."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.diagnosis.names import name_id
from verification.fields import MASK
from verification.models import AESKey, OfficialAccount, Token
from verification.models.rotating_secret import RotatingSecret
from verification.times import format_date


class Kind(Enum):
    """What a stored text is."""

    TOKEN = auto()
    AES_KEY = auto()
    APP_ID = auto()
    SUITE_ID = auto()
    ORIGINAL_ID = auto()
    SLUG = auto()
    NAME = auto()
    SERVER_URL = auto()
    FINGERPRINT = auto()
    CIPHERTEXT = auto()
    PLACEHOLDER = auto()


@dataclass(frozen=True)
class Value:
    """A text with what it is, and whose. A placeholder is no account's."""

    kind: Kind
    text: str = field(repr=False)
    account: OfficialAccount | None = None
    secret: RotatingSecret | None = None  #: the token or EncodingAESKey that it is

    @property
    def is_secret(self) -> bool:
        return self.kind in {Kind.TOKEN, Kind.AES_KEY}

    @property
    def is_retired(self) -> bool:
        return self.secret is not None and not self.secret.is_live_at(timezone.now())


#: Names that stand for the token in examples and configurations.
PLACEHOLDER_NAMES = [
    *(
        "token",
        "Token",
        "TOKEN",
        "your_token",
        "YOUR_TOKEN",
        "your-token",
        "yourtoken",
        "YourToken",
    ),
    *("WECHAT_TOKEN", "WX_TOKEN", "wechat_token", "wechat.token", "wx.token", "weixin", "wechat"),
]
WRAPPERS = ["{}", "<{}>", "${{{}}}", "${}", "{{{}}}", "{{{{{}}}}}", "{{{{ {} }}}}", "%{}%", "[{}]"]
#: What people leave in place of the token, and what the pages and programs show in its place.
PLACEHOLDERS = [
    *(MASK, "*" * 8, "undefined", "null", "None", "nil", "true", "[object Object]", "NaN", "xxx"),
    *("[object Promise]", "(null)", "NULL", "false", "0", "test", "test_token", "123456"),
    *(wrapper.format(name) for name in PLACEHOLDER_NAMES for wrapper in WRAPPERS),
]


def list_values(
    tokens: Iterable[tuple[Token, str]],
    aes_keys: Iterable[tuple[AESKey, str]],
    accounts: Iterable[OfficialAccount],
) -> list[Value]:
    """Return all values. Tokens come first, because a text that is a token is most likely one."""
    tokens = [*tokens]
    return [
        *(Value(Kind.TOKEN, text, token.account, token) for token, text in tokens),
        *(Value(Kind.AES_KEY, text, key.account, key) for key, text in aes_keys),
        *(value for account in accounts for value in _values_of(account)),
        *(value for token, _text in tokens for value in _values_beside(token)),
        *(Value(Kind.PLACEHOLDER, text) for text in PLACEHOLDERS),
    ]


def _values_of(account: OfficialAccount) -> Iterator[Value]:
    texts = [
        (Kind.APP_ID, account.app_id),
        (Kind.SUITE_ID, account.suite_id),
        (Kind.ORIGINAL_ID, account.original_id),
        (Kind.SLUG, account.slug),
        (Kind.NAME, account.name),
        (Kind.SERVER_URL, account.server_url),
    ]
    return (Value(kind, text, account) for kind, text in texts if text)


def _values_beside(token: Token) -> Iterator[Value]:
    yield Value(Kind.FINGERPRINT, token.fingerprint, token.account)
    if token.secret is not None:
        yield Value(Kind.CIPHERTEXT, token.secret.ciphertext, token.account)


def describe_value(value: Value, accounts: str) -> str:
    """Return what the value is, and whose: of `accounts`, their names."""
    if value.kind is Kind.PLACEHOLDER:
        return _("a placeholder such as “your_token”")
    if value.kind is Kind.TOKEN and value.is_retired and value.secret and value.secret.expires_at:
        return _("the token of {accounts} that was retired on {date}").format(
            accounts=accounts, date=format_date(value.secret.expires_at)
        )
    return _("the {name} of {accounts}").format(name=name_of(value), accounts=accounts)


def name_of(value: Value) -> str:
    """Return the name of the value as the pages show it."""
    if value.kind is Kind.TOKEN and value.secret and value.secret.superseded_at:
        return _("previous token")
    is_wecom = value.account is not None and value.account.is_wecom
    return {
        Kind.TOKEN: _("token"),
        Kind.AES_KEY: "EncodingAESKey",
        Kind.APP_ID: name_id(is_wecom=is_wecom),
        Kind.SUITE_ID: "SuiteID",
        Kind.ORIGINAL_ID: _("original ID"),
        Kind.SLUG: _("slug"),
        Kind.NAME: _("name"),
        Kind.SERVER_URL: _("server URL"),
        Kind.FINGERPRINT: _("fingerprint"),
        Kind.CIPHERTEXT: _("encrypted token, as the database holds it"),
        Kind.PLACEHOLDER: _("placeholder"),
    }[value.kind]
