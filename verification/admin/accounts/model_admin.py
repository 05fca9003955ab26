"""Registers the admin of accounts: the list, the forms, the pages of one account."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.cache import patch_cache_control
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from verification import change_log
from verification.accounts.backends import DECRYPTION_IDS, describe_decrypted_ids
from verification.accounts.creation import create_account
from verification.accounts.editing import save_changes
from verification.accounts.rotation import current_secret
from verification.admin.accounts import (
    backends,
    cards,
    connect,
    delivery_actions,
    pausing,
    push_tests,
    self_tests,
)
from verification.admin.accounts.account_forms import FIELDS, AccountForm, AddAccountForm
from verification.admin.accounts.aes_keys import AES_KEYS
from verification.admin.accounts.changelist import (
    AccountChangeList,
    PlatformFilter,
    StatusFilter,
    has_several_platforms,
    refused_attempts_url,
    status_of,
    with_whole_dates,
)
from verification.admin.accounts.pending_reveals import redirect_to_secrets, take_pending_reveal
from verification.admin.accounts.tokens import TOKENS
from verification.admin.responses import ChangeLoggedMixin
from verification.auth.sessions import no_session_refresh
from verification.change_log import Action, actor_of
from verification.models import AESKey, OfficialAccount
from verification.models.platform_ids import describe_unusual_id
from verification.times import format_short, format_zone

if TYPE_CHECKING:
    AccountModelAdmin = admin.ModelAdmin[OfficialAccount]
else:
    AccountModelAdmin = admin.ModelAdmin


OPTIONAL: tuple[Any, Any] = (
    _("Optional"),
    {
        "fields": ["original_id", "notes"],
        "classes": ["collapse"],
        "description": _("For your own reference. This server never asks for AppSecret."),
    },
)


def without_field(fieldsets: Any, left_out: str) -> list[tuple[Any, Any]]:
    return [
        (name, {**options, "fields": [field for field in options["fields"] if field != left_out]})
        for name, options in fieldsets
    ]


@admin.register(OfficialAccount)
class OfficialAccountAdmin(ChangeLoggedMixin, AccountModelAdmin):
    list_display = ["name", "status", "server_path", "last_push", "refused"]
    list_filter = [StatusFilter, PlatformFilter]
    search_fields = ["name", "slug", "app_id", "suite_id", "original_id"]
    search_help_text = _("Name, slug, AppID, CorpID, SuiteID or original ID.")
    radio_fields = {"platform": admin.VERTICAL}
    sortable_by = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = ["pause", "resume"]
    add_fieldsets = [
        (
            None,
            {
                "fields": [
                    *("platform", "name", "slug", "app_id", "suite_id", "token_source", "token"),
                    *("aes_key_source", "aes_key", "answers_at_root"),
                ]
            },
        ),
        OPTIONAL,
    ]
    fieldsets = [(_("Settings"), {"fields": [*FIELDS]}), OPTIONAL]

    # --- The list

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AccountChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        context = {"title": _("Accounts"), "zone": format_zone()}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def get_list_display(self, request: HttpRequest) -> Any:
        if not has_several_platforms():
            return self.list_display
        name, *others = self.list_display
        return [name, "platform", *others]

    @admin.display(description=_("state"))
    def status(self, account: OfficialAccount) -> str:
        status = status_of(account)
        return format_html(
            '<span class="state">{} <span class="reason">{}</span></span>',
            render_to_string("admin/badge.html", {"level": status.level}),
            with_whole_dates(status.text),
        )

    @admin.display(description=_("server URL"))
    def server_path(self, account: OfficialAccount) -> str:
        return account.server_path

    @admin.display(description=_("last push"))
    def last_push(self, account: OfficialAccount) -> str:
        time = status_of(account).facts.last_push
        return format_short(time) if time else "–"

    @admin.display(description=_("refused in 24 h"))
    def refused(self, account: OfficialAccount) -> str:
        count = status_of(account).facts.refused_in_24_h
        if not count:
            return "0"
        return format_html('<a href="{}">{}</a>', refused_attempts_url(account), count)

    # --- Forms

    def get_fieldsets(self, request: HttpRequest, obj: OfficialAccount | None = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        if "platform" in self.get_readonly_fields(request, obj):
            return without_field(self.fieldsets, "original_id" if obj.is_wecom else "suite_id")
        return self.fieldsets

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        kwargs["form"] = AddAccountForm if obj is None else AccountForm
        return super().get_form(request, obj, change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: OfficialAccount | None = None) -> Any:
        """Return what is fixed: the slug once it was called, the platform once it was right."""
        if obj is None:
            return []
        fixed = {"slug": obj.was_called(), "platform": obj.has_accepted()}
        return [name for name, is_fixed in fixed.items() if is_fixed]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        account = context["original"]
        if account is None:
            context["show_save_and_continue"] = False
            return super().render_change_form(request, context, *args, **kwargs)
        pending = take_pending_reveal(request, account.pk)
        context["title"], context["subtitle"] = account.name, None
        context.update(cards.read_cards(request, account, pending))
        response = super().render_change_form(request, context, *args, **kwargs)
        if pending:
            patch_cache_control(response, no_transform=True)  # not compressed: see BREACH
        return response

    def change_log_query(self, row: OfficialAccount) -> dict[str, Any]:
        return {"account__id__exact": row.pk}

    # --- Saving, with a change event for each change

    def save_model(
        self, request: HttpRequest, obj: OfficialAccount, form: Any, change: bool
    ) -> None:
        actor = actor_of(request)
        if change:
            changed = save_changes(obj, form.cleaned_data, actor)
            if DECRYPTION_IDS.intersection(changed) and (warning := describe_decrypted_ids(obj)):
                messages.warning(request, warning)
        else:
            create_account(obj, form.chosen_secret(), actor, form.chosen_aes_key())
        warning = describe_unusual_id(obj.app_id, obj.platform)
        if warning and "app_id" in form.changed_data:
            messages.warning(request, warning)

    def response_add(
        self, request: HttpRequest, obj: OfficialAccount, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on to the account page, which shows the token once, and the key of a WeCom app."""
        token = obj.current_token
        assert token is not None  # save_model() has made it.
        added = _("%(account)s was added.") % {"account": obj}
        if "_addanother" in request.POST:
            added = format_html(
                '{} <a href="{}">{}</a>',
                added,
                reverse("admin:verification_officialaccount_add"),
                _("Add another account"),
            )
        messages.success(request, added)
        TOKENS.warn(request, obj, token)
        shown = {TOKENS.name: token.pk}
        if key := current_secret(AESKey, obj):
            shown[AES_KEYS.name] = key.pk
        return redirect_to_secrets(request, obj.pk, shown)

    def delete_model(self, request: HttpRequest, obj: OfficialAccount) -> None:
        actor, pk = actor_of(request), obj.pk
        super().delete_model(request, obj)
        change_log.record(
            Action.ACCOUNT_DELETED, actor, changed_accounts=[pk], name=obj.name, slug=obj.slug
        )

    # --- Permissions and actions

    def has_delete_permission(
        self, request: HttpRequest, obj: OfficialAccount | None = None
    ) -> bool:
        if obj is not None and obj.has_attempts():
            return False
        return super().has_delete_permission(request, obj)

    @admin.action(description=_("Pause the selected accounts"), permissions=["change"])
    def pause(self, request: HttpRequest, accounts: QuerySet[OfficialAccount]) -> HttpResponse:
        return pausing.PAUSE.ask(accounts)

    @admin.action(description=_("Resume the selected accounts"), permissions=["change"])
    def resume(self, request: HttpRequest, accounts: QuerySet[OfficialAccount]) -> HttpResponse:
        return pausing.RESUME.ask(accounts)

    # --- Further pages

    def get_urls(self) -> list[URLPattern]:
        return [
            *self._backend_urls(),
            path("pause/", self._view(pausing.PAUSE.confirm), name="pause_accounts"),
            path("resume/", self._view(pausing.RESUME.confirm), name="resume_accounts"),
            path(
                "<int:account_id>/live/",
                no_session_refresh(self._view(connect.live)),
                name="live_account",
            ),
            path(
                "<int:account_id>/cards/",
                no_session_refresh(self._view(cards.show)),
                name="account_cards",
            ),
            path("<int:account_id>/self-test/", self._view(self_tests.run), name="self_test"),
            path(
                "<int:account_id>/test-message/",
                self._view(push_tests.send),
                name="send_test_message",
            ),
            *TOKENS.urls(self._view),
            *AES_KEYS.urls(self._view),
            *super().get_urls(),
        ]

    def _backend_urls(self) -> list[URLPattern]:
        pages = [
            ("backend/", backends.set_, "set_backend"),
            ("backend/remove/", backends.remove, "remove_backend"),
            ("backend/reveal/", backends.reveal, "reveal_webhook_secret"),
            ("backend/rotate/", backends.rotate, "rotate_webhook_secret"),
            ("deliveries/retry/", delivery_actions.retry_all, "retry_deliveries"),
            ("deliveries/discard/", delivery_actions.discard_some, "discard_deliveries"),
        ]
        return [
            path(f"<int:account_id>/{route}", self._view(view), name=name)
            for route, view, name in pages
        ]

    def _view(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        return self.admin_site.admin_view(partial(view, self.admin_site))
