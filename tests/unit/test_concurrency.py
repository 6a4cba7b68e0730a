"""The default offload: everything stays on, or starts as, native threads."""

import queue
import threading

import pytest

from imagesvc import concurrency


def test_direct_call_returns_in_the_calling_thread():
    assert concurrency.DIRECT(lambda a, b: (a, b, threading.get_ident()), 1, b=2) == (1, 2, threading.get_ident())


def test_direct_call_raises_what_the_callable_raises():
    with pytest.raises(ZeroDivisionError):
        concurrency.DIRECT(divmod, 1, 0)


def test_started_target_runs_on_a_daemon_thread_of_its_own():
    answers: concurrency.SimpleQueue = concurrency.SimpleQueue()
    concurrency.DIRECT.start(lambda word: answers.put((word, threading.current_thread())), "hello")
    word, thread = answers.get(timeout=10)
    assert word == "hello"
    assert thread is not threading.current_thread()
    assert thread.daemon


def test_simple_queue_is_the_c_type_that_monkey_patching_leaves_alone():
    assert concurrency.SimpleQueue.__module__ == "_queue"
    assert concurrency.SimpleQueue is queue.SimpleQueue
