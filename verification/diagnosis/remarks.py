"""What stands out in an attempt beside its cause, be it accepted or refused."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.diagnosis.case import Case, Remark
from verification.models import VerificationAttempt
from verification.models.noise import WECHAT_USER_AGENT
from verification.protocol.enums import Kind, Outcome
from verification.times import format_datetime

#: Clocks that are kept by NTP differ by less.
MAX_INTEGER = timedelta(minutes=5).total_seconds()
SLOW = 1_000_000  # microseconds
#: WeChat repeats within this time by itself.
AT_ONCE = timedelta(seconds=10)
#: Attempts looked at before one: signatures have no index, but ids are gapless.
LOOKED_AT = 10_000


def repeat(case: Case) -> Remark | None:
    earlier = find_earlier(case.attempt)
    if earlier is None:
        return None
    pause = case.attempt.recorded_at - earlier.recorded_at
    if pause <= AT_ONCE:
        text = ngettext(
            "Attempt {number} was the same request, less than {count} second before. WeChat may "
            "send one twice, and from several addresses.",
            "Attempt {number} was the same request, less than {count} seconds before. WeChat may "
            "send one twice, and from several addresses.",
            count := int(pause.total_seconds()) + 1,
        )
        return Remark(text.format(number=earlier.pk, count=count), earlier)
    text = _(
        "Attempt {number} was the same request on {time}: somebody kept its URL and sent it again."
    )
    return Remark(
        text.format(number=earlier.pk, time=format_datetime(earlier.recorded_at)), earlier
    )


def find_earlier(attempt: VerificationAttempt) -> VerificationAttempt | None:
    """The last one before with the same signature, timestamp and nonce."""
    if attempt.signature is None:
        return None
    before = VerificationAttempt.objects.filter(id__range=(attempt.pk - LOOKED_AT, attempt.pk - 1))
    same = before.filter(
        signature=attempt.signature, timestamp=attempt.timestamp, nonce=attempt.nonce
    )
    return same.order_by("-id").first()


def clock_off(case: Case) -> Remark | None:
    """Nothing is refused for it: operators press Submit again, and clocks differ."""
    skew = case.attempt.clock_skew
    if skew is None or abs(skew) <= MAX_INTEGER:
        return None
    if skew > 0:
        text = _(
            "Its timestamp was {time} behind this server's clock: somebody kept the URL, or this "
            "server's clock is fast."
        )
    else:
        text = _(
            "Its timestamp was {time} ahead of this server's clock: this server's clock is slow, "
            "or the sender's is fast."
        )
    return Remark(text.format(time=in_words(abs(skew))))


def in_words(seconds: int) -> str:
    minutes = seconds // 60
    if seconds < 120:
        return ngettext("{n} second", "{n} seconds", seconds).format(n=seconds)
    if minutes < 120:
        return ngettext("{n} minute", "{n} minutes", minutes).format(n=minutes)
    if minutes < 2 * 24 * 60:
        return ngettext("{n} hour", "{n} hours", minutes // 60).format(n=minutes // 60)
    days = minutes // (24 * 60)
    return ngettext("{n} day", "{n} days", days).format(n=days)


def not_wechats_user_agent(case: Case) -> Remark | None:
    """Of what was signed, by whomever: that a browser is no WeChat goes without saying."""
    agent = case.attempt.user_agent
    if agent == WECHAT_USER_AGENT or not case.signature:
        return None
    if not agent:
        return Remark(
            _("It had no user agent; WeChat's is “{wechat}”. Probably a script.").format(
                wechat=WECHAT_USER_AGENT
            )
        )
    return Remark(
        _(
            "Its user agent “{agent}” is not WeChat's, which is “{wechat}”. Probably a person or "
            "a script."
        ).format(agent=agent, wechat=WECHAT_USER_AGENT)
    )


def came_over_http(case: Case) -> Remark | None:
    if not settings.PUBLIC_URL.startswith("https://") or case.attempt.scheme == "https":
        return None
    return Remark(
        _(
            "It came over http, but PUBLIC_URL is https: the console holds an http address, or "
            "the proxy in front of this server does not say X-Forwarded-Proto: https."
        )
    )


def came_to_another_host(case: Case) -> Remark | None:
    host, own = case.attempt.host, urlsplit(settings.PUBLIC_URL).netloc
    if not host or not own or without_port(host) == without_port(own):
        return None
    return Remark(
        _(
            "It asked for the host “{host}”, but PUBLIC_URL has “{own}”: the console holds "
            "another address, or a proxy in front of this server rewrites it."
        ).format(host=host, own=own)
    )


def without_port(host: str) -> str:
    """Those that go without saying: WeChat calls no others."""
    return host.lower().removesuffix(":443").removesuffix(":80")


def slow_answer(case: Case) -> Remark | None:
    return Remark(format_slow_answer(case.attempt)) if case.attempt.duration > SLOW else None


def format_slow_answer(attempt: VerificationAttempt) -> str:
    return _(
        "We took {s} s to answer; WeChat may give up. See whether the dyno was asleep or the "
        "database slow, then press Submit (提交) again."
    ).format(s=f"{attempt.duration / 1_000_000:.1f}")


def console_may_complain(case: Case) -> Remark | None:
    attempt = case.attempt
    if attempt.outcome != Outcome.ACCEPTED or attempt.kind != Kind.URL_VERIFICATION:
        return None
    return Remark(
        _(
            "If the console says token验证失败 all the same, something in front of us changed or "
            "replaced the answer: {culprits}. Press “Test from this server” on the account's page."
        ).format(culprits=in_front_of_us())
    )


def in_front_of_us() -> str:
    """What can change an answer on its way to WeChat."""
    return _(
        "a CDN or proxy that rewrites pages, a firewall that shows its own page, a redirect, or "
        "another server under the same name"
    )
