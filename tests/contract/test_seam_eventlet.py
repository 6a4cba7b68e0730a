"""The seam's client under eventlet, in a process of its own because monkey-patching is for ever."""

import subprocess
import sys

from tests.contract.conftest import _ROOT

_CLIENT = """
import eventlet
eventlet.monkey_patch()

import sys
import time
from pathlib import Path
from eventlet import patcher
from imagesvc import exception
from imagesvc.rpc import transport
from tests.fixtures.rpc import make_conf, make_context

CALLS = 40
caller = transport.get_caller(make_conf(Path(sys.argv[1])))
native = patcher.original("threading")
assert native.active_count() == 1

# All calls are under way at once, or none of them returns.
pool = eventlet.GreenPool(CALLS)
gathered = [pool.spawn(caller.read, make_context(), "gather", "1.0", count=CALLS) for _ in range(CALLS)]
assert [call.wait() for call in gathered] == [CALLS] * CALLS

# Thousands in turn, over the connections made before.
def many(worker):
    for number in range(100):
        value = [worker, number]
        assert caller.read(make_context(), "echo", "1.0", value=value)["value"] == value
        assert caller.mutate(make_context(), "apply", "1.0", value=value) == {"value": value}
    return True
assert all(pool.imap(many, range(16)))

# A call that waits does not keep the others from running.
ticks = []
def tick():
    while True:
        ticks.append(time.monotonic())
        eventlet.sleep(0.01)
ticker = eventlet.spawn(tick)
waiting = eventlet.spawn(caller.read, make_context(), "apply_held", "1.0", value=1, started=sys.argv[2], go_on=sys.argv[3])
while len(ticks) < 20:
    eventlet.sleep(0.01)
assert not waiting.dead

# A call that is killed leaves nothing behind that a later one could take for its answer.
waiting.kill()
ticker.kill()
assert caller.read(make_context(), "echo", "1.0", value="after")["value"] == "after"

# An own deadline of eventlet's works too.
try:
    with eventlet.Timeout(0.05):
        caller.read(make_context(), "apply_held", "1.0", value=1, started=sys.argv[2], go_on=sys.argv[3])
except eventlet.Timeout:
    pass
assert caller.read(make_context(), "echo", "1.0", value="again")["value"] == "again"

hasty = transport.get_caller(make_conf(Path(sys.argv[1]), try_timeout=1, metadata_deadline=1))
try:
    hasty.read(make_context(), "apply_held", "1.0", value=1, started=sys.argv[2], go_on=sys.argv[3])
except exception.RegistryUnavailable:
    print("timed out")
assert native.active_count() == 1
caller.close()
print("done")
"""


def test_the_client_is_right_under_eventlet(registries):
    registries.start()
    arguments = [str(registries.state), str(registries.state / "started"), str(registries.state / "go_on")]
    client = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CLIENT, *arguments],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (registries.state / "go_on").touch()
    assert client.returncode == 0, client.stderr
    assert client.stdout.split("\n")[:2] == ["timed out", "done"]


def test_the_seam_patches_nothing_and_takes_the_threading_backend():
    code = (
        "import socket, threading; before = socket.socket, threading.Thread\n"
        "from imagesvc.rpc import rpcapi, transport\n"
        "from oslo_service import backend\n"
        "assert (socket.socket, threading.Thread) == before\n"
        "assert backend.get_backend_type() is backend.BackendType.THREADING\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
