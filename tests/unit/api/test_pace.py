import pytest

from imagesvc.api.pace import Pace, TooSlow


def test_who_is_too_slow_for_too_long_is_cut_off():
    pace = Pace(1000)
    pace.account(29, 10)
    with pytest.raises(TooSlow, match="29989 bytes in 30 s"):
        pace.account(1, 29_979)


def test_each_while_counts_by_itself():
    pace = Pace(1000)
    pace.account(30, 100_000_000)
    pace.account(29, 0)
    with pytest.raises(TooSlow):
        pace.account(1, 29_999)


def test_fast_enough_for_ever():
    pace = Pace(1000)
    for _ in range(1000):
        pace.account(1, 1000)


def test_bytes_that_were_not_waited_for_are_never_too_few():
    pace = Pace(1 << 40)
    for _ in range(1000):
        pace.account(0, 1)
