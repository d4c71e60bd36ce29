"""A server of buckets on this machine (moto), for tests of stores on S3."""

import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def serve() -> Iterator[str]:
    """Run a server inside the block; give its address. Without moto the test is skipped."""
    pytest.importorskip("obstore", reason="needs obstore")
    moto = pytest.importorskip("moto.server", reason="needs moto")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def make_bucket(
    endpoint: str, name: str, mirrors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Make a bucket, and have commands of this process find it; `mirrors` is for copies."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("VARHOUSE_MIRRORS", str(mirrors))
    request = urllib.request.Request(f"{endpoint}/{name}", method="PUT")
    urllib.request.urlopen(request).read()
