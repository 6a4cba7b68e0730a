"""Priorities of threads; each test has a thread of its own, whose priority cannot be raised again."""

import os
import threading

import pytest

from imagesvc.api.priority import Lowered


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def in_thread(fn, *args, **kwargs):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(fn(*args, **kwargs)))
    thread.start()
    thread.join()
    return answers[0]


def test_thread_is_lowered_once_and_the_process_is_not():
    before = niceness()
    lowered = Lowered(2)
    assert in_thread(lambda: (lowered(niceness), lowered(niceness))) == (before + 2, before + 2)
    assert niceness() == before


def test_lowest_is_the_lowest_there_is():
    # Made in a thread that is nearly there already.
    assert in_thread(lambda: Lowered(18)(lambda: Lowered(19)(niceness))) == 19


def test_zero_changes_nothing():
    assert in_thread(Lowered(0), niceness) == niceness()


def test_arguments_results_and_errors_pass():
    assert in_thread(Lowered(0), int, "20", base=8) == 16
    with pytest.raises(ZeroDivisionError):
        Lowered(0)(divmod, 1, 0)


def test_who_may_not_be_lowered_works_all_the_same(monkeypatch):
    def refuse(*_args):
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    assert Lowered(5)(divmod, 7, 2) == (3, 1)
