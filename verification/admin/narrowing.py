from __future__ import annotations

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest


class NarrowingChangeList(ChangeList):
    """Offers to show all only where a search or a filter leaves something out."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not (self.query or self.get_filters_params()):
            self.full_result_count = self.result_count
