import time

from imagesvc.rpc import patience


def test_the_clock_starts_as_this_hosts():
    assert abs(patience.RegistryClock().now_ms() - time.time() * 1000) < 1000


def test_the_clock_follows_the_registrys():
    clock = patience.RegistryClock()
    now = time.monotonic()
    clock.learn(1_000_000, now, now)
    assert 1_000_000 <= clock.now_ms() < 1_010_000


def test_a_slow_reply_does_not_spoil_a_good_estimate():
    clock = patience.RegistryClock()
    now = time.monotonic()
    clock.learn(1_000_000, now, now)
    before = clock._offset_ms
    # The registry said 1,000,500 at some time between 0 and 20 s later: nothing new.
    clock.learn(1_000_500, now, now + 20)
    assert clock._offset_ms == before


def test_an_impossible_estimate_moves_to_the_nearest_possible_one():
    clock = patience.RegistryClock()
    clock.learn(1_000_000, 100.0, 100.0)
    clock.learn(1_000_000 + 60_000, 101.0, 102.0)
    assert clock._offset_ms == 1_060_000 - 102_000
    clock.learn(1_000_000 - 60_000, 103.0, 104.0)
    assert clock._offset_ms == 940_000 - 103_000


class _Probe:
    def __init__(self, answer):
        self.answer = answer
        self.count = 0

    def __call__(self):
        self.count += 1
        return self.answer


def _open_breaker(probe, interval=1000.0):
    breaker = patience.Breaker(probe, threshold=3, interval=interval)
    for _ in range(3):
        assert breaker.allows()
        breaker.exhausted(time.monotonic())
    return breaker


def test_the_breaker_opens_after_three_failures_in_a_row():
    probe = _Probe(answer=False)
    breaker = _open_breaker(probe)
    assert not breaker.allows()
    assert probe.count == 0


def test_any_answer_starts_the_count_again():
    breaker = patience.Breaker(_Probe(answer=False), threshold=3)
    for _ in range(5):
        breaker.exhausted(time.monotonic())
        breaker.exhausted(time.monotonic())
        breaker.succeeded()
    assert breaker.allows()


def test_who_waits_in_vain_while_others_are_answered_does_not_count():
    breaker = patience.Breaker(_Probe(answer=False), threshold=3)
    began = time.monotonic()
    breaker.succeeded()
    for _ in range(200):
        breaker.exhausted(began)
    assert breaker.allows()


def test_an_open_breaker_probes_once_an_interval():
    probe = _Probe(answer=False)
    breaker = _open_breaker(probe, interval=0.0)
    assert not breaker.allows()
    assert probe.count == 1
    breaker._interval = 1000.0
    assert not breaker.allows()
    assert not breaker.allows()
    assert probe.count == 2


def test_a_sign_of_life_closes_the_breaker():
    probe = _Probe(answer=True)
    breaker = _open_breaker(probe, interval=0.0)
    assert breaker.allows()
    assert breaker.allows()
    assert probe.count == 1
