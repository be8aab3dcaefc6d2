#!/usr/bin/env python3
"""Writes infrastructure/dashboards/ from the two tables below: Grafana, Prometheus alerts, CloudWatch.

Usage: dashboards.py            writes the files
       dashboards.py --check    exit 1 when a file is not what the tables say
Names of metrics are those of lq_service/telemetry/metric_list.h; tests/e2e/telemetry.test.mjs looks each of them up.
"""
import json
import pathlib
import sys

folder = pathlib.Path(__file__).resolve().parent.parent / "infrastructure/dashboards"
NAMESPACE = "LedgerQuest"
OF = '{tenant=~"$tenant",game=~"$game"}'


def rate(metric, by="tenant", of=OF):
    return f"sum by ({by}) (rate({metric}{of}[$__rate_interval]))"


def quantile(q, histogram):
    return f"histogram_quantile({q}, sum by (le, tenant) (rate({histogram}_bucket{OF}[$__rate_interval])))"


# One row a panel: group, title, unit, Prometheus queries {legend: query}, CloudWatch (metric, statistic) by tenant, or None.
PANELS = [
    ("Latency", "Acknowledged after (p50, p99)", "s", {"p50": 'lq_commit_seconds{quantile="0.5"}', "p99": 'lq_commit_seconds{quantile="0.99"}'}, ("CommitTimeP99", "Maximum")),
    ("Latency", "Acknowledged after, by tenant (p99)", "s", {"{{tenant}}": quantile(0.99, "lq_tenant_commit_seconds")}, None),
    ("Latency", "Group commit of the store (p50, p99)", "s", {"p50": 'lq_store_commit_seconds{quantile="0.5"}', "p99": 'lq_store_commit_seconds{quantile="0.99"}'}, None),
    ("Latency", "Waiting for the disk", "bytes", {"waiting": "lq_store_waiting_bytes"}, None),
    ("Frame rate", "Time of a tick (p50, p99)", "s", {"p50": 'lq_tick_seconds{quantile="0.5"}', "p99": 'lq_tick_seconds{quantile="0.99"}'}, ("FrameTimeP99", "Maximum")),
    ("Frame rate", "Time of a tick, by tenant (p99)", "s", {"{{tenant}}": quantile(0.99, "lq_tenant_tick_seconds")}, None),
    ("Frame rate", "Ticks a second and session", "hertz", {"{{tenant}}": f'{rate("lq_tenant_ticks_total")} / clamp_min(sum by (tenant) (lq_tenant_sessions_live{OF}), 1)'}, ("Ticks", "Sum")),
    ("Frame rate", "Late ticks a second", "ops", {"{{tenant}}": rate("lq_tenant_ticks_late_total"), "all": "rate(lq_ticks_late_total[$__rate_interval])"}, ("LateTicks", "Sum")),
    ("Frame rate", "Time of AI systems (p99)", "s", {"{{tenant}}": quantile(0.99, "lq_tenant_ai_think_seconds")}, ("AIThinkTime", "Average")),
    ("Frame rate", "Bodies that physics moves", "short", {"{{tenant}}": f"sum by (tenant) (lq_tenant_physics_bodies{OF})"}, ("PhysicsBodies", "Sum")),
    ("Errors", "Errors a second", "ops", {"{{tenant}}": rate("lq_tenant_errors_total")}, ("Errors", "Sum")),
    ("Errors", "Commands refused a second", "ops", {"{{tenant}}": rate("lq_tenant_commands_refused_total"), "above the rate": "rate(lq_rate_refused_total[$__rate_interval])"}, ("CommandsRefused", "Sum")),
    ("Errors", "HTTP answers by class", "reqps", {"{{class}}": rate("lq_http_responses_total", "class", "")}, None),
    ("Errors", "Commits that failed", "short", {"failed": "increase(lq_commits_failed_total[$__rate_interval])"}, None),
    ("Errors", "Connections closed by this side", "ops", {"{{reason}}": rate("lq_connections_closed_total", "reason", ""), "slow": "rate(lq_slow_closes_total[$__rate_interval])"}, None),
    ("Errors", "What telemetry itself lost", "ops", {"log lines": "rate(lq_log_dropped_total[$__rate_interval])", "spans dropped": "rate(lq_trace_spans_dropped_total[$__rate_interval])", "spans lost": "rate(lq_trace_spans_lost_total[$__rate_interval])"}, None),
    ("Load", "Clients", "short", {"{{tenant}}": f"sum by (tenant) (lq_tenant_connections{OF})", "all": "sum(lq_clients)"}, ("Connections", "Sum")),
    ("Load", "Sessions in memory", "short", {"{{tenant}}": f"sum by (tenant) (lq_tenant_sessions_live{OF})", "all": "sum(lq_sessions_live)"}, ("Sessions", "Sum")),
    ("Load", "Commands a second", "ops", {"{{tenant}}": rate("lq_tenant_commands_total")}, ("Commands", "Sum")),
    ("Load", "Events a second", "ops", {"{{tenant}}": rate("lq_tenant_events_total")}, ("Events", "Sum")),
    ("Load", "Bytes in and out", "Bps", {"{{tenant}} in": rate("lq_tenant_received_bytes_total"), "{{tenant}} out": rate("lq_tenant_sent_bytes_total")}, ("BytesOut", "Sum")),
    ("Cost", "Cost an hour", "short", {"{{tenant}}": f"sum by (tenant) (increase(lq_tenant_cost_total{OF}[1h]))"}, ("Cost", "Sum")),
    ("Cost", "Cores", "short", {"{{tenant}}": rate("lq_tenant_cpu_seconds_total")}, ("CpuTime", "Sum")),
    ("Cost", "Bytes stored", "bytes", {"{{tenant}}": f"sum by (tenant) (lq_tenant_stored_bytes{OF})"}, ("StoredBytes", "Sum")),
]

