from __future__ import annotations

import pytest

from e2e.cluster.errors import ClusterError
from e2e.cluster.ports import HTTP_PORT, http_port, listen


def test_a_taken_port_is_one_sentence_with_its_remedy() -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ClusterError, match=rf"^Port {port} of 127\.0\.0\.1 is taken: .*{HTTP_PORT} to another port\.$"
        ):
            listen(port)


def test_the_port_is_80_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HTTP_PORT, raising=False)
    assert http_port() == 80
    monkeypatch.setenv(HTTP_PORT, "8080")
    assert http_port() == 8080


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1", "80.0"])
def test_what_is_no_port_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(HTTP_PORT, text)
    with pytest.raises(ClusterError, match="is no port"):
        http_port()
