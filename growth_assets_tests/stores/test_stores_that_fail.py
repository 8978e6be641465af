"""A store that is not there, refuses, or is down: told at once, by the setting's name, without a secret."""

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from typer.testing import CliRunner

from growth_assets.cli import FAILED, WRONG, app


@pytest.fixture
def site(s3, tmp_path):
    """A data folder whose landing and warehouse are on S3, in buckets that nobody made."""
    (tmp_path / "site.toml").write_text(
        'hostnames = ["www.xx.com"]\nlanding = "s3://no-such-landing/logs"\nwarehouse = "s3://no-such-tables"\n'
    )
    return tmp_path


def said(site, *arguments):
    result = CliRunner().invoke(app, [*arguments, "--data", str(site)])
    assert "never-to-be-shown" not in result.output
    return result.exit_code, result.output


def test_a_missing_bucket(site, s3):
    code, text = said(site, "build")
    assert code == FAILED
    assert "landing = s3://no-such-landing/logs: there is no such bucket" in text
    s3.bucket("no-such-landing")
    code, text = said(site, "answers")
    assert code == FAILED
    assert "warehouse = s3://no-such-tables: there is no such bucket" in text


class Refusing(BaseHTTPRequestHandler):
    """An S3 server that knows nobody."""

    def do_GET(self):
        body = b"<Error><Code>InvalidAccessKeyId</Code><Message>The key is not in our records.</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def test_refused_credentials(site, monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        code, text = said(site, "build")
        server.shutdown()
    assert code == FAILED
    assert "landing = s3://no-such-landing/logs: the store refuses the credentials. Check AWS_ACCESS_KEY_ID" in text


def test_a_store_that_is_down(site, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        code, text = said(site, "answers")
    assert code == FAILED
    assert "landing = s3://no-such-landing/logs: the store does not answer (EndpointConnectionError)" in text
    assert "AWS_ENDPOINT_URL" in text


def test_simulate_writes_to_disk_alone(site):
    code, text = said(site, "simulate", "--days", "1")
    assert code == WRONG
    assert "landing is s3://no-such-landing/logs" in text
    assert not (site / "landing").exists()
