import threading

import pytest

from imagesvc import exception
from imagesvc.data.lease import Lease


class _Renewals:
    """Answers renewals one by one, the last answer for ever, and lets a test wait for them."""

    def __init__(self, *answers):
        self._answers = list(answers)
        self._count = 0
        self._changed = threading.Condition()

    def __call__(self):
        with self._changed:
            self._count += 1
            self._changed.notify_all()
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is not None:
            raise answer

    def wait_for(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: self._count >= count, 30)


def test_it_is_renewed_as_long_as_the_upload_lasts():
    renewals = _Renewals(None)
    with Lease(renewals, 0.03) as lease:
        renewals.wait_for(5)
        lease.check()


def test_nothing_is_renewed_before_a_third_has_passed():
    with Lease(_Renewals(AssertionError()), 3000) as lease:
        lease.check()
    assert lease._interval == 1000


def test_it_ends_with_the_upload():
    before = set(threading.enumerate())
    with Lease(_Renewals(None), 0.03):
        (thread,) = set(threading.enumerate()) - before
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("answer", [exception.RegistryUnavailable(), exception.DatabaseUnavailable(), ValueError()])
def test_an_absent_registry_does_not_stop_the_upload(answer):
    renewals = _Renewals(answer, answer, None)
    with Lease(renewals, 0.03) as lease:
        renewals.wait_for(4)
        lease.check()


@pytest.mark.parametrize(
    "answer",
    [exception.UploadFenced(upload_id="x"), exception.ImageGone(image_id="x"), exception.LimitExceeded("quota")],
)
def test_a_refusal_stops_the_upload(answer):
    renewals = _Renewals(answer)
    with Lease(renewals, 0.03) as lease:
        renewals.wait_for(1)
        _wait_until_refused(lease, type(answer))


def _wait_until_refused(lease, error):
    pause = threading.Event()
    for _ in range(1000):
        try:
            lease.check()
        except error:
            return
        pause.wait(0.01)
    pytest.fail("the refusal was not noticed")
