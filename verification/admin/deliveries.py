"""Lists messages in the spool: where each stands, and never what it says or who wrote it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from verification.accounts.deliveries import (
    describe_next_attempt,
    describe_retried,
    discard,
    retry,
    with_earlier,
)
from verification.admin.accounts.deliveries import describe_end
from verification.admin.accounts.delivery_actions import describe_discarded
from verification.admin.base import ReadOnlyAdmin, may, moment_column
from verification.change_log import actor_of
from verification.models import Backend, Delivery
from verification.protocol.enums import DeliveryResult
from verification.relay.failures import advise, describe
from verification.times import format_short_with_seconds, format_zone

State = Delivery.State
#: Names of states in URLs.
STATES = {state.name.lower(): [state] for state in State}


class StateFilter(admin.SimpleListFilter):
    """Shows what is stored, unless another state is chosen."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        states = [(state.name.lower(), capfirst(state.label)) for state in State]
        return [*states, ("all", _("All"))]

    def choices(self, changelist: Any) -> Any:
        """Offer the default first, in place of Django's "All"."""
        _all, *others = super().choices(changelist)
        yield {**_all, "display": _("Waiting and dead letters")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        if self.value() == "all":
            return queryset
        return queryset.filter(state__in=STATES.get(str(self.value()), Delivery.STORED))


class ReasonFilter(admin.SimpleListFilter):
    title = gettext_lazy("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        field: Any = Delivery._meta.get_field("last_result")
        labels = dict(field.choices)
        present = Delivery.objects.filter(state__in=Delivery.STORED, last_result__isnull=False)
        found = present.order_by().values_list("last_result", flat=True).distinct()
        known = sorted(value for value in filter(None, found) if value in labels)
        return [(DeliveryResult(value).label, labels[value]) for value in known]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        results = [result for result in DeliveryResult if result.label == self.value()]
        return queryset.filter(last_result__in=results) if results else queryset


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    # Not `attempts`: it counts only those that say something about the message itself.
    list_display = ["arrived", "account", "state_name", "reason", "tried", "due", "bytes"]
    list_filter = [StateFilter, ReasonFilter, "account"]
    list_select_related = ["account__backend"]
    change_list_template = "admin/verification/delivery/change_list.html"
    actions = ["retry", "discard"]
    fields = [
        *("received", "account", "state_name", "last_attempt", "reason", "what_to_do"),
        *("due", "end", "settled", "bytes", "request_id", "identity"),
    ]

    received = moment_column("received_at", gettext_lazy("received"))
    last_attempt = moment_column("last_attempt_at", gettext_lazy("last attempt"))
    settled = moment_column("settled_at", gettext_lazy("stopped waiting"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields without a next attempt, if there will be none."""
        if obj is not None and obj.state != State.WAITING:
            return [name for name in self.fields if name != "due"]
        return self.fields

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {"zone": format_zone(), **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        # A page never needs what is encrypted.
        deliveries = super().get_queryset(request).select_related("account__backend")
        return with_earlier(deliveries).defer("payload")

    def title_of(self, row: Delivery) -> str:
        return _("Message {number} of {account}").format(number=row.pk, account=row.account)

    @admin.display(description=gettext_lazy("state"))
    def state_name(self, delivery: Delivery) -> str:
        return capfirst(str(State(delivery.state).label))

    @admin.display(description=gettext_lazy("reason"))
    def reason(self, delivery: Delivery) -> str:
        if delivery.last_result is None:
            return _("Not tried yet")
        return describe(DeliveryResult(delivery.last_result), delivery.last_status)

    @admin.display(description=gettext_lazy("what to do"))
    def what_to_do(self, delivery: Delivery) -> str:
        if delivery.last_result is None or delivery.state not in Delivery.STORED:
            return "–"
        backend: Backend | None = getattr(delivery.account, "backend", None)
        result = DeliveryResult(delivery.last_result)
        return advise(result, delivery.last_status, backend) or "–"

    # In the list, times are short; its last line names their zone.

    @admin.display(description=gettext_lazy("received"))
    def arrived(self, delivery: Delivery) -> str:
        return format_short_with_seconds(delivery.received_at)

    @admin.display(description=gettext_lazy("last attempt"))
    def tried(self, delivery: Delivery) -> str:
        moment = delivery.last_attempt_at
        return format_short_with_seconds(moment) if moment else self.get_empty_value_display()

    @admin.display(description=gettext_lazy("next attempt"))
    def due(self, delivery: Delivery) -> str:
        if delivery.state != State.WAITING:
            return self.get_empty_value_display()
        return describe_next_attempt(delivery, timezone.now())

    @admin.display(description="webhook-id")
    def identity(self, delivery: Delivery) -> str:
        """Show what the backend has in its log."""
        return delivery.webhook_id

    @admin.display(description=gettext_lazy("deleted at the latest"))
    def end(self, delivery: Delivery) -> str:
        if delivery.state not in Delivery.STORED:
            return "–"
        backend = Backend.objects.filter(account=delivery.account_id).first()
        return describe_end(delivery.received_at, backend)

    @admin.display(description=gettext_lazy("size"))
    def bytes(self, delivery: Delivery) -> str:
        return filesizeformat(delivery.size)

    # --- Actions

    def has_manage_permission(self, request: HttpRequest) -> bool:
        return may(request, "manage_delivery")

    @admin.action(description=gettext_lazy("Retry now"), permissions=["manage"])
    def retry(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
        accounts = [*deliveries.order_by().values_list("account", flat=True).distinct()]
        count = retry(deliveries, actor_of(request))
        messages.success(request, describe_retried(count, accounts, timezone.now()))

    @admin.action(description=gettext_lazy("Discard…"), permissions=["manage"])
    def discard(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> HttpResponse | None:
        """Ask for confirmation; the page posts the same action again, with "confirmed"."""
        if request.POST.get("confirmed"):
            messages.success(request, describe_discarded(discard(deliveries, actor_of(request))))
            return None
        stored = deliveries.filter(state__in=Delivery.STORED).order_by()
        counts = stored.values_list("account__name").annotate(Count("pk")).order_by("account__name")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Discard these messages?"),
            "opts": self.opts,
            "rows": [
                {
                    "account": name,
                    "text": ngettext("{count} message", "{count} messages", count).format(
                        count=f"{count:,}"
                    ),
                }
                for name, count in counts
            ],
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "checkbox": ACTION_CHECKBOX_NAME,
            "list_url": request.get_full_path(),
        }
        return TemplateResponse(
            request, "admin/verification/delivery/discard_selected.html", context
        )
