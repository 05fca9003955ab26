from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.accounts.creation import create_account
from verification.change_log import command_line_actor
from verification.management.base import (
    GatewayCommand,
    account_facts,
    add_json_argument,
    add_token_argument,
    format_server_url,
    read_token,
)
from verification.management.platforms import (
    PLATFORMS,
    add_platform_arguments,
    name_console,
    read_aes_key,
)
from verification.models import OfficialAccount
from verification.models.account import MAX_ACCOUNTS_AT_ROOT, is_root_full
from verification.protocol.enums import Platform


class Command(GatewayCommand):
    help = gettext_lazy(
        "Adds an account and prints its server URL and token, which is shown only once, and the "
        "EncodingAESKey of a WeCom app."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "slug", help=_("The last part of the server URL: a-z, 0-9 and hyphens.")
        )
        parser.add_argument("--name", help=_("The name that the admin shows (default: the slug)."))
        add_platform_arguments(
            parser, _("The platform (default: an official account). WeCom needs --app-id.")
        )
        add_token_argument(
            parser,
            _(
                "The token, if the console already has one. The default is a generated token of 32 "
                "characters."
            ),
        )
        parser.add_argument(
            "--key",
            metavar="KEY",
            help=_(
                "The EncodingAESKey of the console, with --app-id. A WeCom app gets a generated "
                "one by default, other accounts get none. Write --key - to type or pipe it to "
                "standard input."
            ),
        )
        add_json_argument(parser)

    def handle(self, *, slug: str, token: str | None, key: str | None, **options: Any) -> None:
        account = OfficialAccount(
            slug=slug,
            name=options["name"] or slug,
            platform=PLATFORMS[options["platform"] or "official-account"].value,
            app_id=options["app_id"] or "",
            suite_id=options["suite_id"] or "",
        )
        secret = read_token(token)
        aes_key = read_aes_key(key) if key is not None or account.is_wecom else None
        self.add(account, secret, aes_key)
        self.warn_about_token(account, secret)
        self.warn_about_id(account)
        generated = aes_key if aes_key and key is None else ""
        if options["json"]:
            self.print_json(
                **account_facts(account),
                app_id=account.app_id,
                suite_id=account.suite_id,
                token=secret,
                aes_key=generated or None,
            )
            return
        for line in [*format_server_url(account), *format_result(account, secret, generated)]:
            self.stdout.write(line)

    def add(self, account: OfficialAccount, token: str, aes_key: str | None) -> None:
        with transaction.atomic():
            if is_root_full():
                account.answers_at_root = False
                warning = _(
                    "{limit} accounts already accept calls at the bare domain, so this one does "
                    "not."
                )
                self.stderr.write(warning.format(limit=MAX_ACCOUNTS_AT_ROOT))
            account.full_clean()
            create_account(account, token, command_line_actor(), aes_key)


def format_result(account: OfficialAccount, token: str, generated_key: str) -> Iterator[str]:
    yield _("Token:      {token}").format(token=token)
    if generated_key:
        yield f"EncodingAESKey: {generated_key}"
    sentence = _("Enter them in {console} and press {button}.")
    yield sentence.format(console=name_console(account), button=account.submit_button)
    if account.is_wecom:
        yield _("Do not press 随机获取 there: it would replace them.")
    if account.platform == Platform.MINI_PROGRAM:
        yield _("The Mini Program's messages come here from then on: set a backend first.")
    if generated_key:
        yield _(
            "The token and the key are not printed again. People with the permission can reveal "
            "them in the admin."
        )
    else:
        yield _(
            "The token is not printed again. People with the permission can reveal it in the admin."
        )
