"""glance-api's side of RabbitMQ under eventlet: in a process of its own, because monkey-patching is for ever."""

import subprocess
import sys
import threading

from tests.contract.conftest import _ROOT, until

pytest_plugins = ["tests.fixtures.rabbit_seam"]

_CLIENT = """
import eventlet
eventlet.monkey_patch()

import os, sys, time
from pathlib import Path
from eventlet import patcher
from imagesvc import exception
from imagesvc.rpc import transport
from tests.fixtures.rpc import make_conf, make_context

CALLS = 20
caller = transport.get_caller(make_conf(Path(sys.argv[1]), try_timeout=2, metadata_deadline=4))
native = patcher.original("threading")
stop = Path(sys.argv[2])

pool = eventlet.GreenPool(CALLS)
patient = transport.get_caller(make_conf(Path(sys.argv[1]), try_timeout=60, metadata_deadline=60))
gathered = [pool.spawn(patient.read, make_context(), "gather", "1.0", count=CALLS) for _ in range(CALLS)]
assert [call.wait() for call in gathered] == [CALLS] * CALLS
patient.close()

# Seconds without those in which the process could have run and had no processor.
def clock():
    return time.monotonic() - int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9

# Nothing that happens at the broker makes the hub stand still.
stalls = [0.0]
def tick():
    last = clock()
    while True:
        eventlet.sleep(0.01)
        now = clock()
        stalls[0] = max(stalls[0], now - last)
        last = now
eventlet.spawn(tick)

longest, done, failed = [0.0], [], []
def work(worker):
    number = 0
    while not stop.exists():
        value, began = [worker, number], clock()
        number += 1
        try:
            assert caller.mutate(make_context(), "apply", "1.0", value=value) == {"value": value}
            if not len(done) % 10:
                print("done", flush=True)
            done.append(value)
        except exception.RegistryUnavailable:
            print("failed", flush=True)
            failed.append(value)
            eventlet.sleep(0.05)
        longest[0] = max(longest[0], clock() - began)
for thread in [pool.spawn(work, number) for number in range(8)]:
    thread.wait()
assert longest[0] < 8, longest
assert stalls[0] < 2, stalls
assert native.active_count() == 1
assert len(os.listdir("/proc/self/fd")) < 60
caller.close()
print("over", len(done), len(failed), flush=True)
"""


def test_the_client_is_right_under_eventlet_whatever_the_broker_does(broker, registries, tmp_path):
    registries.start()
    stop = tmp_path / "stop"
    command = [sys.executable, "-W", "ignore", "-c", _CLIENT, str(tmp_path / "callers"), str(stop)]
    with open(tmp_path / "client.log", "wb") as log:
        client = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(iter(client.stdout.readline, "")), daemon=True)
    reader.start()

    def say(word):
        seen = lines.count(word + "\n")
        try:
            until(lambda: lines.count(word + "\n") > seen + 1 or client.poll() is not None, 120)
        except AssertionError:
            raise AssertionError((tmp_path / "client.log").read_text()[-6000:] + registries.log[-6000:]) from None

    try:
        say("done")
        broker.freeze()
        say("failed")
        broker.thaw()
        say("done")
        broker.restart()
        say("done")
        stop.touch()
        assert client.wait(60) == 0, (tmp_path / "client.log").read_text()
        reader.join(60)
        assert lines[-1].startswith("over"), lines
    finally:
        broker.thaw()
        client.kill()
        client.wait()
        client.stdout.close()
