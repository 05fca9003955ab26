"""Remarks: what else is unusual about an attempt, whether it was accepted or refused."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.diagnosis.evidence import MAX_CLOCK_SKEW, Evidence, Remark
from verification.diagnosis.names import name_button
from verification.models import VerificationAttempt
from verification.models.noise import WECHAT_USER_AGENT
from verification.protocol.console import OFFICIAL_ACCOUNT, console_of
from verification.protocol.enums import Kind, Method, Outcome, is_wecom_call
from verification.times import format_datetime

#: No clock differs by more, so that such a timestamp was made up. The stored difference ends at 68
#: years, and would be shown as 24855 days.
MAX_POSSIBLE_SKEW = timedelta(days=10 * 365).total_seconds()
#: In seconds. No server's clock is wrong by more without anybody noticing it.
MAX_UNNOTICED_SKEW = timedelta(days=1).total_seconds()
#: Fewer first digits of a timestamp are the same for years, so that they tell nothing.
MIN_CUT_DIGITS = 3
#: The user agents of programs that look for weaknesses.
SCANNERS = re.compile(
    r"sqlmap|nikto|nuclei|zgrab|masscan|nmap|acunetix|wpscan|gobuster|dirbuster|feroxbuster|ffuf"
    r"|netsparker|openvas|nessus|arachni|w3af|burp|wfuzz|censys|expanse|internet-measurement",
    re.IGNORECASE,
)
SLOW_MICROSECONDS = 1_000_000
#: WeCom waits one second, the way to this server and back included.
SLOW_FOR_WECOM = 500_000
#: WeChat itself may repeat a request within this time.
RETRY_WINDOW = timedelta(seconds=10)
#: The number of earlier attempts that are searched. Signatures have no index, but ids have no gaps,
#: so that a range of ids limits the search.
REPEAT_SEARCH_LENGTH = 10_000


def repeat(evidence: Evidence) -> Remark | None:
    earlier = find_earlier(evidence.attempt)
    if earlier is None:
        return None
    pause = evidence.attempt.recorded_at - earlier.recorded_at
    if pause <= RETRY_WINDOW:
        text = ngettext(
            "Attempt {number} was the same request, less than {count} second before. WeChat may "
            "send one twice, and from several addresses.",
            "Attempt {number} was the same request, less than {count} seconds before. WeChat may "
            "send one twice, and from several addresses.",
            count := int(pause.total_seconds()) + 1,
        )
        return Remark(text.format(number=earlier.pk, count=count), earlier)
    text = _("Attempt {number} was the same request on {time}: its URL was kept and sent again.")
    return Remark(
        text.format(number=earlier.pk, time=format_datetime(earlier.recorded_at)), earlier
    )


def find_earlier(attempt: VerificationAttempt) -> VerificationAttempt | None:
    """Return the latest earlier attempt with the same signature, timestamp and nonce."""
    if attempt.signature is None:
        return None
    same = VerificationAttempt.objects.filter(
        id__range=(attempt.pk - REPEAT_SEARCH_LENGTH, attempt.pk - 1),
        signature=attempt.signature,
        timestamp=attempt.timestamp,
        nonce=attempt.nonce,
    )
    if is_wecom_call(attempt.marks):
        same = same.filter(echostr=attempt.echostr)
    return same.order_by("-id").first()


def clock_off(evidence: Evidence) -> Remark | None:
    """Report a timestamp far from this server's clock.

    Such attempts are not refused: operators press Submit again, and clocks differ.
    """
    skew = evidence.attempt.clock_skew
    if skew is None or abs(skew) <= MAX_CLOCK_SKEW:
        return None
    if _is_in_milliseconds(evidence.attempt):
        return Remark(
            _(
                "Its timestamp “{timestamp}” is in milliseconds; WeChat's is in seconds. Probably "
                "a script or another system sent it."
            ).format(timestamp=evidence.attempt.timestamp)
        )
    if has_cut_timestamp(evidence.attempt):
        return Remark(
            _(
                "Its timestamp “{timestamp}” has too few digits and begins like the time of the "
                "request: the URL or the value was cut off."
            ).format(timestamp=evidence.attempt.timestamp)
        )
    if abs(skew) > MAX_POSSIBLE_SKEW:
        return Remark(
            _(
                "Its timestamp “{timestamp}” cannot be the time of a request. A script or a "
                "scanner made it up, or the sender's clock is far off."
            ).format(timestamp=evidence.attempt.timestamp)
        )
    return Remark(_describe_skew(evidence, skew).format(time=format_duration(abs(skew))))


def _describe_skew(evidence: Evidence, skew: int) -> str:
    """Return how a possible timestamp and this server's clock may have come apart."""
    if evidence.is_off_by_hours:
        return _(
            "Its timestamp was {time} from this server's clock. Whole hours are a time zone: the "
            "sender or this server takes local time for UTC."
        )
    if skew > MAX_UNNOTICED_SKEW:
        return _(
            "Its timestamp was {time} behind this server's clock: the URL was kept and sent again, "
            "or the sender's clock is slow."
        )
    if skew > 0:
        return _(
            "Its timestamp was {time} behind this server's clock: the URL was kept, the sender's "
            "clock is slow, or this server's is fast."
        )
    return _(
        "Its timestamp was {time} ahead of this server's clock: this server's clock is slow, or "
        "the sender's is fast."
    )


