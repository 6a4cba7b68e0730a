"""The seam under malformed, unknown, huge and unwelcome messages: refused, and nothing else changes."""

import json
import os
import struct
import subprocess
import sys
import time

import pytest

from imagesvc import exception
from imagesvc.rpc import frames, rendezvous
from tests.contract.conftest import _ROOT, until
from tests.fixtures.rpc import make_context

MIB = 1024 * 1024


@pytest.fixture
def raw(registries):
    """A maker of bare connections to a running registry."""
    registries.start()
    directory = rendezvous.Directory(registries.sockets)
    [name] = directory.names("glance-registry")
    made = []

    def connect():
        connection = directory.connect(name)
        connection.settimeout(30)
        made.append(connection)
        return connection

    yield connect
    for connection in made:
        connection.close()
    directory.close()


def _is_closed(connection):
    try:
        return connection.recv(65536) == b""
    except ConnectionResetError:
        return True


def _request(method, **more):
    deadline = time.time_ns() // 1_000_000 + 10_000
    return {
        "msg_id": "1",
        "expires": time.monotonic() + 60,
        "ctxt": {"seam": {"op_id": None, "deadline": deadline}},
        "message": {"method": method, "args": {}, "version": "1.0"},
        **more,
    }


def _exchange(connection, request):
    connection.sendall(frames.encode(request, 64 * MIB))
    inbox = frames.Inbox(64 * MIB)
    while (answer := inbox.pop()) is None:
        data = connection.recv(65536)
        assert data, "the connection was closed"
        inbox.feed(data)
    return json.loads(answer["failure"]) if "failure" in answer else answer["reply"]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(struct.pack("!I", MIB + 1), id="over the limit"),
        pytest.param(b"\xff" * 64, id="absurd length"),
        pytest.param(struct.pack("!I", 7) + b"garbage", id="no JSON"),
        pytest.param(struct.pack("!I", 2) + b"[]", id="no object"),
        pytest.param(struct.pack("!I", 500_000) + b"[" * 500_000, id="deep"),
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", id="HTTP"),
        pytest.param(frames.encode({"expires": 1e18, "message": 5}, MIB), id="no message"),
    ],
)
def test_a_malformed_frame_closes_its_connection_only(registries, raw, data):
    caller = registries.caller()
    assert caller.read(make_context(), "echo", "1.0", value=1)
    bystander, bad = raw(), raw()
    bad.sendall(data)
    assert _is_closed(bad)
    assert _exchange(bystander, _request("ping"))["result"]
    assert caller.read(make_context(), "echo", "1.0", value=2)["value"] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"ctxt": None},
        {"ctxt": {}},
        {"ctxt": {"seam": {"deadline": "soon"}}},
        {"ctxt": {"seam": {"deadline": 10**400}}},
        {"ctxt": {"seam": {"deadline": 1, "op_id": {}}}},
        {"message": {}},
        {"message": {"method": None}},
        {"message": {"method": "ping"}},
        {"message": {"method": "ping", "args": [], "version": "1.0"}},
        {"message": {"method": "ping", "args": {"extra": 1}, "version": "1.0"}},
        {"message": {"method": "ping", "args": {}, "version": "x"}},
        {"message": {"method": "ping", "args": {}, "version": "9.0"}},
        {"message": {"method": "__init__", "args": {"effects": "/"}, "version": "1.0"}},
        {"message": {"method": "_commit", "args": {"value": 1}, "version": "1.0"}},
        {"message": {"method": "ping", "args": {}, "version": "1.0", "namespace": "x"}},
    ],
)
def test_a_wrong_message_gets_an_error_of_ours(registries, raw, change):
    failure = _exchange(raw(), _request("ping", **change))
    assert failure["module"] == "imagesvc.exception"
    assert failure["class"] in {"BadMessage", "Expired", "RegistryUnavailable"}
    assert "Traceback" not in failure["tb"][0]
    assert "Traceback" not in registries.log
    assert registries.effects == []


def test_thousands_of_bad_messages_leave_no_trace(registries, raw):
    caller = registries.caller()

    def abuse(rounds):
        connection = raw()
        for number in range(rounds):
            assert _exchange(connection, _request(f"unknown_{number}"))["class"] == "BadMessage"
        connection.close()
        for _ in range(rounds // 10):
            with raw() as malformed:
                malformed.sendall(struct.pack("!I", 3) + b"no!")
                assert _is_closed(malformed)
            with raw() as huge:
                huge.sendall(struct.pack("!I", MIB) + b"x" * 100_000)

    def health():
        return caller.read(make_context(), "health", "1.0")

    abuse(500)
    before = health()
    abuse(3000)
    until(lambda: health()["files"] <= before["files"])
    after = health()
    # Threads are started when all are busy, which on a loaded machine they may be; a leak would be one per message.
    assert after["threads"] <= before["threads"] + 10
    assert after["resident"] < before["resident"] + 8 * MIB
    assert caller.read(make_context(), "echo", "1.0", value=1)["value"] == 1


def test_a_request_over_the_limit_is_refused_here(registries):
    registries.start()
    caller = registries.caller()
    with pytest.raises(exception.RequestTooLarge):
        caller.mutate(make_context(), "apply", "1.0", value="x" * MIB)
    assert registries.effects == []
    almost = "x" * (MIB - 4096)
    assert caller.read(make_context(), "echo", "1.0", value=almost)["value"] == almost


def test_a_reply_over_the_limit_is_an_error_and_not_a_hang(registries):
    registries.start()
    caller = registries.caller()
    with pytest.raises(exception.ImageServiceError, match="larger than the limit of 8388608 bytes"):
        caller.read(make_context(), "pad", "1.0", size=8 * MIB)
    assert len(caller.read(make_context(), "pad", "1.0", size=8 * MIB - 4096)) == 8 * MIB - 4096


def test_a_failing_endpoint_tells_its_own_log_only(registries):
    registries.start()
    with pytest.raises(exception.ImageServiceError) as caught:
        registries.caller().read(make_context(), "stumble", "1.0")
    assert "secret" not in f"{caught.value} {caught.value!r} {caught.value.__cause__} {caught.value.kwargs}"
    assert registries.log.count("KeyError: 'secret'") == 1


@pytest.mark.parametrize("mode", [0o755, 0o707, 0o770])
def test_a_directory_open_to_others_is_used_by_neither_side(registries, mode):
    registries.start()
    registries.sockets.chmod(mode)
    with pytest.raises(exception.RegistryUnavailable):
        registries.caller().read(make_context(), "echo", "1.0", value=1)
    second = subprocess.run(
        [sys.executable, "-m", "tests.fixtures.rpc_server", str(registries.state)],
        cwd=_ROOT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert second.returncode != 0
    assert b"chmod 700" in second.stderr


def test_what_is_made_is_closed_to_others(registries):
    registries.start()
    assert registries.sockets.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in registries.sockets.iterdir()] == [0o600]


def test_a_deep_path_is_no_obstacle(registries):
    deep = registries.state / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    registries.state, registries.sockets = deep, deep / "rpc"
    process = registries.start()
    assert registries.caller().read(make_context(), "echo", "1.0", value=1)["pid"] == process.pid
    assert len(os.fsencode(registries.sockets)) > 108
