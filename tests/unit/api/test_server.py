"""The way off the hub; the server itself runs in tests/contract/test_server_*.py."""

import subprocess
import sys

_SCRIPT = """
import warnings
warnings.simplefilter("ignore")
import eventlet
eventlet.monkey_patch()
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
test_hub_goes_on_while_a_call_blocks()
print("ok")
"""


def test_green_offload():
    # In a process of its own, because patching cannot be undone.
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "ok\n", done.stderr
