"""Validates the ids with which each platform ends what it encrypts: AppID, CorpID and SuiteID."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from verification.protocol.enums import Platform

#: "wx" and 16 hex digits, as far as is known; a longer or shorter one is accepted.
APP_ID = re.compile(r"[a-z]{2}[A-Za-z0-9]{10,38}")
#: "ww", or "wx" if it is old, and 16 hex digits. What WeCom gives to providers is longer.
CORP_ID = re.compile(r"[a-z]{2}[A-Za-z0-9_-]{10,38}")
USUAL_CORP_ID = re.compile(r"w[wx][0-9a-f]{16}")
#: Those of WeCom's own examples have letters beyond f. "dk" is a template (代开发), "tj" is old.
SUITE_ID = re.compile(r"(ww|wx|tj|dk)[0-9A-Za-z]{16}")

APP_SECRET = re.compile(r"[0-9a-f]{32}")
#: What WeCom calls Secret. One without - and _ has the shape of an EncodingAESKey.
WECOM_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


def validate_app_id(
    text: str, platform: int = Platform.OFFICIAL_ACCOUNT, suite_id: str = ""
) -> None:
    """Raise ValidationError unless what the platform encrypts can end in this AppID or CorpID.

    The CorpID of an account with a SuiteID is another one.
    """
    if platform == Platform.WECOM:
        validate_corp_id(text)
        if text == suite_id:
            raise ValidationError(
                _(
                    "This is the SuiteID. Enter the CorpID of the provider (服务商) here: WeCom "
                    "checks the URL with it."
                )
            )
        return
    if APP_SECRET.fullmatch(text):
        raise ValidationError(
            _("This looks like an AppSecret, which this server never needs. Enter the AppID.")
        )
    if text.startswith("gh_"):
        raise ValidationError(
            _("This is the original ID (原始ID). The AppID (开发者ID) begins with “wx”.")
        )
    if text.startswith("ww") and USUAL_CORP_ID.fullmatch(text):
        raise ValidationError(
            _(
                "This is a CorpID (企业ID), which only a WeCom app has. Choose WeCom app as the "
                "platform, or enter the AppID, which begins with “wx”."
            )
        )
    if not APP_ID.fullmatch(text):
        raise ValidationError(_("An AppID is “wx” and 16 digits and letters a–f, nothing else."))


def validate_corp_id(text: str) -> None:
    """Raise ValidationError unless this can be a CorpID, and say what it is instead."""
    if not text:
        raise ValidationError(
            _(
                "Enter the CorpID (企业ID): everything that WeCom encrypts ends with it. It is at "
                "the end of 我的企业 → 企业信息."
            )
        )
    if text.startswith("gh_"):
        raise ValidationError(
            _(
                "This is the original ID (原始ID) of an official account or a Mini Program. The "
                "CorpID (企业ID) begins with “ww” or “wx”."
            )
        )
    if text.isdecimal():
        raise ValidationError(
            _("This is an AgentId. The CorpID (企业ID) begins with “ww” or “wx”.")
        )
    if WECOM_SECRET.fullmatch(text) or APP_SECRET.fullmatch(text):
        raise ValidationError(
            _(
                "This looks like a Secret or an EncodingAESKey. Enter the CorpID (企业ID), which "
                "begins with “ww” or “wx”."
            )
        )
    if SUITE_ID.fullmatch(text) and text[:2] in {"tj", "dk"}:
        raise ValidationError(
            _(
                "This is a SuiteID. Enter it as the SuiteID, and the CorpID of the provider "
                "(服务商) here."
            )
        )
    if not CORP_ID.fullmatch(text):
        raise ValidationError(
            _("A CorpID is “ww” or “wx” and 16 digits and letters a–f, nothing else.")
        )


def validate_suite_id(text: str) -> None:
    """Raise ValidationError unless this can be a SuiteID."""
    if not SUITE_ID.fullmatch(text):
        raise ValidationError(
            _(
                "A SuiteID is “ww”, “wx”, “tj” or “dk” and 16 digits and letters. It is on the "
                "page of the third-party app (第三方应用)."
            )
        )


def describe_unusual_id(text: str, platform: int) -> Any:
    """Return a warning if the AppID or CorpID is accepted but not as usual, or an empty text."""
    if platform == Platform.WECOM and not USUAL_CORP_ID.fullmatch(text):
        return _(
            "“%(id)s” is not shaped like a CorpID: “ww” or “wx” and 16 digits and letters a–f. "
            "Compare it with 我的企业 → 企业信息."
        ) % {"id": text}
    return ""
