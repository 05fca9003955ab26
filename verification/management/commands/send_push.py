from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.accounts.encryption import require_encryption
from verification.accounts.push_report import send_test_message
from verification.accounts.reply_report import Finding
from verification.management.base import (
    GatewayCommand,
    account_facts,
    add_json_argument,
    add_token_argument,
    find_account,
    read_token,
)
from verification.management.targets import current_token, default_url, require_url
from verification.protocol.enums import Platform
from verification.self_test.client import Probe


class Command(GatewayCommand):
    help = gettext_lazy(
        "Sends a signed test message, as the account's platform sends one that a person wrote, and "
        "says what came back and what to do. The exit code is 0 if the test passes, and 1 if not. "
        "A server with the same TOKEN_ENCRYPTION_KEYS records the message as a self-test, forwards "
        "it to the account's backend, and never stores it. Another server takes it for a real one. "
        "A third-party app of WeCom gets an event of the made-up type wechat_gateway_test, to "
        "which its backend must answer “success”."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help=_("The slug of the account that gets the message."))
        parser.add_argument(
            "--text",
            default="",
            help=_("The text of the message. The event of a third-party app has none."),
        )
        parser.add_argument(
            "--encrypted",
            action="store_true",
            help=_(
                "Encrypts the message with the account's EncodingAESKey, as WeChat does in the "
                "security mode (安全模式). A message of WeCom is always encrypted."
            ),
        )
        parser.add_argument(
            "--format",
            dest="data_format",
            choices=["xml", "json"],
            default="xml",
            help=_(
                "The data format (数据格式) that the Mini Program's console has (default: XML)."
            ),
        )
        parser.add_argument("--url", help=_("The server URL to call (default: the account's)."))
        add_token_argument(parser, _("Signs with this token instead of the current one."))
        add_json_argument(parser)

    def handle(
        self,
        *,
        slug: str,
        text: str,
        encrypted: bool,
        data_format: str,
        url: str | None,
        token: str | None,
        **options: Any,
    ) -> None:
        account = find_account(slug)
        is_json = data_format == "json"
        if is_json and account.platform != Platform.MINI_PROGRAM:
            raise CommandError(_("Only Mini Programs get messages in JSON: leave out --format."))
        if text and account.suite_id:
            raise CommandError(
                _("A third-party app gets an event, which has no text: leave out --text.")
            )
        target = default_url(account) if url is None else require_url(url)
        encryption = require_encryption(account) if encrypted or account.is_wecom else None
        secret = current_token(account) if token is None else read_token(token)
        probe, finding = send_test_message(
            account, target, secret, text, encryption, is_json=is_json
        )
        if options["json"]:
            self.print_json(**account_facts(account), **push_facts(probe, target, finding))
        if not finding.is_ok:
            raise CommandError(f"{finding.sentence} {finding.advice}".strip())
        if not options["json"] and probe.answer is not None:
            sentence = _("{url} answers 200 ({length} bytes) in {milliseconds} ms. {finding}")
            self.stdout.write(
                sentence.format(
                    url=target,
                    length=len(probe.answer.body),
                    milliseconds=f"{probe.seconds * 1000:.0f}",
                    finding=f"{finding.sentence} {finding.advice}".strip(),
                )
            )


def push_facts(probe: Probe, url: str, finding: Finding) -> dict[str, Any]:
    return {
        "called": url,
        "passes": finding.is_ok,
        "status": probe.answer.status if probe.answer else None,
        "bytes": len(probe.answer.body) if probe.answer else None,
        "duration": round(probe.seconds * 1_000_000),
        "reason": finding.result.label if finding.result else None,
        "reply": finding.reply or None,
        "problems": [] if finding.is_ok else [finding.sentence],
    }
