import threading

import oslo_messaging as messaging
import pytest

from imagesvc.rpc.lanes import Lanes


@pytest.fixture
def lanes():
    made = Lanes(2)
    yield made
    made.close()


class _Blocked:
    """A call that goes on until it is told; ``ran`` says whether it began."""

    def __init__(self):
        self.go_on, self.ran = threading.Event(), threading.Event()

    def __call__(self):
        self.ran.set()
        assert self.go_on.wait(30)
        return "late"


def test_a_call_returns_and_raises_what_it_does(lanes):
    assert lanes.run(lambda: 7, 5) == 7
    with pytest.raises(KeyError, match="why"):
        lanes.run(lambda: {}["why"], 5)


def test_calls_in_turn_need_one_thread(lanes):
    names = {lanes.run(lambda: threading.current_thread().name, 5) for _ in range(20)}
    assert len(names) <= 2


def test_a_caller_stops_waiting_for_what_blocks(lanes):
    blocked = _Blocked()
    with pytest.raises(messaging.MessagingTimeout, match="does not take the message"):
        lanes.run(blocked, 0.01 if blocked.ran.is_set() else 0.2)
    assert lanes.run(lambda: "other lane", 5) == "other lane"
    blocked.go_on.set()


def test_nobody_waits_for_what_was_only_begun(lanes):
    blocked = _Blocked()
    lanes.begin(blocked)
    lanes.begin(lambda: {}["lost"])
    assert blocked.ran.wait(10)
    assert lanes.run(lambda: "other lane", 5) == "other lane"
    blocked.go_on.set()


def test_what_no_lane_took_in_time_never_runs(lanes):
    blocking = [_Blocked(), _Blocked()]
    for call in blocking:
        with pytest.raises(messaging.MessagingTimeout):
            lanes.run(call, 0.1)
    assert all(call.ran.wait(10) for call in blocking)
    third = _Blocked()
    with pytest.raises(messaging.MessagingTimeout, match="are blocked"):
        lanes.run(third, 0.05)
    for call in blocking:
        call.go_on.set()
    # Both lanes are free again, and have passed over the one that was given up.
    together = threading.Barrier(3)
    threads = [threading.Thread(target=lanes.run, args=(lambda: together.wait(10), 10)) for _ in range(2)]
    for thread in threads:
        thread.start()
    together.wait(10)
    for thread in threads:
        thread.join(10)
    assert not third.ran.is_set()


def test_no_more_calls_run_at_once_than_there_are_lanes(lanes):
    running, most, lock = [0], [0], threading.Lock()

    def call():
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        threading.Event().wait(0.001)
        with lock:
            running[0] -= 1

    threads = [threading.Thread(target=lanes.run, args=(call, 30)) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most[0] <= 2
