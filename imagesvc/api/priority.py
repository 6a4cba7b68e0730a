"""How much CPU the threads that move image data get beside the one that answers everybody.

The kernel shares the CPUs among threads.  Each transfer has several that could use a whole one, so the event loop, which
needs little but at once, would wait for its turn behind all of them, for every step of every request.
"""

import contextlib
import os
from collections.abc import Callable
from typing import Any

_MOST = 19


class Lowered:
    """Runs callables at a lower priority than this process has when the instance is made.

    Linux knows the priority of every single thread.  It stays with the thread, because no unprivileged one may raise it
    again: run only what is on native threads that are there for this.

    :param niceness: steps below the process, 0 to 19; 0 changes nothing.
    """

    def __init__(self, niceness: int) -> None:
        # The 0 of these calls is the calling thread.
        self._value = min(os.getpriority(os.PRIO_PROCESS, 0) + niceness, _MOST)

    def __call__(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        # Whoever forbids this call gets slower answers, not failures.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, self._value)
        return fn(*args, **kwargs)
