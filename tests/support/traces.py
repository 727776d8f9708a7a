"""A trace that began elsewhere, and what a traceparent says; what a gateway counts of its own spans."""

from prometheus_client.parser import text_string_to_metric_families

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PARENT_NOT_SAMPLED = PARENT[:-2] + "00"
TRACE_ID, PARENT_ID = PARENT.split("-")[1:3]


def ids(traceparent) -> tuple:
    """(trace id, span id, sampled)"""
    version, trace_id, span_id, flags = traceparent.split("-")
    assert (version, len(trace_id), len(span_id)) == ("00", 32, 16), traceparent
    return trace_id, span_id, flags == "01"


class SpanCounts:
    """What the gateway says about its spans."""

    def __init__(self, gateway):
        text = gateway.api.get("/metrics").text
        samples = [s for f in text_string_to_metric_families(text) for s in f.samples]

        def value(name, **labels):
            return next(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())

        self.exported = value("gateway_telemetry_spans_exported_total")
        self.failed = value("gateway_telemetry_spans_dropped_total", reason="export_failed")
        self.queue_full = value("gateway_telemetry_spans_dropped_total", reason="queue_full")
        self.queued = value("gateway_telemetry_queue_size")
        self.recorded = self.exported + self.failed + self.queue_full + self.queued  # but for those under way
        self.metrics_failed = value("gateway_telemetry_metric_exports_total", result="failed")
