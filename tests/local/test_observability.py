"""Theo dõi: dashboard, alerts and their pages speak of what the services really measure."""

import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import promql_parser
import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "deploy" / "runbooks"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.py"
OF_PROMETHEUS = {"up": {"job", "instance"}}
GIVEN_BY_PROMETHEUS = {"job", "instance", "service", "role"}
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
MUST_RING = {
    "HubOutboxNotDrained",
    "HubConsumerStopped",
    "HubConsumerLagging",
    "HubLaneOpen",
    "HubDeadLetters",
    "HubWaitingTooLong",
    "HubDossiersStuck",
    "HubTimersLate",
    "HubProcessNotReady",
    "HubFactToEffectSlow",
}
"""What an operator needs at least."""
RULES: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"][0]["rules"]
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """The script that writes the dashboard; it stands in no package."""
    spec = importlib.util.spec_from_file_location("dashboard", DASHBOARD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def series(generator: ModuleType) -> dict[str, set[str]]:
    """Every series that Prometheus can find, with its labels."""
    found = {name: set(labels) for name, labels in OF_PROMETHEUS.items()}
    for metric in generator.metrics().values():
        for suffix in SUFFIXES[metric.kind]:
            extra = {"le"} if suffix == "_bucket" else set()
            found[metric.name + suffix] = {*metric.labels, *extra}
    return found


def nodes(node: Any) -> Iterator[Any]:
    """A PromQL expression and all within it."""
    yield node
    for part in ("lhs", "rhs", "expr", "param", "vector_selector", "args"):
        inner = getattr(node, part, None)
        for one in inner if isinstance(inner, list) else [inner]:
            if one is not None:
                yield from nodes(one)


def mistakes(expression: str, series: Mapping[str, set[str]]) -> list[str]:
    """What an expression names that there is not."""
    parts = list(nodes(promql_parser.parse(expression)))
    selectors = [part for part in parts if isinstance(part, promql_parser.VectorSelector)]
    names = {str(selector.name) for selector in selectors}
    known = {label for name in names for label in series.get(name, ())} | GIVEN_BY_PROMETHEUS
    asked = {matcher.name for selector in selectors for matcher in selector.matchers.matchers}
    for part in parts:
        if isinstance(part, promql_parser.AggregateExpr) and part.modifier is not None:
            asked |= set(part.modifier.labels)
    unknown = [f"no metric {name}" for name in sorted(names - series.keys())]
    return unknown + [f"no label {label}" for label in sorted(asked - known)]


def test_a_mistake_in_an_expression_is_found(series: dict[str, set[str]]) -> None:
    wrong = 'sum by (lane, colour) (rate(hub_deliveries_totals{shape="x"}[5m])) / on() hub_outbox_rows'
    assert mistakes(wrong, series) == [
        "no metric hub_deliveries_totals", "no label colour", "no label lane", "no label shape"
    ]  # fmt: skip
    assert mistakes("sum by (lane) (rate(hub_deliveries_total[5m]))", series) == []
    with pytest.raises(ValueError, match="parenthesis"):
        promql_parser.parse("sum by (lane (x)")


# The dashboard


def test_every_metric_has_a_panel_and_every_panel_a_metric(generator: ModuleType) -> None:
    assert list(generator.mistakes(generator.metrics())) == []


def test_the_dashboard_is_what_the_metrics_say_now(generator: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert (generator.main(["--check"]), capsys.readouterr().err) == (0, "")


def test_missing_and_strange_panels_are_named(generator: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = (generator.Panel("hub_weather", "Thời tiết"), generator.Panel("hub_outbox_rows", "Hai", without=("x",)))
    monkeypatch.setitem(generator.ROWS, "Khác", strange)
    left_out = generator.ROWS["Thời hạn"][1:]
    monkeypatch.setitem(generator.ROWS, "Thời hạn", left_out)
    assert sorted(generator.mistakes(generator.metrics())) == [
        "a panel shows hub_weather, which no service has",
        "hub_outbox_rows has no label x",
        "hub_outbox_rows has two panels",
        "hub_timer_delay_seconds has no panel: add one to ROWS",
    ]


def test_a_stale_dashboard_is_refused(
    generator: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "dashboard.json"
    stale.write_text(generator.FILE.read_text().replace("p99", "p98"))
    monkeypatch.setattr(generator, "FILE", stale)
    assert generator.main(["--check"]) == 1
    assert "make dashboard" in capsys.readouterr().err


def test_every_panel_asks_for_what_there_is(series: dict[str, set[str]]) -> None:
    panels = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert {expression: wrong for expression in asked if (wrong := mistakes(_with_range(expression), series))} == {}
    assert len({panel["id"] for panel in panels}) == len(panels)


def _with_range(expression: str) -> str:
    """Grafana puts the range in."""
    return expression.replace("$__rate_interval", "5m")


# Alerts


@each_rule
def test_an_alert_names_metrics_and_labels_that_exist(rule: dict[str, Any], series: dict[str, set[str]]) -> None:
    assert mistakes(rule["expr"], series) == []


def missing_first_increments(rule: Mapping[str, Any]) -> list[str]:
    """Counters of whose first increment the rule would hear nothing: it makes the series, and no increase of it.

    `(m unless m offset …)` beside `increase(m[…])` hears it; what must last longer than the window needs no first.
    """
    found = re.findall(r"\b(i?rate|increase|i?delta)\((\w+)(?:\{[^}]*\})?\[(\d+)m\]\)", rule["expr"])
    lasts = int(rule.get("for", "0m").removesuffix("m")) if found else 0
    return [
        metric
        for how, metric, window in found
        if f"({metric} unless {metric} offset {window}m) or {how}({metric}[{window}m])" not in rule["expr"]
        and lasts < int(window)
    ]


def test_an_alert_on_a_counter_that_would_not_hear_its_first_increment_is_found() -> None:
    deaf = "sum by (agency) (increase(hub_x_total[10m])) > 0"
    assert missing_first_increments({"expr": deaf}) == ["hub_x_total"]
    assert missing_first_increments({"expr": deaf, "for": "5m"}) == ["hub_x_total"]
    assert missing_first_increments({"expr": deaf, "for": "10m"}) == []


@each_rule
def test_an_alert_hears_the_first_increment_of_a_counter(rule: dict[str, Any]) -> None:
    calls = [part for part in nodes(promql_parser.parse(rule["expr"])) if isinstance(part, promql_parser.Call)]
    ranged = [call for call in calls if isinstance(call.args[0], promql_parser.MatrixSelector)]
    assert len(ranged) == len(re.findall(r"\[\d+m\]", rule["expr"])), "a range that is not looked at below"
    assert missing_first_increments(rule) == []


@each_rule
def test_an_alerts_summary_names_labels_that_it_has(rule: dict[str, Any]) -> None:
    used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    kept = [set(found.split(", ")) for found in re.findall(r"by \(([^)]+)\)", rule["expr"])]
    assert used <= (set.union(*kept) - {"le"} if kept else GIVEN_BY_PROMETHEUS)
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}


@each_rule
def test_an_alert_has_a_page_that_says_what_to_do(rule: dict[str, Any]) -> None:
    page = ROOT / rule["annotations"]["runbook_url"]
    assert page == RUNBOOKS / f"{rule['alert']}.md"
    text = page.read_text()
    assert re.match(rf"# .+ \({rule['alert']}\)\n", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["First look", "Likely causes", "What to do"]
    assert "**Call:** " in text


def test_each_alert_is_shown_silent_and_then_ringing_with_its_own_words() -> None:
    groups = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    shown = [test for group in groups for test in group["alert_rule_test"]]
    for rule in RULES:
        silent, ringing = (
            [test for test in shown if test["alertname"] == rule["alert"] and bool(test["exp_alerts"]) is rings]
            for rings in (False, True)
        )
        assert silent, f"{rule['alert']} is nowhere shown not to ring before its time"
        assert ringing, f"{rule['alert']} is nowhere shown to ring"
        for alert in (alert for test in ringing for alert in test["exp_alerts"]):
            assert alert["exp_labels"]["severity"] == rule["labels"]["severity"]
            assert alert["exp_annotations"]["runbook_url"] == rule["annotations"]["runbook_url"]


def test_rule_tests_feed_series_that_exist(series: dict[str, set[str]]) -> None:
    groups = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    fed = [one["series"] for group in groups for one in group["input_series"]]
    assert {one: wrong for one in fed if (wrong := mistakes(one, series))} == {}


def test_pages_and_alerts_are_the_same_and_none_that_is_needed_is_missing() -> None:
    alerts = [rule["alert"] for rule in RULES]
    assert sorted(alerts) == sorted(file.stem for file in RUNBOOKS.glob("*.md"))
    assert MUST_RING - set(alerts) == set()


def test_pages_name_metrics_that_exist(series: dict[str, set[str]], generator: ModuleType) -> None:
    known = series.keys() | generator.metrics().keys()
    for page in RUNBOOKS.glob("*.md"):
        assert set(re.findall(r"`(hub_\w+)`", page.read_text())) - known == set(), page.name


def test_prometheus_asks_every_process_of_the_compose_file() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    roles = re.compile(r"services\.(\w+)\.entrypoints\.(\w+)")
    wanted = set()
    for name, container in compose.items():
        if found := roles.fullmatch(str(container.get("command", [""])[-1])):
            service, role = found.groups()
            port = container["environment"][f"{service.upper()}_PROBE_PORT"]
            wanted.add((f"{name}:{port}", service, role))
    (job,) = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    asked = {
        (target, group["labels"]["service"], group["labels"]["role"])
        for group in job["static_configs"]
        for target in group["targets"]
    }
    assert asked == wanted


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here; expressions are parsed above")
@pytest.mark.parametrize(
    "check", ["check config prometheus.yml", "check rules alerts.yml", "test rules alerts_test.yml"]
)
def test_promtool_agrees(check: str) -> None:
    done = subprocess.run(["promtool", *check.split()], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
