"""Traces as a collector receives them."""

from pathlib import Path

from tests.collector import attributes, collector
from tests.service.running import running
from tests.service.waiting import until

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_request_is_a_span_of_the_caller_s_trace_with_its_stages_below_it(tmp_path: Path) -> None:
    with collector() as server:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        with running(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_BSP_SCHEDULE_DELAY="50") as service:
            client = service.ready()
            client.post("/v1/memories", json={"content": "Ada's pin is 1234"})
            trace = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
            client.post("/retrieve_memory", json={"query": "what is her pin?"}, headers=trace)
            until(lambda: any(span.trace_id.hex() == TRACE for span in server.spans))
            assert service.end() == 0
    spans = {span.name: span for span in server.spans}
    assert attributes(spans["POST /v1/memories"])["http.route"] == "/v1/memories"
    request = spans["POST /retrieve_memory"]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, CALLER)
    known = attributes(request)
    assert (known["http.route"], known["http.response.status_code"], known["memorybank.key"]) == (
        "/retrieve_memory",
        200,
        "default",
    )
    assert spans["search vectors"].parent_span_id == request.span_id
    assert "pin" not in str(server.spans)


def test_a_collector_that_is_not_there_hinders_nothing(tmp_path: Path) -> None:
    with running(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") as service:
        client = service.ready()
        assert client.post("/store_memory", json={"content": "Ada's pin is 1234"}).status_code == 200
        assert service.end() == 0