def _is_in_milliseconds(attempt: VerificationAttempt) -> bool:
    """Return whether the timestamp is the time of the attempt in milliseconds."""
    timestamp = attempt.timestamp
    if not (timestamp.isascii() and timestamp.isdigit()):
        return False
    return abs(attempt.recorded_at.timestamp() - int(timestamp) / 1000) < MAX_UNNOTICED_SKEW


def has_cut_timestamp(attempt: VerificationAttempt) -> bool:
    """Return whether the timestamp is the beginning of a time near the attempt's."""
    digits, time = attempt.timestamp, attempt.recorded_at.timestamp()
    if not (digits.isascii() and digits.isdigit()) or not MIN_CUT_DIGITS <= len(digits) < 10:
        return False
    earliest, latest = int(digits.ljust(10, "0")), int(digits.ljust(10, "9"))
    return earliest - MAX_UNNOTICED_SKEW <= time <= latest + MAX_UNNOTICED_SKEW


def format_duration(seconds: int) -> str:
    """Return the duration in its largest sensible unit, such as “5 minutes”."""
    minutes = seconds // 60
    if seconds < 120:
        return ngettext("{n} second", "{n} seconds", seconds).format(n=seconds)
    if minutes < 120:
        return ngettext("{n} minute", "{n} minutes", minutes).format(n=minutes)
    if minutes < 2 * 24 * 60:
        return ngettext("{n} hour", "{n} hours", minutes // 60).format(n=minutes // 60)
    days = minutes // (24 * 60)
    return ngettext("{n} day", "{n} days", days).format(n=days)


def not_wechats_user_agent(evidence: Evidence) -> Remark | None:
    """Report the user agent of a signed request that WeChat's servers do not send.

    Requests without a signature need no remark: they are plainly not WeChat's.
    """
    agent = evidence.attempt.user_agent
    if SCANNERS.search(agent):
        return Remark(
            _(
                "Its user agent “{agent}” is that of a scanner, which looks for weaknesses. If "
                "nobody of yours runs one, a stranger sent it."
            ).format(agent=agent)
        )
    if agent == WECHAT_USER_AGENT or not evidence.signature:
        return None
    if not agent:
        return Remark(
            _(
                "It had no user agent; WeChat's is “{wechat}”. Probably a script sent it, or a "
                "proxy removed it."
            ).format(wechat=WECHAT_USER_AGENT)
        )
    return Remark(
        _(
            "Its user agent “{agent}” is not WeChat's, which is “{wechat}”. Probably a person or "
            "a script sent it, or a proxy replaced it."
        ).format(agent=agent, wechat=WECHAT_USER_AGENT)
    )


def came_over_http(evidence: Evidence) -> Remark | None:
    if not settings.PUBLIC_URL.startswith("https://") or evidence.attempt.scheme == "https":
        return None
    return Remark(
        _(
            "It came over http, but PUBLIC_URL is https: the console or script has an http "
            "address, or the proxy in front of this server does not send X-Forwarded-Proto: https."
        )
    )


def came_to_another_host(evidence: Evidence) -> Remark | None:
    host, own = evidence.attempt.host, urlsplit(settings.PUBLIC_URL).netloc
    if not host or not own or without_port(host) == without_port(own):
        return None
    return Remark(
        _(
            "It asked for the host “{host}”, but PUBLIC_URL has “{own}”: the console or script "
            "has another address, or a proxy in front of this server rewrites it."
        ).format(host=host, own=own)
    )


def without_port(host: str) -> str:
    """Return the host without the default ports, the only ones that WeChat calls."""
    return host.lower().removesuffix(":443").removesuffix(":80")


def slow_answer(evidence: Evidence) -> Remark | None:
    return Remark(format_slow_answer(evidence.attempt)) if is_slow(evidence.attempt) else None


def is_slow(attempt: VerificationAttempt) -> bool:
    """Return whether the console may have given up before the answer came."""
    is_check = is_wecom_call(attempt.marks) and attempt.method == Method.GET
    return attempt.duration > (SLOW_FOR_WECOM if is_check else SLOW_MICROSECONDS)


def format_slow_answer(attempt: VerificationAttempt) -> str:
    text = _(
        "We took {s} s to answer; WeChat may give up. See whether the dyno was asleep or the "
        "database slow, then press {button} again."
    )
    if is_wecom_call(attempt.marks):
        text = _(
            "We took {s} s to answer; WeCom waits one second. See whether the dyno was asleep or "
            "the database slow, then press {button} again."
        )
    button = name_button(is_wecom=is_wecom_call(attempt.marks))
    return text.format(s=f"{attempt.duration / 1_000_000:.1f}", button=button)


def console_may_complain(evidence: Evidence) -> Remark | None:
    attempt = evidence.attempt
    if attempt.outcome != Outcome.ACCEPTED or attempt.kind != Kind.URL_VERIFICATION:
        return None
    return Remark(
        _(
            "If the console still says {message}, something in front of this server changed or "
            "replaced the answer: {culprits}. Press “Test from this server” on the account's page."
        ).format(message=_complaint_about(attempt), culprits=describe_intermediaries())
    )


def _complaint_about(attempt: VerificationAttempt) -> str:
    """Return the console's message if the answer is not what it expects, in its own words."""
    account = attempt.account
    console = console_of(account.platform, account.suite_id) if account else OFFICIAL_ACCOUNT
    return console.answers.get("token") or console.answers["failed"]


def describe_intermediaries() -> str:
    """Return the words for everything that can change an answer on its way to WeChat."""
    return _(
        "a CDN or proxy that rewrites pages, a gateway that adds quotation marks, a BOM or a line "
        "break, a firewall that shows its own page, a redirect, or another server under the same "
        "name"
    )
