"""Threads that do jobs in the order they came; started as they are needed, and kept."""

import queue
import threading
from collections.abc import Callable

Job = Callable[[], object]


class Crew:
    """At most ``most`` jobs at a time.  A job raises nothing."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        #: Threads that wait, less the jobs that wait for them.
        self._spare = 0

    def put(self, job: Job) -> None:
        with self._lock:
            self._spare -= 1
            if self._spare < 0 and len(self._threads) < self._most:
                self._spare += 1
                thread = threading.Thread(target=self._serve, daemon=True, name=f"{self._name}-{len(self._threads)}")
                self._threads.append(thread)
                thread.start()
        self._jobs.put(job)

    def close(self) -> None:
        """Return when all jobs are done and the threads have ended; there must come no more."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # it keeps what it was about
            with self._lock:
                self._spare += 1
