import itertools

from imagesvc.registry.clock import JUMP_MS, REFRESH_SECONDS, Clock


class _Seconds:
    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now


def test_runs_by_the_hosts_clock_until_the_database_was_heard():
    seconds = _Seconds()
    clock = Clock(monotonic=seconds, wall=lambda: 1000.0)
    assert clock.is_stale()
    seconds.now += 2
    assert clock() == 1_002_000


def test_advances_with_the_monotonic_clock_from_what_the_database_said():
    seconds = _Seconds()
    clock = Clock(monotonic=seconds, wall=lambda: 1000.0)
    clock.observe(5_000_000)
    assert not clock.is_stale()
    seconds.now += 1.5
    assert clock() == 5_001_500
    seconds.now += REFRESH_SECONDS
    assert clock.is_stale()


def test_a_database_clock_that_was_set_is_noticed_but_not_the_first_look_or_drift():
    seconds = _Seconds()
    clock = Clock(monotonic=seconds, wall=lambda: 0.0)
    jumps = []
    for offset in (5_000_000, 5_000_000 + JUMP_MS // 2, 5_000_000 + 4 * JUMP_MS, -90_000_000, -90_000_000):
        clock.observe(int(seconds.now * 1000) + offset)
        jumps.append(clock.jumps)
    assert jumps == [0, 0, 1, 2, 2]


def test_is_the_same_for_everybody_who_asks_at_once():
    clock = Clock(monotonic=lambda: 7.0, wall=lambda: 7.0)
    assert len(set(itertools.islice(iter(clock, None), 5))) == 1
