from __future__ import annotations

import io
import shlex
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.management.base import GatewayCommand, create_administrator
from verification.models import OfficialAccount
from verification.models.account import generate_secret
from verification.self_test.client import sign_url

DEMO = "demo"


class Command(GatewayCommand):
    help = gettext_lazy(
        "Prepares a copy on this machine. Creates an administrator and a demo account the first "
        "time, and prints a signed request to send each time. script/server runs this command."
    )

    def handle(self, **options: Any) -> None:
        if not settings.LOCAL:
            raise CommandError(
                _("This is for a copy on your own machine (WECHAT_GATEWAY_LOCAL=1).")
            )
        base = f"http://127.0.0.1:{settings.PORT}"
        self.create_admin(base)
        account = OfficialAccount.objects.filter(slug=DEMO).first()
        if account is None:
            # The URL is printed below, and the admin shows the token.
            call_command("add_account", DEMO, name="Demo", stdout=io.StringIO())
            account = OfficialAccount.objects.get(slug=DEMO)
        token = account.current_token
        if token is not None and token.secret is not None:
            url, echostr = sign_url(f"{base}{account.server_path}", token.secret.reveal())
            self.stdout.write(_("Server URL: {url}").format(url=f"{base}{account.server_path}"))
            self.stdout.write(_("Try it:     {command}").format(command=f"curl {shlex.quote(url)}"))
            self.stdout.write(
                _("            answers {echostr}, as WeChat expects").format(echostr=echostr)
            )

    def create_admin(self, base: str) -> None:
        if get_user_model().objects.filter(is_superuser=True).exists():
            self.stdout.write(_("Admin:      {url}").format(url=f"{base}/admin/"))
            return
        password = generate_secret()[:16]
        create_administrator("admin", "", password)
        line = _("Admin:      {url} as {user}, password {password} (shown once)")
        self.stdout.write(line.format(url=f"{base}/admin/", user="admin", password=password))
