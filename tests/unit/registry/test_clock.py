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


def test_an_answer_that_was_long_on_its_way_does_not_set_it_back():
    seconds = _Seconds()
    clock = Clock(monotonic=seconds, wall=lambda: 0.0)
    clock.observe(5_000_000)
    for stood_still_before, stood_still_after in ((10, 0), (0, 10), (4, 6)):
        asked, told = clock.monotonic(), clock()
        seconds.now += stood_still_before
        answer = told + stood_still_before * 1000
        seconds.now += stood_still_after
        clock.observe(answer, asked)
        assert clock() == told + 10_000
    assert clock.jumps == 0


def test_a_late_answer_still_tells_of_a_clock_that_was_set():
    seconds = _Seconds()
    clock = Clock(monotonic=seconds, wall=lambda: 0.0)
    clock.observe(5_000_000)
    asked = clock.monotonic()
    seconds.now += 10
    clock.observe(9_000_000, asked)
    assert clock() == 9_000_000
    assert clock.jumps == 1


def test_is_the_same_for_everybody_who_asks_at_once():
    clock = Clock(monotonic=lambda: 7.0, wall=lambda: 7.0)
    assert len(set(itertools.islice(iter(clock, None), 5))) == 1
