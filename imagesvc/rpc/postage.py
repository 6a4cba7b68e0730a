"""How a registry's answer gets into the caller's queue at the broker: soon, or not at all.

Nobody waits for the broker's confirmation, but they are counted: a queue that takes nothing, such as one without a leader,
would in the end have the broker read no more of this connection.  So only so many answers are on their way to one queue, and
who has another for it waits a little and gives up.  Who does not get his answer asks again, and is told what is written down.
"""

import collections
import threading
from typing import Any

import oslo_messaging as messaging

from imagesvc.rpc.link import Link

#: Answers on their way to one queue; above 32 the broker stops reading.
_MOST = 24


class Postage:
    """Publishes answers.

    :param seconds: that an answer waits for the connection, and for others to the same queue.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._room = threading.Condition()
        #: Queues by the numbers of messages that are not yet confirmed.
        self._sent: dict[int, str] = {}
        self._counts: collections.Counter[str] = collections.Counter()
        self._number = 0
        self._channel: Any = None

    def begin(self, channel: Any) -> None:
        """Have the broker confirm what is published on a new channel."""
        channel.events["basic_ack"].add(self.confirmed)
        channel.events["basic_nack"].add(self.confirmed)
        channel.confirm_select()
        with self._room:
            self._channel = channel

    def forget(self) -> None:
        """The channel is lost, and with it what was not confirmed."""
        with self._room:
            self._sent.clear()
            self._counts.clear()
            self._number = 0
            self._channel = None
            self._room.notify_all()

    def confirmed(self, number: int, multiple: bool) -> None:
        """The broker has message ``number``, or refuses it; if ``multiple``, those before, too."""
        with self._room:
            for sent in [one for one in self._sent if one <= number] if multiple else [number]:
                if (queue := self._sent.pop(sent, None)) is not None:
                    self._counts[queue] -= 1
                    if not self._counts[queue]:
                        del self._counts[queue]
            self._room.notify_all()

    def send(self, link: Link, queue: str, body: bytes, urgent: bool = False, **properties: Any) -> None:
        """Publish to a queue by its name.

        :param urgent: now or not at all.
        :raises MessageDeliveryFailure: the connection broke, or the queue takes nothing.
        :raises MessagingTimeout: there is no connection.
        """
        seconds = 0 if urgent else self._seconds
        channel = link.channel_within(seconds)
        with self._room:
            if not self._room.wait_for(lambda: self._counts[queue] < _MOST, seconds):
                raise messaging.MessageDeliveryFailure(f"queue {queue} takes no answers")
            if channel is not self._channel:
                raise messaging.MessageDeliveryFailure("the connection to the broker is lost")
            # Numbers count what is written to the channel, in that order.
            self._number += 1
            self._sent[self._number] = queue
            self._counts[queue] += 1
            link.publish(channel, "", queue, body, **properties)