# One row an alarm: name, severity, for how long, Prometheus condition, what it means, what to do, and in CloudWatch: metric,
# statistic, seconds, threshold ("$Name" is a parameter with a default), periods; or None.
ALARMS = [
    ("CommitsFail", "critical", "0m", "increase(lq_commits_failed_total[5m]) > 0", "Slices cannot be committed", "look at the disk of the data folder and at the log; nothing acknowledged was lost", ("Errors", "Sum", 60, 0, 1)),
    ("CommitSlow", "warning", "5m", 'max by (instance) (lq_commit_seconds{quantile="0.99"}) > 0.05', "Commands are acknowledged after more than 50 ms (p99)", "look at the disk (lq bench) and at how many sessions this process has", ("CommitTimeP99", "Maximum", 60, 50, 5)),
    ("TickSlow", "warning", "5m", 'max by (instance) (lq_tick_seconds{quantile="0.99"}) > 0.0166', "A tick takes longer than a frame at 60 Hz (p99)", "find the system with lq session replay, or move sessions away", ("FrameTimeP99", "Maximum", 60, 16.6, 5)),
    ("TicksLate", "warning", "5m", "rate(lq_ticks_late_total[5m]) > 0.01 * rate(lq_ticks_total[5m])", "More than 1 % of the ticks are late", "this process has more sessions than its core can carry: start another", ("LateTicks", "Sum", 60, "$LateTicksAMinute", 5)),
    ("TenantErrors", "warning", "5m", "sum by (tenant) (rate(lq_tenant_errors_total[5m])) > 0.1", "A tenant's sessions fail", "look for its lines in the log", None),
    ("HttpErrors", "warning", "5m", 'sum(rate(lq_http_responses_total{class="5xx"}[5m])) > 0.01 * sum(rate(lq_http_requests_total[5m]))', "More than 1 % of the HTTP answers are 5xx", "look at the log; 503 is a limit, 500 a fault", None),
    ("CostHigh", "warning", "0m", "sum by (tenant) (increase(lq_tenant_cost_total[1h])) > 10", "A tenant cost more than 10 in an hour", "look at lq usage, and set it a budget", ("Cost", "Sum", 3600, "$CostAnHour", 1)),
    ("TelemetryLost", "info", "15m", "rate(lq_trace_spans_lost_total[15m]) > 0 or rate(lq_log_dropped_total[15m]) > 0", "Spans or log lines are lost", "is the collector there? which event floods the log?", None),
    ("Down", "critical", "1m", 'up{job="ledgerquest"} == 0', "A process does not answer", "look at its log; a restart resumes every session", None),
]
PARAMETERS = {"CostAnHour": (10, "alarm above this cost an hour"), "LateTicksAMinute": (60, "alarm above so many late ticks a minute")}


