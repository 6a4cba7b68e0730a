"""R17, R25: what tests/integration tries a few times, a thousand and ten thousand times."""

import pytest

from tests.integration import test_rabbit_forgery as forgery
from tests.integration import test_rabbit_link as links

pytest_plugins = ["tests.fixtures.rabbit_seam"]

captured, link = forgery.captured, links.link


@pytest.mark.timeout(3 * 3600)
def test_r17_a_link_cut_a_thousand_times_doubles_nothing(registries, link):
    links.cut_between_publish_and_confirmation(registries, link, 1000)


@pytest.mark.timeout(3600)
def test_r25_ten_thousand_unwelcome_messages_leave_nothing_behind(registries, wire, captured):
    forgery.send_unwelcome_messages(registries, wire, captured, 3334)
