"""File bodies: sendfile, ranges, clients that are slow or leave, TLS."""

import contextlib
import hashlib
import os
import socket
import ssl
import subprocess
import threading

import psutil
import pytest
import requests

from tests.fixtures.daemons import wait_for
from tests.fixtures.http_server import read_all, read_head, served

SIZE = (5 << 20) + 4321


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "image"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    cert, key = directory / "cert.pem", directory / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


@pytest.fixture(scope="module", params=["plain", "tls"])
def service(request, tmp_path_factory, certificate):
    """A server's URL, and what to verify it with, for HTTP and for HTTPS."""
    directory = tmp_path_factory.mktemp("server")
    if request.param == "plain":
        with served(directory) as server:
            yield server, server.url, None
    else:
        with served(directory, cert_file=certificate[0], key_file=certificate[1]) as server:
            yield server, f"https://localhost:{server.port}", str(certificate[0])


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, SIZE), (1, SIZE - 1), (0, 0), (0, 1), (0, 4096), (0, 4097), (4095, 2), (1 << 20, 3 << 20), (SIZE - 1, 1)],
)
def test_file_and_every_part_of_it_arrives_exactly(service, image, offset, length):
    server, url, verify = service
    before = len(server.lines("closed"))
    with requests.Session() as session:
        for _ in range(2):
            answer = session.get(f"{url}/file?path={image}&offset={offset}&length={length}", verify=verify, timeout=30)
            assert answer.status_code == 200
            assert answer.content == image.read_bytes()[offset : offset + length]
    # The client has all of a file before the server has closed it.
    wait_for("closed files", lambda: server.lines("closed")[before:] == ["file True"] * 2)