def grafana():
    panels, y, groups = [], 0, list(dict.fromkeys(p[0] for p in PANELS))
    for group in groups:
        panels.append({"id": len(panels) + 1, "type": "row", "title": group, "collapsed": False, "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}, "panels": []})
        y += 1
        rows = [p for p in PANELS if p[0] == group]
        for at, (_, title, unit, queries, _) in enumerate(rows):
            source = {"type": "prometheus", "uid": "${datasource}"}
            panels.append({
                "id": len(panels) + 1, "type": "timeseries", "title": title, "datasource": source,
                "gridPos": {"h": 8, "w": 8, "x": at % 3 * 8, "y": y + at // 3 * 8},
                "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": {"lineWidth": 1, "fillOpacity": 5, "showPoints": "never"}}, "overrides": []},
                "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}, "tooltip": {"mode": "multi", "sort": "desc"}},
                "targets": [{"refId": chr(ord("A") + i), "datasource": source, "expr": query, "legendFormat": legend, "range": True} for i, (legend, query) in enumerate(queries.items())],
            })
        y += (len(rows) + 2) // 3 * 8

    def choice(label):
        query = f"label_values(lq_tenant_commands_total, {label})"
        return {"name": label, "label": label.capitalize(), "type": "query", "datasource": {"type": "prometheus", "uid": "${datasource}"}, "definition": query,
                "query": {"query": query, "refId": f"variable-{label}"}, "includeAll": True, "allValue": ".*", "multi": True, "refresh": 2, "sort": 1,
                "current": {"text": ["All"], "value": ["$__all"]}}

    return {
        "uid": "ledgerquest", "id": None, "title": "LedgerQuest", "tags": ["ledgerquest"], "schemaVersion": 38, "version": 1, "editable": True, "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"}, "timezone": "browser", "graphTooltip": 1, "annotations": {"list": []}, "links": [],
        "templating": {"list": [{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1, "current": {}}, choice("tenant"), choice("game")]},
        "panels": panels,
    }


def alerts():
    lines = ["# Written by scripts/dashboards.py.", "groups:", "  - name: ledgerquest", "    rules:"]
    for name, severity, wait, condition, meaning, mend, _ in ALARMS:
        lines += [f"      - alert: LedgerQuest{name}", f"        expr: {json.dumps(condition)}", f"        for: {wait}", f"        labels: {{severity: {severity}}}",
                  f"        annotations: {{summary: {json.dumps(meaning)}, description: {json.dumps(mend)}}}"]
    return "\n".join(lines) + "\n"


def dashboard_body():
    widgets, shown = [], [p for p in PANELS if p[4]]
    for at, (group, title, _, _, (metric, statistic)) in enumerate(shown):
        search = f"SEARCH('{{{NAMESPACE},Tenant,Game}} MetricName=\"{metric}\"', '{statistic}', 60)"
        widgets.append({"type": "metric", "x": at % 3 * 8, "y": at // 3 * 6, "width": 8, "height": 6, "properties": {
            "title": f"{group}: {title if metric not in ('Ticks', 'Cost') else metric + ' a minute'}", "region": "${AWS::Region}", "view": "timeSeries", "stacked": False, "period": 60,
            "metrics": [[{"expression": search, "id": "tenants", "label": ""}], [NAMESPACE, metric, {"stat": statistic, "label": "all", "id": "all"}]]}})
    return {"start": "-PT3H", "widgets": widgets}


def cloudwatch():
    resources = {"Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardName": {"Fn::Sub": "${AWS::StackName}"}, "DashboardBody": {"Fn::Sub": json.dumps(dashboard_body())}}}}
    for name, _, _, _, meaning, mend, cloud in ALARMS:
        if not cloud:
            continue
        metric, statistic, seconds, threshold, periods = cloud
        resources[f"{name}Alarm"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": {
            "AlarmDescription": f"{meaning}. {mend[0].upper()}{mend[1:]}.", "Namespace": NAMESPACE, "MetricName": metric, "Statistic": statistic, "Period": seconds,
            "EvaluationPeriods": periods, "ComparisonOperator": "GreaterThanThreshold", "Threshold": {"Ref": threshold[1:]} if isinstance(threshold, str) else threshold,
            "TreatMissingData": "notBreaching", "AlarmActions": [{"Ref": "NotifyTopic"}]}}
    parameters = {"NotifyTopic": {"Type": "String", "Description": "ARN of the SNS topic that alarms go to"}}
    for name, (standard, text) in PARAMETERS.items():
        parameters[name] = {"Type": "Number", "Default": standard, "Description": text}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Description": "LedgerQuest: a dashboard, and alarms for latency, frame rate, errors and cost", "Parameters": parameters, "Resources": resources}


def pretty(value):
    return json.dumps(value, indent=1) + "\n"


files = {"grafana.json": pretty(grafana()), "prometheus-alerts.yaml": alerts(), "cloudwatch.json": pretty(cloudwatch())}
stale = [name for name, text in files.items() if not (folder / name).exists() or (folder / name).read_text() != text]
if "--check" in sys.argv:
    for name in stale:
        print(f"dashboards: {folder / name} is not what scripts/dashboards.py writes: make dashboards", file=sys.stderr)
    sys.exit(bool(stale))
folder.mkdir(parents=True, exist_ok=True)
for name in stale:
    (folder / name).write_text(files[name])
print(f"dashboards: {len(PANELS)} panels, {len(ALARMS)} alarms, {len(files)} files in {folder.name}/")
