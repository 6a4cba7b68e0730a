"""Glance and this service list the same images in the same order: both on one database, asked thousands of questions."""

import itertools
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.fixtures import listings, peer, peer_catalogue, servers
from tests.fixtures.daemons import deployed
from tests.fixtures.peer_database import Shared

pytestmark = pytest.mark.timeout(3600)

IMAGES, REQUESTS, WALKS = 120, 3000, 100
SEED = 20_261_128
#: Pages of Glance's that may be proven wrong by its own list; in the run that this was written after there were fifteen.
WRONG = REQUESTS // 100


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
                yield _Service(glance.url), _Service(ours.url), images, database


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
    """A page of Glance's need not be what follows the marker in its own list; where it is not, that list counts."""
    glance, ours, images, database = services
    different, wrong, found = [], 0, 0
    for number, request in enumerate(listings.requests(images, REQUESTS, SEED)):
        theirs, mine = glance.ask(request.who, request.path), ours.ask(request.who, request.path)
        found += bool(theirs[1])
        if theirs == mine:
            continue
        rest = _page_of_whole_list(glance, database, request) if theirs[0] == mine[0] == 200 else theirs
        wrong += rest == mine
        if rest != mine:
            different.append(f"{number} {request.who} {request.path}\n  {_short(rest)}\n  {_short(mine)}")
    assert found > REQUESTS // 4, "the questions find nothing"
    assert not different, f"{len(different)} of {REQUESTS}:\n" + "\n".join(different[:40])
    assert wrong <= WRONG


def _page_of_whole_list(glance, database, request):
    """The page as Glance lists it when asked for everything at once: what follows the marker in the order asked for."""
    parameters = [(name, value) for name, value in request.parameters if name not in {"marker", "limit"}]
    _, whole, _ = glance.ask(request.who, f"/v2/images?{urlencode([*parameters, ('limit', 1000)])}")
    order = [image_id for (image_id,) in database.execute(_order(request.parameters))]
    places = {image_id: place for place, image_id in enumerate(order)}
    assert whole == sorted(whole, key=places.get), request.path
    asked = dict(request.parameters)
    behind = places[asked["marker"]] if "marker" in asked else -1
    limit = int(asked.get("limit", 25))
    page = [image_id for image_id in whole if places[image_id] > behind][:limit]
    return 200, page, page[-1] if len(page) == limit else None


def _order(parameters):
    """SQL for the ids of all images in the order that these parameters ask for."""
    keys = [pair.split(":") for name, value in parameters if name == "sort" for pair in value.split(",")]
    directions = [value for name, value in parameters if name == "sort_dir"] or [direction for _, direction in keys]
    if not keys:
        names = [value for name, value in parameters if name == "sort_key"]
        keys = zip(names, directions if len(directions) > 1 else (directions or ["desc"]) * len(names), strict=True)
    order = dict(keys)
    # Equals are the newest first, unless there is one direction for all.
    ties = directions[0] if len(directions) == 1 else "desc"
    order = {**order, **{key: ties for key in ("created_at", "id") if key not in order}}
    return f"SELECT id FROM images ORDER BY {', '.join(map(' '.join, order.items()))}"  # noqa: S608 - our words


def _short(answer):
    status, images, marker = answer
    return f"{status} {[image_id[:8] for image_id in images]} {marker}"


def test_pages_make_up_the_whole_list(services):
    """Not compared with pages of Glance's, which lose images whose values are missing or alike."""
    glance, ours, images, _ = services
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
