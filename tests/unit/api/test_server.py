"""The way off the hub; the server itself runs in tests/contract/test_server_*.py."""

import subprocess
import sys

_SCRIPT = """
import warnings
warnings.simplefilter("ignore")
import eventlet
eventlet.monkey_patch()
import os
import time
from eventlet import patcher
from imagesvc import concurrency
from imagesvc.api import server

native = patcher.original("threading")
native_time = patcher.original("time")
offload = server.GreenOffload()
hub_thread = native.get_ident()


def test_calls_run_side_by_side_off_the_hub():
    begun, ended = [], []

    def call():
        begun.append(native.get_ident())
        while len(begun) < 4:
            native_time.sleep(0.001)
        return len(begun)

    threads = [eventlet.spawn(offload, call) for _ in range(4)]
    assert [thread.wait() for thread in threads] == [4] * 4
    assert len(set(begun) | {hub_thread}) == 5


def test_call_raises_what_it_raises():
    try:
        offload(divmod, 1, 0)
    except ZeroDivisionError:
        return
    raise AssertionError


def test_call_from_a_native_thread_stays_there():
    answers = concurrency.SimpleQueue()
    offload.start(lambda: answers.put((native.get_ident(), offload(native.get_ident))))
    own, called = answers.get(timeout=10)
    assert own == called != hub_thread


def test_native_threads_are_nicer_than_the_hub():
    before = niceness()
    nicer = server.GreenOffload(3)
    answers = concurrency.SimpleQueue()
    nicer.start(lambda: answers.put(niceness()))
    assert (answers.get(timeout=10), nicer(niceness), niceness()) == (before + 3, before + 3, before)


def niceness():
    return os.getpriority(os.PRIO_PROCESS, 0)


def test_hub_goes_on_while_a_call_blocks():
    ticks = []

    def tick():
        while True:
            ticks.append(1)
            time.sleep(0.001)

    ticker = eventlet.spawn(tick)
    count = offload(lambda: wait_for_ticks(ticks))
    ticker.kill()
    assert count >= 5


def wait_for_ticks(ticks):
    deadline = native_time.monotonic() + 10
    while len(ticks) < 5 and native_time.monotonic() < deadline:
        native_time.sleep(0.001)
    return len(ticks)


test_calls_run_side_by_side_off_the_hub()
test_call_raises_what_it_raises()
test_call_from_a_native_thread_stays_there()
test_native_threads_are_nicer_than_the_hub()
test_hub_goes_on_while_a_call_blocks()
print("ok")
"""

_ACCEPTED_AT_THE_END = """
import warnings
warnings.simplefilter("ignore")
import eventlet
eventlet.monkey_patch()
from eventlet import wsgi
from imagesvc.api import server


def end_soon():
    # Asked just before a connection is accepted: the server ends in the instant in which that connection is to begin.
    eventlet.spawn(serving.kill)
    return False


def answer(connection, _server):
    connection[2] = wsgi.STATE_REQUEST
    connection[1].sendall(b"ok\\n")


listener = eventlet.listen(("127.0.0.1", 0))
serving = eventlet.spawn(wsgi.server, server._Acceptor(listener, end_soon), None, protocol=answer, log_output=False)
with eventlet.Timeout(30):
    print(eventlet.connect(listener.getsockname()).recv(100).decode(), end="")
"""


def _output(script):
    """Of a process of its own, because patching cannot be undone."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout, done.stderr


def test_green_offload():
    out, errors = _output(_SCRIPT)
    assert out == "ok\n", errors


def test_a_connection_that_is_accepted_while_the_server_ends_is_served():
    out, errors = _output(_ACCEPTED_AT_THE_END)
    assert out == "ok\n", errors
