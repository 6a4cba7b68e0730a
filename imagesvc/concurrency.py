"""How plain blocking code leaves the server's event loop, where there is one.

Code that hashes, waits for disks or starts threads takes an :class:`Offload` in its constructor.  Under glance-api's own
server that is a subclass (:mod:`imagesvc.api.server`) which reaches native threads from green ones; everywhere else
(glance-registry, other WSGI servers, unit tests) it is :data:`DIRECT`, because the caller is a native thread already.

Native threads and green code talk through ``_queue.SimpleQueue`` (the C type, which monkey-patching does not
replace) towards the native side and through bytes on a socketpair towards the green side: a green thread must never
block on a lock or queue that a native thread releases.
"""

import threading
from _queue import SimpleQueue as SimpleQueue
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Offload:
    """Runs callables off the hub; this one has no hub to leave."""

    def __call__(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``fn`` where it may block or burn CPU, wait for it, and return or raise what it does."""
        return fn(*args, **kwargs)

    def start(self, target: Callable[..., object], /, *args: object) -> None:
        """Run ``target`` on a native daemon thread of its own and do not wait."""
        threading.Thread(target=target, args=args, daemon=True, name=getattr(target, "__qualname__", None)).start()


#: For code that runs on native threads already.
DIRECT = Offload()
