"""Bảng theo dõi: writes dashboard.json from the metrics that the services really have.

`python deploy/grafana/dashboard.py [--check]`. What a panel asks for follows from its metric's kind and labels; written
here are only the row, the title and the unit. A metric without a panel, or a panel without its metric, is an error.
"""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from hub_local.layout import SERVICES

FILE = Path(__file__).with_name("dashboard.json")
WIDTH, HEIGHT, COLUMNS = 8, 8, 3
Kind = Literal["gauge", "counter", "histogram"]
Json = dict[str, Any]


class Metric(NamedTuple):
    """A metric of the hub: its name without `_total` or `_bucket`, its labels, and what it means."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str


class Panel(NamedTuple):
    """How one metric is shown. `without`: labels that are added up, because a line for each would be too many."""

    metric: str
    title: str
    unit: str = "short"
    without: tuple[str, ...] = ()


ROWS: dict[str, tuple[Panel, ...]] = {
    "Cần người xử lý": (
        Panel("hub_stuck_dossiers", "Hồ sơ bị kẹt, theo bước còn thiếu"),
        Panel("hub_dead_letters_open", "Bản ghi bị từ chối chưa ai quyết định"),
        Panel("hub_lane_work_set_aside", "Việc gửi bị gác lại hoặc bị từ chối"),
        Panel("hub_lane_work_unknown", "Việc gửi chưa rõ kết cục"),
        Panel("hub_transfers_routing_failed", "Hồ sơ chưa xác định được cơ quan, chủ trì hay phối hợp"),
        Panel("hub_transfers_contradicted", "Hồ sơ có hai kết quả khác nhau"),
        Panel("hub_transfers_to_recall", "Hồ sơ đã dừng mà cơ quan còn giữ"),
        Panel("hub_transfers_to_recall_oldest_seconds", "Hồ sơ đã dừng mà cơ quan còn giữ: lâu nhất", "s"),
        Panel("hub_transfers_to_correct", "Hồ sơ đã đính chính mà cơ quan chưa được báo"),
        Panel("hub_callbacks_clocks_differ", "Tin cơ quan báo về lệch giờ, phải gửi lại"),
        Panel("hub_timeline_unsealed_seconds", "Dòng thời gian có bước chưa niêm phong mà không thêm dấu nào", "s"),
        Panel("hub_notify_dossiers", "Hồ sơ có thông báo đang chờ, hỏng hoặc không đến được"),
    ),
    "Trang tra cứu": (
        Panel("hub_look_ups", "Lượt tra cứu, theo kết cục: sai hay bị chặn nhiều là có người dò đoán", "ops"),
    ),
    "Tiến trình": (
        Panel("hub_process_ready", "Tiến trình sẵn sàng (1) hay chưa (0)"),
        Panel("hub_issuer_keys_age_seconds", "Tuổi của khóa lấy từ nơi cấp mã truy cập", "s"),
        Panel("hub_consumer_stopped", "Phân vùng ngừng đọc"),
        Panel("hub_consumer_lag_records", "Bản ghi chưa đọc", without=("partition",)),
    ),
    "Sự kiện": (
        Panel("hub_outbox_rows", "Sự kiện chưa gửi lên Kafka"),
        Panel("hub_outbox_oldest_seconds", "Tuổi của sự kiện chưa gửi lâu nhất", "s"),
        Panel("hub_events_relayed", "Sự kiện Kafka đã nhận", "ops"),
        Panel("hub_events_consumed", "Bản ghi đã đọc, theo kết cục", "ops"),
        Panel("hub_event_delay_seconds", "Từ khi ghi sự kiện đến khi xử lý", "s"),
        Panel("hub_dead_letters", "Bản ghi bị từ chối hẳn", "ops"),
        Panel("hub_waiting_records", "Bản ghi chờ dữ liệu tham chiếu"),
        Panel("hub_waiting_oldest_seconds", "Tuổi của bản ghi chờ lâu nhất", "s"),
    ),
    "Gửi ra bên ngoài": (
        Panel("hub_fact_to_effect_seconds", "Từ sự kiện đến khi bên ngoài nhận", "s"),
        Panel("hub_lane_circuit_open", "Làn đang ngắt"),
        Panel("hub_lane_work_due", "Việc phải gửi, theo làn"),
        Panel("hub_deliveries", "Lần gửi, theo kết cục", "ops"),
        Panel("hub_delivery_seconds", "Thời gian một lần gửi", "s"),
    ),
    "Thời hạn": (
        Panel("hub_timer_delay_seconds", "Đồng hồ báo trễ", "s"),
        Panel("hub_timer_oldest_seconds", "Đồng hồ đến giờ mà chưa báo", "s"),
        Panel("hub_sla_clocks", "Đồng hồ thời hạn, theo trạng thái"),
        Panel("hub_sla_dates_differing", "Ngày hẹn mà phép tính không xác nhận"),
        Panel("hub_sla_date_differences", "Ngày hẹn lệch mới phát hiện", "ops"),
    ),
}


def metrics() -> dict[str, Metric]:
    """Every metric of the hub, as the services' own modules register them."""
    for service in SERVICES:
        importlib.import_module(f"services.{service}.bootstrap")
    # The registry has no public way to tell a metric's labels before it has values.
    found = {metric for metric in REGISTRY._collector_to_names if isinstance(metric, MetricWrapperBase)}
    return {
        metric._name: Metric(metric._name, cast(Kind, metric._type), metric._labelnames, metric._documentation)
        for metric in sorted(found, key=lambda metric: metric._name)
        if metric._name.startswith("hub_")
    }