def test_file_that_ends_early_breaks_the_connection(service, image):
    server, url, verify = service
    before = len(server.lines("closed"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{url}/file?path={image}&length={SIZE + 1}", verify=verify, timeout=30)
    wait_for("closed file", lambda: server.lines("closed")[before:] == ["file True"])


def test_head_sends_nothing_of_the_file_and_closes_it(service, image):
    server, url, verify = service
    before = len(server.lines("closed"))
    answer = requests.head(f"{url}/file?path={image}", verify=verify, timeout=30)
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.content == b""
    wait_for("closed file", lambda: server.lines("closed")[before:] == ["file True"])


def test_upload_arrives_whole(service, image):
    _, url, verify = service
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    with image.open("rb") as file:
        assert requests.put(f"{url}/discard?hash", data=file, verify=verify, timeout=30).text == f"{SIZE} {digest}"
    pieces = (image.read_bytes()[start : start + 70_000] for start in range(0, SIZE, 70_000))
    assert requests.put(f"{url}/discard?hash", data=pieces, verify=verify, timeout=30).text == f"{SIZE} {digest}"


def test_tls_says_so_and_refuses_old_versions_and_plain_text(service):
    server, url, verify = service
    if verify is None:
        assert "\nwsgi.url_scheme=http\n" in requests.get(f"{url}/environ", timeout=10).text + "\n"
        return
    text = requests.get(f"{url}/environ", verify=verify, timeout=10).text
    assert "HTTPS=on\n" in text
    assert text.endswith("wsgi.url_scheme=https")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with server.connect() as sock, pytest.raises(ssl.SSLError):
        context.wrap_socket(sock)
    assert server.exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""


def test_client_that_does_not_shake_hands_does_not_hold_up_others(tmp_path, certificate):
    with served(tmp_path, cert_file=certificate[0], key_file=certificate[1]) as server, server.connect():
        url = f"https://localhost:{server.port}/who"
        assert requests.get(url, verify=str(certificate[0]), timeout=10).status_code == 200


def test_tls_drains_like_plain_connections(tmp_path, certificate):
    with served(tmp_path, cert_file=certificate[0], key_file=certificate[1]) as server:
        context = ssl.create_default_context(cafile=str(certificate[0]))
        with contextlib.ExitStack() as stack:
            socks = [
                stack.enter_context(context.wrap_socket(server.connect(), server_hostname="localhost"))
                for _ in range(2)
            ]
            busy, idle = socks
            busy.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
            idle.sendall(b"GET /empty HTTP/1.1\r\nHost: x\r\n\r\n")
            for sock in socks:
                read_head(sock)
            server.process.terminate()
            assert read_all(idle) == b""
            server.release()
            assert read_all(busy).endswith(b"0\r\n\r\n")
        assert server.process.wait(15) == 0


def test_client_certificate_is_required_with_ca_file(tmp_path, certificate):
    cert, key = certificate
    with served(tmp_path, cert_file=cert, key_file=key, ca_file=cert) as server:
        url = f"https://localhost:{server.port}/who"
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(url, verify=str(cert), timeout=10)
        assert requests.get(url, verify=str(cert), cert=(str(cert), str(key)), timeout=10).status_code == 200


@pytest.mark.parametrize("options", [{"cert_file": "/nonexistent", "key_file": "/nonexistent"}, {"cert_file": "/x"}])
def test_unusable_certificate_is_said_clearly(tmp_path, options):
    with served(tmp_path, ready=False, **options) as server:
        assert server.process.wait(30) == 1
        assert "cert_file" in server.log
        assert "Traceback" not in server.log


# -- many and slow clients ---------------------------------------------------------------------------


@pytest.fixture
def sparse(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    return path


def test_clients_that_leave_leave_nothing_behind(tmp_path, sparse):
    with served(tmp_path) as server:
        (pid,) = server.workers()
        process = psutil.Process(pid)
        requests.get(f"{server.url}/file?path={sparse}&length=10000", timeout=30)
        descriptors = process.num_fds()
        for _ in range(100):
            with server.connect() as sock:
                sock.sendall(f"GET /file?path={sparse} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                sock.recv(100_000)
        wait_for("closed files", lambda: server.lines("closed").count("file True") == 101)
        wait_for("closed descriptors", lambda: process.num_fds() <= descriptors)
        assert "Traceback" not in server.log


def test_more_slow_readers_than_native_threads_starve_nobody(tmp_path, sparse):
    with served(tmp_path) as server, contextlib.ExitStack() as stack:
        for _ in range(150):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(f"GET /file?path={sparse} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert sock.recv(20).startswith(b"HTTP/1.1 200 OK")
        answer = requests.get(f"{server.url}/file?path={sparse}&length={200 << 20}", timeout=60)
        assert len(answer.content) == 200 << 20
        assert requests.get(f"{server.url}/who", timeout=10).status_code == 200
        (pid,) = server.workers()
        assert psutil.Process(pid).memory_info().rss < 250 << 20


def test_small_request_beside_downloads_and_uploads_is_answered(tmp_path, sparse):
    with served(tmp_path) as server:
        url = f"{server.url}/file?path={sparse}"
        end = threading.Event()

        def download():
            while not end.is_set():
                with requests.get(url, stream=True, timeout=30) as answer:
                    for _ in answer.iter_content(1 << 20):
                        if end.is_set():
                            break

        threads = [threading.Thread(target=download) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(50):
                assert requests.get(f"{server.url}/who", timeout=10).status_code == 200
        finally:
            end.set()
            for thread in threads:
                thread.join()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_memory_does_not_grow_with_the_body(tmp_path, framing):
    size, block = 1 << 30, bytes(1 << 20)
    with served(tmp_path) as server, server.connect() as sock:
        (pid,) = server.workers()
        process = psutil.Process(pid)
        requests.put(f"{server.url}/discard", data=bytes(8 << 20), timeout=30)
        before = process.memory_info().rss
        header = f"Content-Length: {size}" if framing == "length" else "Transfer-Encoding: chunked"
        sock.sendall(f"PUT /discard HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n\r\n".encode())
        highest = before
        for _ in range(size // len(block)):
            sock.sendall(block if framing == "length" else b"100000\r\n" + block + b"\r\n")
            highest = max(highest, process.memory_info().rss)
        sock.sendall(b"" if framing == "length" else b"0\r\n\r\n")
        assert b"\r\n\r\n%d " % size in read_all(sock)
        assert highest - before < 16 << 20
