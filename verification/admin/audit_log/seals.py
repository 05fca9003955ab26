from __future__ import annotations

from functools import partial

from django.contrib import admin
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from verification.admin.audit_log.integrity import integrity
from verification.admin.base import ReadOnlyAdmin
from verification.models import Seal


@admin.register(Seal)
class SealAdmin(ReadOnlyAdmin):
    list_display = ["number", "first_id", "count", "digest_hex"]
    search_fields = ["=id", "=first_id"]
    search_help_text = _("The number of a seal, or of the first attempt it covers.")
    fields = ["number", "first_id", "count", "version", "key_id", "digest_hex", "mac_hex"]

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(partial(integrity, self.admin_site))
        return [path("integrity/", page, name="integrity"), *super().get_urls()]

    @admin.display(description=_("number"))
    def number(self, seal: Seal) -> int:
        return seal.id

    @admin.display(description=_("digest"))
    def digest_hex(self, seal: Seal) -> str:
        return bytes(seal.digest).hex()

    @admin.display(description=_("MAC"))
    def mac_hex(self, seal: Seal) -> str:
        return bytes(seal.mac).hex()
