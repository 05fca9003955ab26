"""Adds accounts with `manage.py add_account`: python -m benchmarks.accounts NUMBER [BACKEND URL]

They have the slugs that benchmarks.sample_log uses, so that it finds them. With a URL, each has
this backend. Its messages are not kept, so that every push that is answered has reached it.
"""

from __future__ import annotations

import base64
import io
import os
import sys

from benchmarks.signed_requests import Caller


def slug(number: int) -> str:
    return f"sample-{number}"


def token(number: int) -> str:
    return f"TokenOfTheBenchmark{number}"


def callers(count: int, *, at_root: bool = False) -> list[Caller]:
    """Return one caller for each of the first `count` accounts."""
    return [
        Caller("/" if at_root else f"/wechat/{slug(number)}", token(number))
        for number in range(count)
    ]


def main(count: int, backend_url: str = "") -> None:
    import django
    from django.core.management import call_command

    os.environ["DJANGO_SETTINGS_MODULE"] = "wechat_gateway.settings"
    django.setup()
    for number in range(count):
        output = io.StringIO()  # discarded: it warns about accounts that do not fit at /
        call_command("add_account", slug(number), token=token(number), stdout=output, stderr=output)
    if backend_url:
        set_backends(backend_url)


def set_backends(url: str) -> None:
    from verification import change_log
    from verification.fields import Secret
    from verification.models import Backend, OfficialAccount

    for account in OfficialAccount.objects.all():
        secret = Secret.of("whsec_" + base64.b64encode(bytes(32)).decode())
        Backend.objects.create(account=account, url=url, on_failure="resend", secret=secret)
        actor = change_log.command_line_actor()
        change_log.record(change_log.Action.BACKEND_SET, actor, account, url=url)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
