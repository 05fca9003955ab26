"""Shows the card of one kind of secret of an account, and reveals, rotates and retires it.

A user who may see a secret asks for it with a POST. The account page then shows it once: see
pending_reveals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification.accounts.rotation import (
    NO_SECRET,
    RotatedMeanwhile,
    current_secret,
    keep_longer,
    require_unneeded,
    retire,
    reveal,
)
from verification.admin.accounts.pages import render_page
from verification.admin.accounts.pending_reveals import redirect_to_secret
from verification.admin.accounts.secret_forms import GENERATE, RotateForm
from verification.admin.accounts.secret_rows import SecretRow, describe_end, describe_first_use
from verification.admin.base import MINUTE, lay_out, may, redirect_to_account, require
from verification.change_log import Actor, actor_of
from verification.fields import UndecryptableSecret
from verification.models import OfficialAccount, PendingReveal
from verification.models.change_event import name_actor
from verification.models.rotating_secret import RotatingSecret
from verification.times import format_datetime

Wrap = Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]


class SecretPages:
    """Serves the pages about one model of secrets, in the words of its subclass."""

    model: type[RotatingSecret]
    form_class: type[RotateForm]
    name: str  #: in the names of URLs
    url_prefix: str
    url_of_one: str
    lost_key: Any
    texts: ClassVar[dict[str, Any]]
    wecom_texts: ClassVar[dict[str, Any]] = {}  #: those that are others for a WeCom app

    # --- What differs

    def change(
        self, account: OfficialAccount, text: str, actor: Actor, form: RotateForm
    ) -> RotatingSecret:
        """Make `text` the current secret. Raises ValidationError."""
        raise NotImplementedError

    def adapt(self, form: RotateForm, account: OfficialAccount) -> None:
        """Remove the fields of the form that this account does not need."""

    def warn(self, request: HttpRequest, account: OfficialAccount, made: RotatingSecret) -> None:
        """Add a message for each weakness of the new secret."""

    # --- The card on the account page

    def texts_of(self, account: OfficialAccount) -> dict[str, Any]:
        """Return the texts in the words of the account's platform."""
        texts = self.texts | self.wecom_texts if account.is_wecom else self.texts
        words = {
            "caller": account.caller,
            "people": account.people,
            "button": account.submit_button,
        }
        return {name: str(text).format(**words) for name, text in texts.items()}

    def read_card(
        self, request: HttpRequest, account: OfficialAccount, pending: PendingReveal | None
    ) -> dict[str, Any]:
        """Return what secrets.html shows. `pending` says which secret this answer shows."""
        texts = self.texts_of(account)
        secrets = self.model.objects.filter(account=account).select_related("account")
        rows = [self.describe(secret, texts) for secret in secrets]
        has_current = any(row.secret.is_current for row in rows)
        return {
            "name": self.name,
            "texts": texts,
            "rows": rows,
            "change_text": texts["rotate" if has_current else "create"],
            "rotate_url": self.url("rotate", account.pk) if may(request, "rotate_token") else "",
        }

    def describe(self, secret: RotatingSecret, texts: dict[str, Any]) -> SecretRow:
        is_live = secret.is_live_at(timezone.now())
        is_previous = is_live and not secret.is_current
        previous = texts["previous"] if is_live else texts["retired"]
        ids = secret.account_id, secret.pk
        return SecretRow(
            secret,
            texts["current"] if secret.is_current else previous,
            format_datetime(secret.created_at, MINUTE),
            name_actor(secret.created_by),
            describe_first_use(secret, texts, is_live=is_live),
            describe_end(secret, texts),
            not is_live,
            self.url("keep", *ids) if is_previous and secret.expires_at else "",
            self.url("retire", *ids) if is_previous or (is_live and secret.is_optional) else "",
            texts["retire" if is_previous else "retire_current"],
        )

    # --- Showing

    def reveal(self, site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
        """Show the current secret on the account page, and record that in the change log.

        Only a POST reveals it. A GET, such as the one after a sign-in, redirects to the page with
        the button.
        """
        require(request, "reveal_token")
        require(request, "view_officialaccount", "change_officialaccount")
        if request.method != "POST":
            return redirect_to_account(request, account_id)
        account = get_object_or_404(OfficialAccount, pk=account_id)
        secret = get_object_or_404(self.model, account=account, superseded_at=None)
        try:
            reveal(secret, actor_of(request))
        except UndecryptableSecret:
            messages.error(request, self.lost_key)
            return redirect_to_account(request, account_id)
        messages.info(request, self.texts_of(account)["seen"])
        return redirect_to_secret(request, account_id, self.name, secret.pk)

    def read_shown(self, account: OfficialAccount, pending: PendingReveal | None) -> str:
        """Return the current secret if `pending` is about it, or an empty text."""
        secret = current_secret(self.model, account) if pending else None
        if pending is None or secret is None or secret.secret is None:
            return ""
        if not pending.is_of(self.name, secret.pk):
            return ""
        return secret.secret.reveal() if secret.is_decryptable else ""

    # --- Rotating

    def rotate(self, site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
        """Show the form; on a valid POST, rotate the secret. The account page shows the new one."""
        require(request, "rotate_token")
        account = get_object_or_404(OfficialAccount, pk=account_id)
        current = current_secret(self.model, account)
        form = self.form_class(
            request.POST if request.method == "POST" else None,
            initial={
                "replaces": current.pk if current else NO_SECRET,
                self.form_class.source_field: self.first_choice(current),
            },
        )
        self.adapt(form, account)
        texts = self.texts_of(account)
        if form.is_valid() and (made := self.try_to_rotate(request, account, form)):
            messages.success(request, texts["rotated" if current else "created"])
            self.warn(request, account, made)
            return redirect_to_secret(request, account_id, self.name, made.pk)
        hidden = {"replaces"} if current else {"replaces", "keep_old"}
        first = [form.source_field, form.text_field]
        fields = [*first, *(name for name in form.fields if name not in {*first, *hidden})]
        context = {
            "title": texts["rotate_title" if current else "create_title"] % {"account": account},
            "texts": texts,
            "afterwards": texts["afterwards" if current else "create_afterwards"],
            "button": texts["rotate_button" if current else "create_button"],
            "form": form,
            "fieldsets": lay_out(form, fields),
            "current": current,
        }
        return render_page(request, site, "rotate_secret.html", account, context)

    def first_choice(self, current: RotatingSecret | None) -> str:
        return GENERATE

    def try_to_rotate(
        self, request: HttpRequest, account: OfficialAccount, form: RotateForm
    ) -> RotatingSecret | None:
        """Rotate and return the new secret; on failure, add the error to the form, return None."""
        try:
            return self.change(account, form.chosen_secret(), actor_of(request), form)
        except RotatedMeanwhile:
            form.add_error(None, self.describe_rotated_meanwhile(account, actor_of(request)))
        except ValidationError as error:
            form.add_error(form.text_field, error)
        except UndecryptableSecret:
            form.add_error(None, self.lost_key)
        return None

    def describe_rotated_meanwhile(self, account: OfficialAccount, actor: Actor) -> Any:
        current = current_secret(self.model, account)
        name = self.model._meta.verbose_name
        if current is None:
            return _("The %(secret)s was rotated in the meantime.") % {"secret": name}
        if current.created_by == actor.name:
            sentence = _(
                "Nothing was changed: you have already rotated this %(secret)s, at %(time)s. "
                "Reopen this page to rotate the new one."
            )
        else:
            sentence = _(
                "Nothing was changed: %(actor)s has already rotated this %(secret)s, at %(time)s. "
                "Reopen this page to rotate the new one."
            )
        return sentence % {
            "actor": name_actor(current.created_by),
            "secret": name,
            "time": format_datetime(current.created_at),
        }

    # --- Ending the old secret

    def keep(
        self, site: admin.AdminSite, request: HttpRequest, account_id: int, secret_id: int
    ) -> HttpResponse:
        require(request, "rotate_token")
        if request.method != "POST":
            return redirect_to_account(request, account_id)
        secret = get_object_or_404(self.model, pk=secret_id, account=account_id)
        kept = self.texts_of(secret.account)["kept"]
        return self.set_end(request, secret, keep_longer, kept)

    def retire(
        self, site: admin.AdminSite, request: HttpRequest, account_id: int, secret_id: int
    ) -> HttpResponse:
        """Ask for confirmation unless it is needed, then refuse everything that needs it."""
        require(request, "rotate_token")
        secret = get_object_or_404(self.model, pk=secret_id, account=account_id)
        is_last, texts = secret.is_current and secret.is_optional, self.texts_of(secret.account)
        if request.method == "POST":
            retired = "retired_current" if is_last else "retired_now"
            return self.set_end(request, secret, retire, texts[retired])
        try:
            require_unneeded(secret)
        except ValidationError as error:
            messages.error(request, error.messages[0])
            return redirect_to_account(request, account_id)
        name = "retire_current" if is_last else "retire"
        current = current_secret(self.model, secret.account)
        is_safe = current is not None and current.first_used_at is not None
        meaning = "retire_is_safe" if is_safe else "retire_is_unsafe"
        context = {
            "title": texts[f"{name}_title"] % {"account": secret.account},
            "texts": texts,
            "page_name": texts[f"{name}_page"],
            "question": texts[f"{name}_question"] % {"fingerprint": secret.fingerprint},
            "meaning": texts["retire_current_when" if is_last else meaning],
            "is_unsafe": not is_safe,
            "button": texts[f"{name}_button"],
        }
        return render_page(request, site, "retire_secret.html", secret.account, context)

    def set_end(
        self,
        request: HttpRequest,
        secret: RotatingSecret,
        change: Callable[[RotatingSecret, Actor], None],
        success: Any,
    ) -> HttpResponse:
        try:
            change(secret, actor_of(request))
        except ValidationError as error:
            messages.error(request, error.messages[0])
        else:
            messages.success(request, success)
        return redirect_to_account(request, secret.account_id)

    # --- URLs

    def url(self, page: str, *ids: int) -> str:
        return reverse(f"admin:{page}_{self.name}", args=ids)

    def urls(self, wrap: Wrap) -> list[URLPattern]:
        """Return the URLs of the pages; `wrap` gives each view the admin site."""
        own, one = f"<int:account_id>/{self.url_prefix}", f"<int:account_id>/{self.url_of_one}"
        return [
            path(f"{own}rotate/", wrap(self.rotate), name=f"rotate_{self.name}"),
            path(f"{own}reveal/", wrap(self.reveal), name=f"reveal_{self.name}"),
            path(f"{one}<int:secret_id>/keep/", wrap(self.keep), name=f"keep_{self.name}"),
            path(f"{one}<int:secret_id>/retire/", wrap(self.retire), name=f"retire_{self.name}"),
        ]
