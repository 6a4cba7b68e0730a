"""Counts of connections in shared memory."""

import subprocess
import sys

from imagesvc.api.balance import Balance


def test_loaded_means_that_another_has_fewer():
    balance = Balance()
    balance.resize(3)
    for slot, count in enumerate([2, 1, 3]):
        balance.set(slot, count)
    assert [balance.is_loaded(slot) for slot in range(3)] == [True, False, True]


def test_workers_that_have_not_begun_or_are_no_more_do_not_count():
    balance = Balance()
    balance.resize(2)
    balance.set(0, 5)
    assert not balance.is_loaded(0)
    balance.set(1, 1)
    assert balance.is_loaded(0)
    balance.resize(1)
    assert not balance.is_loaded(0)


_FORKING = """
import os
from imagesvc.api.balance import Balance
balance = Balance()
balance.resize(2)
balance.set(0, 1)
pid = os.fork()
if pid == 0:
    balance.set(1, 0)
    os._exit(0)
os.waitpid(pid, 0)
print(balance.is_loaded(0))
"""


def test_counts_are_shared_with_forked_processes():
    # In a process of its own: this one may have threads, which do not survive a fork.
    done = subprocess.run([sys.executable, "-c", _FORKING], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
