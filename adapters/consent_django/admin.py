"""The ledger in Django's admin: to search, filter, read and export, and never to change."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from consent_middleware.export import COLUMNS, as_row, utc

from .conf import ledger_alias
from .models import Choice, ShownForm

if TYPE_CHECKING:
    _ChoiceAdmin = admin.ModelAdmin[Choice]
else:
    _ChoiceAdmin = admin.ModelAdmin  # is generic in its stubs alone

_DAY = 86400
_DAYS = 31
_AT_ONCE = 1000


class DayFilter(admin.SimpleListFilter):
    """The days (UTC) on which anybody chose, the last of them first; any other can be written into the address."""

    title = "day"
    parameter_name = "day"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        choices = model_admin.get_queryset(request).order_by()
        numbers = choices.annotate(day=F("decided_at") / _DAY).values_list("day", flat=True).distinct()
        days = [_day(number) for number in numbers.order_by("-day")[:_DAYS]]
        return [(day, day) for day in days]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Choice]) -> QuerySet[Choice]:
        if self.value() is None:
            return queryset
        try:
            begin = datetime.strptime(str(self.value()), "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            return queryset.none()
        end = begin + timedelta(days=1)
        return queryset.filter(decided_at__gte=begin.timestamp(), decided_at__lt=end.timestamp())


@admin.register(Choice)
class ChoiceAdmin(_ChoiceAdmin):
    """Every choice in the ledger that CONSENT["LEDGER"] keeps in a database of Django's; hidden where none is."""

    list_display = ("record_id", "state", "answers", "decided", "mechanism", "language", "host", "subject")
    list_filter = ("state", DayFilter, "host", "policy_version")
    search_fields = ("^record_id", "^subject")
    search_help_text = "A record or a visitor's pseudonym, or how one begins"
    show_full_result_count = False
    ordering = ("-decided_at",)
    actions = ("export_as_csv",)
    fields = (
        "record_id",
        "subject",
        "previous",
        "state",
        "answers",
        "decided",
        "expires",
        "mechanism",
        "source",
        "policy_version",
        "fingerprint",
        "what_was_shown",
        "language",
        "host",
        "gpc",
        "middleware_version",
    )
    readonly_fields = fields

    def has_module_permission(self, request: HttpRequest) -> bool:
        return ledger_alias() is not None and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Choice | None = None) -> bool:
        return ledger_alias() is not None and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Choice | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Choice | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Choice]:
        # An erased row holds nothing any more.
        return super().get_queryset(request).using(ledger_alias()).filter(record_id__isnull=False)

    def get_urls(self) -> list[URLPattern]:
        shown = path("shown/<slug:ui_hash>/", self.admin_site.admin_view(self.shown), name="consent_choice_shown")
        return [shown, *super().get_urls()]

    def shown(self, request: HttpRequest, ui_hash: str) -> HttpResponse:
        """Send a form as it was shown, octet by octet."""
        form = ShownForm.objects.using(ledger_alias()).filter(hash=ui_hash).first()
        if form is None or not self.has_view_permission(request):
            raise Http404
        # As HTML it would pass our own gate and whatever else rewrites pages, and would not be what was shown.
        return HttpResponse(
            bytes(form.document),
            content_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="shown-{form.hash[:12]}.html"'},
        )

    @admin.action(description="Export the selected choices as CSV", permissions=["view"])
    def export_as_csv(self, request: HttpRequest, queryset: QuerySet[Choice]) -> StreamingHttpResponse:
        """Send the columns that ``consent ledger export --format csv`` writes."""
        rows = (as_row(choice.as_record()) for choice in queryset.iterator(_AT_ONCE))
        return StreamingHttpResponse(
            _lines(rows),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="consent.csv"'},
        )

    @admin.display(description="answers")
    def answers(self, choice: Choice) -> str:
        given: dict[str, bool] = json.loads(choice.choices)
        return ", ".join(f"{name} {'yes' if granted else 'no'}" for name, granted in given.items())

    @admin.display(description="decided", ordering="decided_at")
    def decided(self, choice: Choice) -> str:
        return utc(choice.decided_at)

    @admin.display(description="valid until", ordering="expires_at")
    def expires(self, choice: Choice) -> str:
        return utc(choice.expires_at)

    @admin.display(description="what was shown")
    def what_was_shown(self, choice: Choice) -> str:
        if not choice.ui_hash:
            return "unknown"
        address = reverse(f"{self.admin_site.name}:consent_choice_shown", args=(choice.ui_hash,))
        return format_html('<a href="{}" download>{}</a>', address, choice.ui_hash)


class _Line:
    """Where csv writes what is sent at once."""

    def write(self, text: str) -> str:
        return text


def _lines(rows: Iterator[list[str]]) -> Iterator[str]:
    table = csv.writer(_Line(), lineterminator="\n")
    yield table.writerow(COLUMNS)
    for row in rows:
        yield table.writerow(row)


def _day(number: int) -> str:
    return datetime.fromtimestamp(number * _DAY, UTC).date().isoformat()
