"""Compares accounts, tokens, keys and backends with what the change log recorded of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.account_digests import (
    COLUMNS,
    END,
    SECRETS,
    AccountDigests,
    AccountPart,
    Digests,
    format_end,
    read_account_digests,
)
from verification.change_log import CHANGED_PARTS, Action
from verification.models import OfficialAccount
from verification.models.rotating_secret import OVERLAP

#: What to do about an account that differs. Each of these changes is recorded.
FIND_OUT = gettext_lazy(
    "Somebody may have changed an account in the database itself. Find out who did."
)
CORRECTIONS = {
    AccountPart.SETTINGS: gettext_lazy(
        "Enter the right setting in the admin. If it is right as it is, change it and change it "
        "back."
    ),
    AccountPart.TOKENS: gettext_lazy(
        "Rotate the token, with the old one valid “not at all”, and paste the new one into "
        "WeChat's console."
    ),
    AccountPart.AES_KEYS: gettext_lazy(
        "Rotate the EncodingAESKey, and paste the new one into WeChat's console."
    ),
    AccountPart.BACKEND: gettext_lazy(
        "Set the backend again, and rotate its webhook secret if that is named."
    ),
}
READ_RUNBOOK = gettext_lazy("docs/RUNBOOK.md says more, under “Account not as recorded”.")


class Recorded(NamedTuple):
    """What the change log has of a part of an account."""

    event_id: int
    #: None if they cannot be compared, because an event without digests changed the part.
    digests: Digests | None


class RecordedAccounts:
    """Collects the newest digests that events recorded of each part of each account."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[str, Recorded]] = {}
        self._deleted: dict[str, int] = {}  #: the event of each deletion
        #: The newest event about each part that is not genuine, unless a later one recorded it.
        self._doubts: dict[str, dict[str, int]] = {}
        self._has_differences = False
        self._altered: set[AccountPart] = set()

    @property
    def advice(self) -> list[str]:
        """Return what to do about the differences that compare() has found, a line each."""
        if not self._has_differences:
            return []
        corrections = [CORRECTIONS[part] for part in AccountPart if part in self._altered]
        return [str(line) for line in (FIND_OUT, *corrections, READ_RUNBOOK)]

    def add(self, event_id: int, accounts: AccountDigests | None) -> None:
        for account_id, parts in (accounts or {}).items():
            known = self._parts.setdefault(account_id, {})
            doubts = self._doubts.get(account_id, {})
            if parts is None:
                self._deleted[account_id] = event_id
                doubts.clear()
            else:
                self._deleted.pop(account_id, None)  # added again under its number
                for name in parts:
                    doubts.pop(name, None)
                known.update({name: Recorded(event_id, part) for name, part in parts.items()})

    def doubt(self, event_id: int, account_id: int | None, digests: object) -> None:
        """Let no part be compared of the accounts that an event names which is not genuine.

        What it said is lost. It may be the last to have recorded any part of them.
        """
        named = set(digests) if isinstance(digests, dict) else set()
        for name in {*named, *([] if account_id is None else [str(account_id)])}:
            self._doubts[name] = {part.value: event_id for part in AccountPart}

    def forget(self, action: str, account_id: int | None) -> None:
        """Do not compare the parts that the release before changed while this one started."""
        if account_id is not None:
            known = self._parts.setdefault(str(account_id), {})
            parts = CHANGED_PARTS.get(Action(action), ()) if action in Action.values else ()
            known.update({part.value: Recorded(0, None) for part in parts})

    def compare(self) -> Iterator[str]:
        """Yield a sentence for each difference, with the account and what differs."""
        self._has_differences, self._altered = False, set()
        now, names = read_account_digests(None, AccountPart), _Names()
        for account_id in sorted({*now, *self._parts}, key=int):
            if doubts := self._doubts.get(account_id):
                yield _(
                    "{account} cannot be compared with the change log, because change event "
                    "{event} is not genuine. Whether the account was altered cannot be proven."
                ).format(
                    account=names.account(account_id)
                    if account_id in now
                    else _("Account {account}").format(account=account_id),
                    event=max(doubts.values()),
                )
            for sentence in self._compare(account_id, now.get(account_id), names):
                self._has_differences = True
                yield sentence

    def _compare(
        self, account_id: str, parts: Mapping[str, Digests] | None, names: _Names
    ) -> Iterator[str]:
        deletion, known = self._deleted.get(account_id), self._parts.get(account_id)
        doubts = self._doubts.get(account_id, {})
        if parts is None:
            if deletion is None and not doubts:
                yield _(
                    "Account {account} is missing: it was deleted in the database, and no change "
                    "event says so."
                ).format(account=account_id)
            return
        account = names.account(account_id)
        if AccountPart.SETTINGS in doubts and (
            deletion is not None or known is None or AccountPart.SETTINGS not in known
        ):
            return
        if deletion is not None:
            sentence = _("{account} exists, but change event {event} says that it was deleted.")
            yield sentence.format(account=account, event=deletion)
        elif known is None or AccountPart.SETTINGS not in known:
            sentence = _("{account} is in no change event: it was added in the database.")
            yield sentence.format(account=account)
        else:
            for part in AccountPart:
                recorded = known.get(part, Recorded(0, {}))
                if recorded.digests is None or part in doubts:
                    continue
                for sentence in _compare_part(account, part, recorded, parts[part], names):
                    self._altered.add(part)
                    yield sentence


