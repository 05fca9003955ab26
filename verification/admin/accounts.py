from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from verification.admin import self_tests, tokens
from verification.models import ChangeEvent, OfficialAccount, Token
from verification.models.token import generate_secret, rotate_token

if TYPE_CHECKING:
    AccountModelAdmin = admin.ModelAdmin[OfficialAccount]
    AccountModelForm = forms.ModelForm[OfficialAccount]
else:
    AccountModelAdmin = admin.ModelAdmin
    AccountModelForm = forms.ModelForm


class AddAccountForm(AccountModelForm):
    token = tokens.TokenField()

    class Meta:
        model = OfficialAccount
        fields = ["name", "slug", "answers_at_root", "app_id", "original_id", "notes"]


@admin.register(OfficialAccount)
class OfficialAccountAdmin(AccountModelAdmin):
    list_display = ["name", "state", "path", "token_fingerprint", "answers_at_root"]
    list_filter = ["is_paused", "answers_at_root"]
    search_fields = ["name", "slug", "app_id", "original_id"]
    search_help_text = _("Name, slug, AppID or original ID.")
    actions = ["pause", "resume"]
    inlines = [tokens.TokenInline]
    add_fieldsets = [
        (None, {"fields": ["name", "slug", "token", "answers_at_root"]}),
        (_("Optional"), {"fields": ["app_id", "original_id", "notes"], "classes": ["collapse"]}),
    ]
    fieldsets = [
        (None, {"fields": ["name", "slug", "server_url", "state", "answers_at_root"]}),
        (_("Optional"), {"fields": ["app_id", "original_id", "notes"], "classes": ["collapse"]}),
    ]

    # --- Lists and forms

    def get_queryset(self, request: HttpRequest) -> QuerySet[OfficialAccount]:
        current = Token.objects.filter(account=OuterRef("pk"), superseded_at=None)
        accounts = super().get_queryset(request)
        return accounts.annotate(current_fingerprint=Subquery(current.values("fingerprint")[:1]))

    @admin.display(description=_("token"))
    def token_fingerprint(self, account: OfficialAccount) -> str | None:
        return getattr(account, "current_fingerprint", None)

    @admin.display(description=_("state"))
    def state(self, account: OfficialAccount) -> Any:
        if account.is_paused:
            return _("Paused")
        return _("Answering") if getattr(account, "current_fingerprint", None) else _("No token")

    @admin.display(description=_("path"), ordering="slug")
    def path(self, account: OfficialAccount) -> str:
        return account.server_path

    @admin.display(description=_("Server URL"))
    def server_url(self, account: OfficialAccount) -> str:
        return account.server_url

    def get_fieldsets(self, request: HttpRequest, obj: OfficialAccount | None = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            kwargs["form"] = AddAccountForm
        return super().get_form(request, obj, change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: OfficialAccount | None = None) -> Any:
        if obj is None:
            return []
        return ["server_url", "state", *(["slug"] if obj.has_attempts() else [])]

    def get_inlines(self, request: HttpRequest, obj: OfficialAccount | None) -> Any:
        return self.inlines if obj else []

    # --- Saving, each with its change event

    def save_model(
        self, request: HttpRequest, obj: OfficialAccount, form: Any, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if change:
            self._record_change(request, obj, form.changed_data)
            return
        self._record(request, ChangeEvent.Action.ACCOUNT_CREATED, obj)
        text = form.cleaned_data["token"] or generate_secret()
        rotate_token(obj, text, actor=request.user.get_username())
        tokens.warn_if_short(request, text)

    def _record_change(
        self, request: HttpRequest, account: OfficialAccount, changed: list[str]
    ) -> None:
        if changed:
            self._record(request, ChangeEvent.Action.ACCOUNT_CHANGED, account, ", ".join(changed))

    def delete_model(self, request: HttpRequest, obj: OfficialAccount) -> None:
        self._record(request, ChangeEvent.Action.ACCOUNT_DELETED, None, f"{obj} ({obj.slug})")
        super().delete_model(request, obj)

    def _record(
        self, request: HttpRequest, action: str, account: OfficialAccount | None, detail: str = ""
    ) -> None:
        ChangeEvent.objects.create(
            actor=request.user.get_username(), action=action, account=account, detail=detail
        )

    # --- What may be done

    def has_delete_permission(
        self, request: HttpRequest, obj: OfficialAccount | None = None
    ) -> bool:
        if obj is not None and obj.has_attempts():
            return False
        return super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> Any:
        """No bulk delete: it would not ask each account whether it has attempts."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description=_("Pause the selected accounts"), permissions=["change"])
    def pause(self, request: HttpRequest, accounts: QuerySet[OfficialAccount]) -> None:
        self._set_paused(request, accounts, is_paused=True)

    @admin.action(description=_("Resume the selected accounts"), permissions=["change"])
    def resume(self, request: HttpRequest, accounts: QuerySet[OfficialAccount]) -> None:
        self._set_paused(request, accounts, is_paused=False)

    def _set_paused(
        self, request: HttpRequest, accounts: QuerySet[OfficialAccount], *, is_paused: bool
    ) -> None:
        changed = [account for account in accounts if account.is_paused != is_paused]
        for account in changed:
            act = account.pause if is_paused else account.resume
            act(actor=request.user.get_username())
        message = ngettext(
            "%(count)d account changed.", "%(count)d accounts changed.", len(changed)
        )
        self.message_user(request, message % {"count": len(changed)})

    # --- Tokens: shown only on the page that answers the POST of a person who may see them

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<int:account_id>/rotate/", self._view(tokens.rotate), name="rotate_token"),
            path("<int:account_id>/self-test/", self._view(self_tests.run), name="self_test"),
            path("<int:account_id>/reveal/", self._view(tokens.reveal), name="reveal_token"),
            *super().get_urls(),
        ]

    def _view(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        return self.admin_site.admin_view(partial(view, self.admin_site))
