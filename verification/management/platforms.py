"""Provides what the commands share that know the platforms: options, and words for consoles."""

from __future__ import annotations

from argparse import ArgumentParser

from django.utils.translation import gettext as _

from verification.accounts.aes_keys import generate_aes_key
from verification.management.base import read_secret_line
from verification.models import OfficialAccount
from verification.protocol.enums import Platform

#: The values of --platform.
PLATFORMS = {platform.label.replace("_", "-"): platform for platform in Platform}


def add_platform_arguments(parser: ArgumentParser, text: str) -> None:
    """Add --platform, which `text` explains, and the options of its ids."""
    parser.add_argument("--platform", choices=[*PLATFORMS], help=text)
    parser.add_argument(
        "--app-id",
        metavar="ID",
        help=_(
            "The AppID, or the CorpID (企业ID) of a WeCom app: everything encrypted ends with it. "
            "Of a third-party app (第三方应用), it is the CorpID of the provider (服务商)."
        ),
    )
    parser.add_argument(
        "--suite-id",
        metavar="ID",
        help=_("The SuiteID of a third-party app (第三方应用) of WeCom."),
    )


def read_aes_key(option: str | None) -> str:
    """Return the key of --key: a generated one without it, one line of input for "-"."""
    if option is None:
        return generate_aes_key()
    return read_secret_line("--key", "EncodingAESKey: ") if option == "-" else option


def name_console(account: OfficialAccount) -> str:
    """Return the name of the account's console, for sentences."""
    if account.is_wecom:
        return _("WeCom's console")
    if account.platform == Platform.MINI_PROGRAM:
        return _("the Mini Program's console")
    return _("WeChat's console")
