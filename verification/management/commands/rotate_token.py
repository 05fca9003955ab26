from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.accounts.tokens import rotate_token
from verification.change_log import command_line_actor
from verification.management.base import (
    GatewayCommand,
    account_facts,
    add_json_argument,
    add_token_argument,
    find_account,
    format_server_url,
    parse_hours,
    previous_facts,
    read_token,
)
from verification.management.platforms import name_console
from verification.models import OfficialAccount, Token
from verification.times import format_datetime


def read_previous_tokens(account: OfficialAccount) -> list[Token]:
    return list(Token.objects.filter(account=account, superseded_at__isnull=False))


def valid_now(tokens: list[Token]) -> list[Token]:
    return [token for token in tokens if token.is_live_at(timezone.now())]


def format_ends(account: OfficialAccount, earlier: list[Token]) -> Iterator[str]:
    """Yield a sentence for each previous token that is still valid, or one if none is.

    Several can be valid, and an earlier rotation may already have set the end of one.
    """
    live, caller = valid_now(earlier), account.caller
    if earlier and not live:
        sentence = _(
            "Every previous token has ended: {caller} is refused until you have pasted the new one."
        )
        yield sentence.format(caller=caller)
    for token in live:
        if token.expires_at is None:
            sentence = _(
                "Token {fingerprint} stays valid until 24 hours after {caller} first uses the new "
                "one."
            )
            yield sentence.format(fingerprint=token, caller=caller)
        else:
            sentence = _("Token {fingerprint} ends at {time}, used or not.")
            yield sentence.format(fingerprint=token, time=format_datetime(token.expires_at))


class Command(GatewayCommand):
    help = gettext_lazy(
        "Gives an account a new token and prints it only once. The old token stays valid until 24 "
        "hours after the new one is first used."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help=_("The slug of the account."))
        add_token_argument(parser, _("The new token (default: a generated one)."))
        parser.add_argument(
            "--keep-old",
            metavar="HOURS",
            help=_(
                "Ends every previous token after this many whole hours, from 0 to 168, whether or "
                "not the new one has been used. Use 0 after a leak."
            ),
        )
        add_json_argument(parser)

    def handle(self, *, slug: str, token: str | None, keep_old: str | None, **options: Any) -> None:
        overlap = parse_hours(keep_old)
        account = find_account(slug)
        text = read_token(token)
        rotate_token(account, text, command_line_actor(), keep_old=overlap)
        self.warn_about_token(account, text)
        earlier = read_previous_tokens(account)
        if options["json"]:
            previous = previous_facts(earlier)
            self.print_json(**account_facts(account), token=text, previous_tokens=previous)
            return
        for line in format_server_url(account):
            self.stdout.write(line)
        self.stdout.write(_("Token:      {token}").format(token=text))
        sentence = _("Paste the token into {console} (Token) and press {button}.")
        self.stdout.write(
            sentence.format(console=name_console(account), button=account.submit_button)
        )
        for line in format_ends(account, earlier):
            self.stdout.write(line)
