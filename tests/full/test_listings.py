"""Glance and this service list the same images in the same order: both on one database, asked thousands of questions."""

import itertools
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.fixtures import listings, peer, peer_catalogue, servers
from tests.fixtures.daemons import deployed
from tests.fixtures.peer_database import Shared

pytestmark = pytest.mark.timeout(3600)

IMAGES, REQUESTS, WALKS = 120, 3000, 100
SEED = 20_261_128


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """(Glance, this service, the images) on one MariaDB."""
    directory = tmp_path_factory.mktemp("listings")
    with servers.started(servers.MariaDB) as server, peer_catalogue.web_file() as web:
        database = Shared.make(server)
        glance = peer.Peer(directory / "glance", peer.shared_options(directory, database.url, web))
        glance.manage("db", "sync")
        with glance.running():
            images = listings.fill(glance.url, IMAGES, SEED)
            (directory / "ours").mkdir()
            with deployed(directory / "ours", glance.shared) as ours:
                yield _Service(glance.url), _Service(ours.url), images


class _Service:
    def __init__(self, url):
        self._clients = {who: peer.caller(url, project, *roles) for who, (project, roles) in listings.CALLERS.items()}

    def ask(self, who, path):
        """(status, ids in their order, the marker of the next page) of an answer."""
        answer = self._clients[who].request("GET", path)
        if answer.status_code != 200:
            # Whether there is an image that the caller may not see is not told.
            return 400 if answer.status_code == 403 and "marker=" in path else answer.status_code, [], None
        page = answer.json()
        marker = parse_qs(urlsplit(page.get("next", "")).query).get("marker", [None])[0]
        return 200, [image["id"] for image in page["images"]], marker


def test_pages_are_the_same(services):
    glance, ours, images = services
    different, found = [], 0
    for number, request in enumerate(listings.requests(images, REQUESTS, SEED)):
        theirs, mine = glance.ask(request.who, request.path), ours.ask(request.who, request.path)
        found += bool(theirs[1])
        if theirs != mine:
            different.append(f"{number} {request.who} {request.path}\n  {_short(theirs)}\n  {_short(mine)}")
    assert found > REQUESTS // 4, "the questions find nothing"
    assert not different, f"{len(different)} of {REQUESTS}:\n" + "\n".join(different[:40])


def _short(answer):
    status, images, marker = answer
    return f"{status} {[image_id[:8] for image_id in images]} {marker}"


def test_pages_make_up_the_whole_list(services):
    """Not compared with pages of Glance's, which lose images whose values are missing or alike."""
    glance, ours, images = services
    for number, request in enumerate(itertools.islice(listings.requests(images, 10 * WALKS, SEED + 1), WALKS)):
        path = re.sub(r"(marker|limit)=[^&]*&?", "", request.path)
        status, whole, _ = glance.ask(request.who, f"{path}&limit=1000")
        walked = _walk(ours, request.who, f"{path}&limit={1 + number % 5}")
        assert walked == whole, (request.who, path, status)


def _walk(service, who, path):
    ids, marker = [], ""
    while marker is not None:
        _, images, marker = service.ask(who, f"{path}&marker={marker}" if marker else path)
        ids += images
        assert len(ids) <= IMAGES
    return ids
