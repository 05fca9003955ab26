from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.accounts.aes_keys import rotate_aes_key
from verification.accounts.rotation import current_secret, retire
from verification.change_log import command_line_actor
from verification.management.base import (
    GatewayCommand,
    account_facts,
    add_json_argument,
    find_account,
    parse_hours,
    previous_facts,
)
from verification.management.platforms import name_console, read_aes_key
from verification.models import AESKey, OfficialAccount
from verification.times import format_datetime


class Command(GatewayCommand):
    help = gettext_lazy(
        "Stores the EncodingAESKey of an account, or generates one and prints it only once. With "
        "it, this server checks encrypted messages, sends encrypted test messages, and answers "
        "WeCom. The old key stays valid until 24 hours after the new one has first decrypted "
        "something."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help=_("The slug of the account."))
        parser.add_argument(
            "--key",
            metavar="KEY",
            help=_(
                "The EncodingAESKey that the console has (default: a generated one). A key on "
                "the command line stays in the shell's history: write --key - to type or pipe it "
                "to standard input instead."
            ),
        )
        parser.add_argument(
            "--none",
            action="store_true",
            help=_(
                "Retires the key. Use it after you have switched WeChat's console to the plain "
                "mode (明文模式): while a key is stored that has decrypted messages, plain ones "
                "are refused. A WeCom app cannot be without one."
            ),
        )
        parser.add_argument(
            "--app-id",
            metavar="ID",
            default="",
            help=_(
                "The AppID, or the CorpID of a WeCom app, with which each encrypted message ends. "
                "Needed only once."
            ),
        )
        parser.add_argument(
            "--keep-old",
            metavar="HOURS",
            help=_(
                "Ends every previous key after this many whole hours, from 0 to 168, whether or "
                "not the new one has been used. Use 0 after a leak."
            ),
        )
        add_json_argument(parser)

    def handle(
        self, *, slug: str, key: str | None, app_id: str, keep_old: str | None, **options: Any
    ) -> None:
        overlap = parse_hours(keep_old)
        account = find_account(slug)
        old_id = account.app_id
        if options["none"]:
            self.retire_key(
                account, has_other_options=bool(key is not None or app_id or keep_old), **options
            )
            return
        text = read_aes_key(key)
        stored = rotate_aes_key(
            account, text, command_line_actor(), app_id=app_id, keep_old=overlap
        )
        if app_id:
            self.warn_about_id(account)
        if account.app_id != old_id:
            self.warn_about_decryption(account)
        previous = account.aes_keys.filter(superseded_at__isnull=False)
        if options["json"]:
            self.print_json(
                **account_facts(account),
                app_id=account.app_id,
                fingerprint=stored.fingerprint,
                aes_key=text if key is None else None,
                previous_keys=previous_facts(previous),
            )
            return
        for line in format_result(account, stored, text if key is None else ""):
            self.stdout.write(line)
        for line in format_previous(previous):
            self.stdout.write(line)

    def retire_key(
        self, account: OfficialAccount, *, has_other_options: bool, **options: Any
    ) -> None:
        if has_other_options:
            raise CommandError(_("--none retires the key. Leave out the other options."))
        current = current_secret(AESKey, account)
        if current is None:
            sentence = _("{account} has no EncodingAESKey.")
            raise CommandError(sentence.format(account=account))
        retire(current, command_line_actor())
        if options["json"]:
            self.print_json(**account_facts(account), fingerprint=None)
            return
        sentence = _(
            "Retired the EncodingAESKey of {account}. Encrypted messages go to the backend as they "
            "are, and plain ones are accepted again."
        )
        self.stdout.write(sentence.format(account=account))


def format_result(account: OfficialAccount, stored: AESKey, generated: str) -> Iterator[str]:
    if not generated:
        sentence = _(
            "Stored the EncodingAESKey of {account} (fingerprint {fingerprint}, {id} {app_id})."
        )
        yield sentence.format(
            account=account,
            fingerprint=stored.fingerprint,
            id=account.id_name,
            app_id=account.app_id,
        )
        return
    yield f"EncodingAESKey: {generated}"
    sentence = _(
        "Paste it into {console} (EncodingAESKey) and press {button}. A backend that decrypts "
        "messages itself needs it as well."
    )
    yield sentence.format(console=name_console(account), button=account.submit_button)


def format_previous(previous: Any) -> Iterator[str]:
    """Yield a sentence for each previous key that is still valid."""
    for facts in previous_facts(previous):
        if facts["expires_at"] is None:
            sentence = _(
                "Key {fingerprint} stays valid until 24 hours after the new one has first "
                "decrypted a message."
            )
            yield sentence.format(**facts)
        else:
            sentence = _("Key {fingerprint} ends at {time}, used or not.")
            yield sentence.format(
                fingerprint=facts["fingerprint"], time=format_datetime(facts["expires_at"])
            )
