"""Calls that may block for as long as a broker likes, made by threads that nobody has to wait for.

A broker that is frozen or short of memory blocks whoever publishes for a minute and more, whatever timeout was asked for.
Here the asker stops waiting when its time is over; the thread and its connection come free when the broker lets them.
Under glance-api's server these threads are green ones, like everything that waits there.
"""

import queue
import threading
from collections.abc import Callable
from typing import Any

import oslo_messaging as messaging


class _Job:
    """One call, done or given up."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._taken = False
        self.over = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def take(self) -> bool:
        """Whether whoever asks first may have it: a lane to do it, or the asker to give it up before it began."""
        with self._lock:
            taken, self._taken = self._taken, True
            return not taken

    def do(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:  # noqa: BLE001 -- it is the asker's
            self.error = error
        self.over.set()


class Lanes:
    """At most ``most`` calls at a time, in threads started as they are needed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._queued = 0

    def run(self, call: Callable[[], Any], seconds: float) -> Any:
        """What ``call`` returns or raises.

        :raises MessagingTimeout: after ``seconds``; a call that has begun goes on.
        """
        job = _Job(call)
        self._provide()
        self._jobs.put(job)
        if not job.over.wait(seconds):
            if job.take():
                raise messaging.MessagingTimeout("all connections to the broker are blocked")
            if not job.over.is_set():
                raise messaging.MessagingTimeout("the broker does not take the message or gives no answer")
        if job.error is not None:
            raise job.error
        return job.result

    def begin(self, call: Callable[[], Any]) -> None:
        """Have ``call`` made when a lane is free, and wait for nothing; an error of its is lost."""
        self._provide()
        self._jobs.put(_Job(call))

    def close(self) -> None:
        """Let the threads end, as far as they are free."""
        for _ in range(self._threads):
            self._jobs.put(None)

    def _provide(self) -> None:
        """See that a thread will come for one more job."""
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._serve, daemon=True, name=f"rpc-lane-{self._threads}").start()
            else:
                self._queued += 1

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.take():
                job.do()
            del job  # an error keeps its frames, and they the connection
            with self._lock:
                if self._queued:
                    self._queued -= 1
                else:
                    self._idle += 1