def mistakes(known: dict[str, Metric]) -> Iterator[str]:
    """What is wrong with the list above."""
    shown = [panel for panels in ROWS.values() for panel in panels]
    names = [panel.metric for panel in shown]
    yield from (f"{name} has no panel: add one to ROWS" for name in known.keys() - set(names))
    yield from (f"a panel shows {name}, which no service has" for name in set(names) - known.keys())
    yield from (f"{name} has two panels" for name in {name for name in names if names.count(name) > 1})
    for panel in shown:
        for label in set(panel.without) - set(known[panel.metric].labels if panel.metric in known else panel.without):
            yield f"{panel.metric} has no label {label}"


def targets(panel: Panel, metric: Metric) -> list[Json]:
    """What Prometheus is asked. Processes of a service that measure one table say the same: the largest holds."""
    labels = ("service", *(label for label in metric.labels if label not in panel.without))
    legend = " ".join(f"{{{{{label}}}}}" for label in labels)
    by = ", ".join(labels)
    match metric.kind:
        case "counter":
            return [_target(f"sum by ({by}) (rate({metric.name}_total[$__rate_interval]))", legend)]
        case "histogram":
            rate = f"sum by ({by}, le) (rate({metric.name}_bucket[$__rate_interval]))"
            return [_target(f"histogram_quantile({q}, {rate})", f"{legend} p{q * 100:g}") for q in (0.5, 0.99)]
        case "gauge" if metric.name == "hub_process_ready":
            return [_target(metric.name, "{{instance}}")]
        case "gauge":
            return [_target(f"{'sum' if panel.without else 'max'} by ({by}) ({metric.name})", legend)]


def _target(expression: str, legend: str) -> Json:
    return {"expr": expression, "legendFormat": legend}


def dashboard(known: dict[str, Metric]) -> Json:
    """The dashboard as Grafana imports it; the data source is chosen there."""
    return {
        "title": "Trục liên thông một cửa",
        "uid": "mot-cua-hub",
        "tags": ["mot-cua-hub"],
        "timezone": "Asia/Ho_Chi_Minh",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Nguồn số liệu", "type": "datasource", "query": "prometheus"}]
        },
        "panels": list(_panels(known)),
    }


def _panels(known: dict[str, Metric]) -> Iterator[Json]:
    top = number = 0
    for row, panels in ROWS.items():
        number += 1
        yield {"id": number, "type": "row", "title": row, "gridPos": {"x": 0, "y": top, "w": 24, "h": 1}, "panels": []}
        top += 1
        for place, panel in enumerate(panels):
            number += 1
            x, y = WIDTH * (place % COLUMNS), top + HEIGHT * (place // COLUMNS)
            yield _panel(number, panel, known[panel.metric], {"x": x, "y": y, "w": WIDTH, "h": HEIGHT})
        top += HEIGHT * -(-len(panels) // COLUMNS)


def _panel(number: int, panel: Panel, metric: Metric, place: Json) -> Json:
    source = {"type": "prometheus", "uid": "${source}"}
    asked = targets(panel, metric)
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": metric.meaning,
        "datasource": source,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [{"refId": "ABC"[n], "datasource": source, **target} for n, target in enumerate(asked)],
    }


def main(arguments: list[str]) -> int:
    """Writes the file, or with `--check` says whether it is what would be written."""
    known = metrics()
    wrong = list(mistakes(known))
    if not wrong:
        text = json.dumps(dashboard(known), ensure_ascii=False, indent=2) + "\n"
        if "--check" not in arguments:
            FILE.write_text(text)
        elif not FILE.exists() or FILE.read_text() != text:
            wrong = ["deploy/grafana/dashboard.json is stale: run make dashboard"]
    for line in sorted(wrong):
        print(f"dashboard: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