def _compare_part(
    account: str, part: AccountPart, recorded: Recorded, now: Digests, names: _Names
) -> Iterator[str]:
    then = recorded.digests or {}
    if part not in SECRETS and not (then and now):
        if then or now:
            yield _describe(account, _("the backend"), recorded, then, now, "url")
        return
    # A column that only one of the two releases knows is not compared.
    described = then.keys() | now.keys() if part in SECRETS else then.keys() & now.keys()
    for name in sorted(described):
        if name.endswith(END):
            # If one of the two lacks the secret, that is reported once, without its end.
            is_right = not (name in then and name in now) or _is_right_end(
                name, then[name], now[name], part, names
            )
        else:
            is_right = then.get(name) == now.get(name)
        if not is_right:
            yield _describe(account, names.item(part, name), recorded, then, now, name)


def _describe(
    account: str, item: str, recorded: Recorded, then: Digests, now: Digests, name: str
) -> str:
    if name not in then:
        sentence = _("{account}: {item} is there, but no change event has added it.")
    elif name not in now:
        sentence = _("{account}: {item} is missing, but change event {event} has it.")
    else:
        sentence = _("{account}: {item} is not as change event {event} recorded it.")
    return sentence.format(account=account, item=item, event=recorded.event_id)


def _is_right_end(name: str, then: str, now: str, part: AccountPart, names: _Names) -> bool:
    """Return whether a secret ends as recorded, or as the first use of a newer one has set it."""
    secret = names.secrets(part)[int(name.removesuffix(END))]
    others = names.secrets_of(part, secret.account_id)
    if then != now:
        newer = (other.first_used_at for other in others if other.pk > secret.pk)
        return then == "" and now in {format_end(used + OVERLAP) for used in newer if used}
    # A replaced one without an end waits for the first use of the current one.
    return (
        bool(now)
        or secret.superseded_at is None
        or not any(other.superseded_at is None and other.first_used_at for other in others)
    )


class _Secret(NamedTuple):
    pk: int
    account_id: int
    fingerprint: str
    first_used_at: datetime | None
    superseded_at: datetime | None


class _Names:
    """Names accounts and what belongs to them. It reads only what a sentence needs, and once."""

    def __init__(self) -> None:
        self._accounts: dict[str, str] | None = None
        self._secrets: dict[AccountPart, dict[int, _Secret]] = {}
        self._by_account: dict[AccountPart, dict[int, list[_Secret]]] = {}

    def account(self, account_id: str) -> str:
        if self._accounts is None:
            rows = OfficialAccount.objects.values_list("pk", "name", "slug")
            self._accounts = {str(pk): f"{name} ({slug})" for pk, name, slug in rows}
        return self._accounts[account_id]

    def secrets(self, part: AccountPart) -> dict[int, _Secret]:
        if part not in self._secrets:
            rows: Any = SECRETS[part]._default_manager.order_by("pk").values_list(*_Secret._fields)
            self._secrets[part] = {row[0]: _Secret(*row) for row in rows}
            by_account = self._by_account.setdefault(part, {})
            for secret in self._secrets[part].values():
                by_account.setdefault(secret.account_id, []).append(secret)
        return self._secrets[part]

    def secrets_of(self, part: AccountPart, account_id: int) -> list[_Secret]:
        self.secrets(part)
        return self._by_account[part].get(account_id, [])

    def item(self, part: AccountPart, name: str) -> str:
        """Return what is described under `name`, such as "the token 3f9a21"."""
        if part not in SECRETS:
            model, _columns = COLUMNS[part]
            field: Any = model._meta.get_field(name)
            texts = {
                AccountPart.SETTINGS: _("the field “{field}”"),
                AccountPart.BACKEND: _("the backend’s “{field}”"),
            }
            return texts[part].format(field=field.verbose_name)
        secret = self.secrets(part).get(int(name.removesuffix(END)))
        secret_texts = {
            (AccountPart.TOKENS, False): _("the token {secret}"),
            (AccountPart.TOKENS, True): _("the end of the token {secret}"),
            (AccountPart.AES_KEYS, False): _("the EncodingAESKey {secret}"),
            (AccountPart.AES_KEYS, True): _("the end of the EncodingAESKey {secret}"),
        }
        number = name.removesuffix(END)
        return secret_texts[part, name.endswith(END)].format(
            secret=secret.fingerprint if secret else _("number {number}").format(number=number)
        )
