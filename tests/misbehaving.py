"""A web server on 127.0.0.1 that misbehaves in every way a download must survive; it keeps count of requests."""

from __future__ import annotations

import gzip
import io
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image


def jpeg(shade: int = 0, side: int = 40) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (side, side), (shade * 16 % 256, shade // 16 % 256, 99)).save(stream, "JPEG")
    return stream.getvalue()


class Server(ThreadingHTTPServer):
    """``asked`` counts requests by path; ``agents`` has the user agents seen. Stops when the test does."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler: type[BaseHTTPRequestHandler] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), handler or Handler)
        self.asked: Counter[str] = Counter()
        self.agents: set[str] = set()
        self.active = self.most_active = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def stop(self) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address) -> None:
        """Clients that hang up are what the tests are about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.asked[self.path] += 1
            self.server.agents.add(self.headers.get("User-Agent", ""))
            self.server.active += 1
            self.server.most_active = max(self.server.most_active, self.server.active)
        try:
            _, kind, *rest = self.path.split("/")
            getattr(self, f"do_{kind}", self.do_missing)(*rest)
        finally:
            with self.server.lock:
                self.server.active -= 1

    def send(
        self, content: bytes = b"", status: int = 200, length: int | None = None, **headers: str
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def do_image(self, number: str = "0", *_: str) -> None:
        self.send(jpeg(int(number)), Content_Type="image/jpeg", ETag=f'"{number}"')

    def do_missing(self, *_: str) -> None:
        self.send(b"no such page", 404)

    def do_mislabelled(self) -> None:
        self.send(jpeg(1), Content_Type="text/html")

    def do_html(self) -> None:
        self.send(b"<!DOCTYPE html><html>not found, sorry</html>", Content_Type="image/jpeg")

    def do_empty(self) -> None:
        self.send(b"", Content_Type="image/jpeg")

    def do_paused(self, number: str = "0") -> None:
        time.sleep(0.15)
        self.do_image(number)

    def do_stalled(self) -> None:
        self.send(jpeg()[:100], length=10_000)
        self.server.closing.wait(20)

    def do_dripping(self) -> None:
        self.send(jpeg()[:20], length=100_000)
        while not self.server.closing.wait(0.05):
            self.wfile.write(b"x")

    def do_truncated(self) -> None:
        self.send(jpeg()[:100], length=10_000)
        self.close_connection = True

    def do_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(jpeg())
        while not self.server.closing.is_set():
            self.wfile.write(b"x" * 65536)

    def do_huge(self) -> None:
        self.send(jpeg(), length=10 << 30)
        self.close_connection = True

    def do_loop(self, step: str = "0") -> None:
        self.send(status=302, Location=f"/loop/{int(step) + 1}")

    def do_moved(self, number: str = "0") -> None:
        self.send(status=301, Location=f"/image/{number}")

    def do_private(self) -> None:
        self.send(status=302, Location="http://169.254.169.254/latest/meta-data/")

    def do_elsewhere(self) -> None:
        self.send(status=302, Location="file:///etc/passwd")

    def do_busy(self, n_times: str = "1", *_: str) -> None:
        if self.server.asked[self.path] <= int(n_times):
            self.send(b"slow down", 429, Retry_After="1")
        else:
            self.do_image("7")

    def do_failing(self) -> None:
        self.send(b"oh no", 503)

    def do_bomb(self) -> None:
        bomb = gzip.compress(
            jpeg() + bytes(50 << 20), 1
        )  # fast, since a busy machine takes seconds for the best
        self.send(bomb, Content_Encoding="gzip", Content_Type="image/jpeg")

    def do_optedout(self) -> None:
        self.send(jpeg(), X_Robots_Tag="noindex, noai")

    def do_nonsense(self) -> None:
        self.wfile.write(b"\x00\x01\x02 this is not HTTP\r\n\r\n")
        self.close_connection = True
