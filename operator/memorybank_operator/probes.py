"""The operator's own health, over HTTP: /livez and /readyz.

Served by a thread of its own, so that it still answers (with 503) when the event loop hangs.
"""

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Check = Callable[[], str | None]
"""Says what is wrong, None: nothing."""


class HealthServer:
    """Answers each path by its check."""

    def __init__(self, port: int, checks: Mapping[str, Check]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                check = checks.get(self.path)
                wrong = "no such path" if check is None else check()
                self.send_response(404 if check is None else 503 if wrong else 200)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.end_headers()
                self.wfile.write(f"{wrong or 'ok'}\n".encode())

            def log_message(self, format: str, *args: object) -> None:
                """Probes are not logged."""

        self._server = ThreadingHTTPServer(("", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True, name="health")

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
