"""Make changes to accounts at random, as people in the admin and WeChat do."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from django.core.exceptions import ValidationError

from verification.accounts.aes_keys import generate_aes_key, rotate_aes_key
from verification.accounts.backends import remove_backend, rotate_webhook_secret, set_backend
from verification.accounts.editing import save_changes
from verification.accounts.pausing import pause, resume
from verification.accounts.rotation import keep_longer, retire, reveal
from verification.accounts.tokens import rotate_token
from verification.callbacks.recording import verify
from verification.models import Backend, OfficialAccount
from verification.models.account import generate_secret
from verification.models.rotating_secret import RotatingSecret
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.messages import APP_ID
from verification.tests.support.signer import verification


class Changes:
    """Draws changes from `draws`. Each acts on one account and leaves it valid."""

    def __init__(self, draws: random.Random) -> None:
        self.draws = draws

    def make(self, account: OfficialAccount) -> None:
        account = OfficialAccount.objects.get(pk=account.pk)
        changes: list[Callable[[OfficialAccount], object]] = [
            *(self.rename, self.pause_or_resume, self.rotate, self.rotate, self.use),
            *(self.end_secret, self.rotate_key, self.set_backend, self.change_backend),
        ]
        self.draws.choice(changes)(account)

    def rename(self, account: OfficialAccount) -> None:
        account.name = f"Brand {self.draws.randrange(10**6)}"
        save_changes(account, ["name"], LI_WEI)

    def pause_or_resume(self, account: OfficialAccount) -> None:
        self.draws.choice([pause, resume])(account, LI_WEI)

    def rotate(self, account: OfficialAccount) -> None:
        keep_old = self.draws.choice([None, None, timedelta(hours=4)])
        rotate_token(account, generate_secret(), LI_WEI, keep_old=keep_old)

    def use(self, account: OfficialAccount) -> None:
        """Let WeChat use the current token, which ends those that it replaced."""
        token = account.current_token
        assert token is not None
        assert token.secret is not None
        query = verification(token.secret.reveal(), nonce=str(self.draws.randrange(10**10)))
        verify([make_callback(query, path=account.server_path.encode())])

    def end_secret(self, account: OfficialAccount) -> None:
        secrets: list[RotatingSecret] = [*account.tokens.all(), *account.aes_keys.all()]
        act = self.draws.choice([keep_longer, retire, reveal])
        with suppress(ValidationError):  # This secret has no end to change.
            act(self.draws.choice(secrets), LI_WEI)

    def rotate_key(self, account: OfficialAccount) -> None:
        rotate_aes_key(account, generate_aes_key(), LI_WEI, app_id=APP_ID)

    def set_backend(self, account: OfficialAccount) -> None:
        url = f"https://crm.example.cn/{self.draws.randrange(10**6)}?key={self.draws.random()}"
        set_backend(account, url, "resend", self.draws.randint(1, 30), LI_WEI)

    def change_backend(self, account: OfficialAccount) -> None:
        backend = Backend.objects.filter(account=account).first()
        if backend and self.draws.random() < 0.5:
            rotate_webhook_secret(backend, LI_WEI)
        else:
            remove_backend(account, LI_WEI)
