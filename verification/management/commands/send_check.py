from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.accounts.encryption import check_verification, read_check_encryption
from verification.accounts.push_report import explain_refusal
from verification.keys import self_test_key
from verification.management.base import (
    GatewayCommand,
    account_facts,
    add_json_argument,
    add_token_argument,
    find_account,
    read_token,
)
from verification.management.targets import current_token, default_url, require_url
from verification.protocol.reply import TRY_AGAIN
from verification.self_test.checks import Result
from verification.self_test.client import Probe, probe_server_url


class Command(GatewayCommand):
    help = gettext_lazy(
        "Sends a signed URL verification as the account's platform does, and compares the answer "
        "with the echostr, byte for byte. WeCom encrypts the echostr, so a WeCom app needs its "
        "EncodingAESKey. The exit code is 0 if the test passes, and 1 if not. A server with the "
        "same TOKEN_ENCRYPTION_KEYS records the request as a self-test, which neither verifies the "
        "account nor sets the end of an old token. Another server records it as the platform's."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "slug", help=_("The slug of the account whose token signs the request.")
        )
        parser.add_argument("--url", help=_("The server URL to call (default: the account's)."))
        add_token_argument(parser, _("Signs with this token instead of the current one."))
        add_json_argument(parser)

    def handle(self, *, slug: str, url: str | None, token: str | None, **options: Any) -> None:
        account = find_account(slug)
        target = default_url(account) if url is None else require_url(url)
        secret = current_token(account) if token is None else read_token(token)
        encryption = read_check_encryption(account)
        probe = probe_server_url(target, secret, self_test_key(), encryption)
        checks = check_verification(probe, account)
        failed = [check.sentence for check in checks if check.result is Result.FAILED]
        if options["json"]:
            self.print_json(**account_facts(account), **probe_facts(probe, target, failed))
        if failed:
            why = [*failed, *advise(probe, is_own_token=token is None, is_own_url=url is None)]
            sentence = _("{url} would not pass. {why}")
            raise CommandError(sentence.format(url=target, why=" ".join(map(str, why))))
        if not options["json"]:
            sentence = _(
                "{url} passes: 200 and the exact echostr ({length} bytes) in {milliseconds} ms."
            )
            milliseconds = f"{probe.seconds * 1000:.0f}"
            self.stdout.write(
                sentence.format(url=target, length=len(probe.echostr), milliseconds=milliseconds)
            )


def advise(probe: Probe, *, is_own_token: bool, is_own_url: bool) -> Iterator[str]:
    """Yield what this machine knows about the failure, besides the answer itself."""
    if is_unrecorded(probe):
        yield _(
            "That server could not record the request: see the attempt_unrecorded lines in its log."
        )
    elif probe.answer is not None and probe.answer.status in {400, 403}:
        if not is_own_token:
            yield _("--token may be none of the account's tokens there.")
        yield explain_refusal(probe)
    if is_own_url and probe.answer is None and not settings.PUBLIC_URL:
        yield _(
            "PUBLIC_URL is not set, so the request went to this machine, to the port in PORT "
            "(default: 8000). Set one of them to where the server answers, or use --url."
        )


def probe_facts(probe: Probe, url: str, failed: list[Any]) -> dict[str, Any]:
    return {
        "called": url,
        "passes": not failed,
        "status": probe.answer.status if probe.answer else None,
        "duration": round(probe.seconds * 1_000_000),
        "problems": [str(sentence) for sentence in failed],
    }


def is_unrecorded(probe: Probe) -> bool:
    """Return whether the answer is this server's own 503 reply; a proxy's has another body."""
    answer = probe.answer
    return answer is not None and (answer.status, answer.body) == (503, TRY_AGAIN.body)
