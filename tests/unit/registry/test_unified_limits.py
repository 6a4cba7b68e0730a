import logging
import threading

import pytest
from keystoneauth1 import exceptions as ksa_exceptions
from oslo_config import cfg

from imagesvc import exception
from imagesvc.registry import unified_limits
from imagesvc.registry.ceilings import MIB, Ceiling
from tests.fixtures.rpc import make_conf

NAMES = ("image_size_total", "image_stage_total", "image_count_total", "image_count_uploading")


class Keystone:
    """Takes Keystone's place: ``answers`` by path, ``asked`` what was asked for."""

    def __init__(self):
        self.now = 1000.0
        self.asked = []
        self.error = None
        self.delay = 0.0
        self.answers = {
            "/endpoints/e1": {"endpoint": {"service_id": "s1", "region_id": "north"}},
            "/services?type=image": {"services": [{"id": "s1"}]},
            "/limits/model": {"model": {"name": "flat"}},
        }
        self.register(image_size_total=10, image_count_total=5)
        self.give("p1")

    def register(self, region="north", **limits):
        listed = [{"resource_name": name, "default_limit": n, "region_id": region} for name, n in limits.items()]
        known = self.answers.setdefault("/registered_limits?service_id=s1", {"registered_limits": []})
        known["registered_limits"] += listed

    def give(self, project_id, region="north", **limits):
        listed = [
            {"resource_name": name, "resource_limit": n, "region_id": region, "project_id": project_id}
            for name, n in limits.items()
        ]
        known = self.answers.setdefault(f"/limits?service_id=s1&project_id={project_id}", {"limits": []})
        known["limits"] += listed

    def ask(self, path):
        self.asked.append(path)
        self.now += self.delay
        if self.error:
            raise self.error
        if path not in self.answers:
            raise ksa_exceptions.NotFound(path)
        return self.answers[path]


@pytest.fixture
def keystone():
    return Keystone()


def make(keystone, **options):
    known = {"endpoint_id": "e1", "endpoint_service_type": "image", "endpoint_service_name": None}
    known |= {"endpoint_region_name": None, "region_name": None, **options}
    group = type("Group", (), known)
    return unified_limits.UnifiedLimits(keystone.ask, group, lambda: keystone.now)


def most(limits, project_id="p1"):
    *_, own = limits.of(project_id)
    return own.most


# -- what counts -------------------------------------------------------------------------------------


def test_a_project_has_what_is_registered_and_of_the_rest_nothing(keystone):
    assert make(keystone).of("p1") == (
        Ceiling(
            "p1",
            ("p1",),
            {"image_size_total": 10 * MIB, "image_stage_total": 0, "image_count_total": 5, "image_count_uploading": 0},
        ),
    )


def test_a_limit_of_its_own_goes_before_what_is_registered(keystone):
    keystone.give("p1", image_size_total=3, image_count_total=-1)
    found = most(make(keystone))
    assert found["image_size_total"] == 3 * MIB
    assert "image_count_total" not in found


def test_limits_of_the_region_go_before_those_of_none_and_others_do_not_count(keystone):
    keystone.register(region=None, image_stage_total=7, image_size_total=1)
    keystone.register(region="south", image_count_uploading=7, image_size_total=2)
    found = most(make(keystone))
    assert [found[name] for name in NAMES] == [10 * MIB, 7 * MIB, 5, 0]
    found = most(make(keystone, endpoint_region_name="south"))
    assert [found[name] for name in NAMES] == [2 * MIB, 7 * MIB, 0, 7]


def test_others_limits_that_keystone_shows_do_not_count(keystone):
    keystone.answers["/limits?service_id=s1&project_id=p1"]["limits"].append(
        {"resource_name": "image_size_total", "resource_limit": 99, "region_id": "north", "project_id": "p2"}
    )
    assert most(make(keystone))["image_size_total"] == 10 * MIB


def test_without_an_endpoint_the_service_is_found_by_its_type(keystone):
    assert most(make(keystone, endpoint_id=None, region_name="north"))["image_count_total"] == 5
    keystone.answers["/services?type=image"]["services"].append({"id": "s2"})
    with pytest.raises(exception.LimitsUnavailable):
        most(make(keystone, endpoint_id=None))
    keystone.answers["/services?type=image&name=our%20glance"] = {"services": [{"id": "s1"}]}
    named = make(keystone, endpoint_id=None, endpoint_service_name="our glance", region_name="north")
    assert most(named)["image_count_total"] == 5


def test_nobody_has_no_limits(keystone):
    assert make(keystone).of(None) == ()
    assert keystone.asked == []


def test_an_owner_of_any_form_is_asked_for_as_one_value(keystone):
    keystone.answers["/limits?service_id=s1&project_id=a%26b%2F%3F"] = {"limits": []}
    assert most(make(keystone), "a&b/?")["image_count_total"] == 5


# -- two levels --------------------------------------------------------------------------------------


@pytest.fixture
def tree(keystone):
    """p0 above p1 and p2, and p8 beside it, in one domain."""
    members = [{"id": name} for name in ("p0", "p1", "p2", "p8")]
    keystone.answers |= {
        "/limits/model": {"model": {"name": "strict_two_level"}},
        "/projects/p0": {"project": {"parent_id": "d", "domain_id": "d"}},
        "/projects/p1": {"project": {"parent_id": "p0", "domain_id": "d"}},
        "/projects?parent_id=p0": {"projects": members[1:3]},
        "/projects?parent_id=p1": {"projects": []},
        "/projects?domain_id=d": {"projects": members},
        "/limits?service_id=s1&domain_id=d": {"limits": []},
    }
    keystone.give("p0", image_count_total=4)
    keystone.give("p1", image_count_total=3)
    return keystone


def levels(limits, project_id):
    return [(c.key, c.projects, c.most["image_count_total"]) for c in limits.of(project_id)]


def test_two_levels_from_below(tree):
    assert levels(make(tree), "p1") == [
        ("d", ("p0", "p1", "p2", "p8"), 5),
        ("p0", ("p0", "p1", "p2"), 4),
        ("p1", ("p1",), 3),
    ]


def test_two_levels_from_above(tree):
    limit = {"resource_name": "image_count_total", "resource_limit": 9, "region_id": "north", "project_id": None}
    tree.answers["/limits?service_id=s1&domain_id=d"] = {"limits": [{**limit, "domain_id": "d"}]}
    assert levels(make(tree), "p0") == [("d", ("p0", "p1", "p2", "p8"), 9), ("p0", ("p0", "p1", "p2"), 4)]


def test_what_is_no_project_has_what_is_registered(tree):
    assert levels(make(tree), "free") == [("free", ("free",), 5)]
    genuine = tree.ask

    def refuse(path):
        if "free" in path:
            raise ksa_exceptions.BadRequest("no id")
        return genuine(path)

    tree.ask = refuse
    assert levels(make(tree), "free text") == [("free text", ("free text",), 5)]


# -- how long it counts ------------------------------------------------------------------------------


def test_answers_count_for_half_a_minute(keystone):
    limits = make(keystone)
    limits.of("p1")
    asked = len(keystone.asked)
    keystone.give("p1", image_count_total=1)
    keystone.now += 29
    assert most(limits)["image_count_total"] == 5
    assert len(keystone.asked) == asked
    keystone.now += 1
    assert most(limits)["image_count_total"] == 1


def test_what_all_projects_share_is_asked_once(keystone):
    limits = make(keystone)
    limits.of("p1")
    keystone.asked.clear()
    keystone.give("p2")
    limits.of("p2")
    assert keystone.asked == ["/limits?service_id=s1&project_id=p2"]


def test_not_everything_is_remembered_for_ever(keystone, monkeypatch):
    monkeypatch.setattr(unified_limits, "_MOST_REMEMBERED", 3)
    limits = make(keystone)
    for number in range(10):
        keystone.give(f"p{number}")
        assert limits.of(f"p{number}")
    assert len(limits._known) <= 3


# -- when it is not there ----------------------------------------------------------------------------


def test_away_it_is_nobodys_free_pass_and_is_left_alone_for_a_moment(keystone, caplog):
    limits = make(keystone)
    keystone.error = ksa_exceptions.ConnectFailure("no route to keystone")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with pytest.raises(exception.LimitsUnavailable):
                limits.of("p1")
    assert len(keystone.asked) == 1
    assert caplog.text.count("no route to keystone") == 1
    keystone.now += 2
    keystone.error = None
    assert limits.of("p1")


@pytest.mark.parametrize("error", [ksa_exceptions.Unauthorized("x"), KeyError("limits"), ValueError("no JSON")])
def test_an_answer_that_is_none(keystone, error):
    keystone.error = error
    with pytest.raises(exception.LimitsUnavailable):
        make(keystone).of("p1")


def test_what_has_begun_goes_by_what_was_known(keystone):
    limits = make(keystone)
    limits.of("p1")
    keystone.now += 3600
    keystone.error = ksa_exceptions.ConnectFailure("away")
    with pytest.raises(exception.LimitsUnavailable):
        limits.of("p1")
    assert limits.of("p1", under_way=True)[0].most["image_count_total"] == 5
    with pytest.raises(exception.LimitsUnavailable):
        limits.of("p2", under_way=True)
    keystone.now += 86_400
    with pytest.raises(exception.LimitsUnavailable):
        limits.of("p1", under_way=True)


def test_a_slow_keystone_keeps_nobody_for_long(keystone):
    keystone.delay = 4.5
    with pytest.raises(exception.LimitsUnavailable):
        make(keystone).of("p1")
    assert len(keystone.asked) == 2


def test_one_asks_for_all_who_want_to_know_the_same(keystone):
    limits = make(keystone)
    waiting, go = threading.Event(), threading.Event()
    genuine = keystone.ask

    def slow(path):
        waiting.set()
        assert go.wait(30)
        return genuine(path)

    limits._ask = slow
    threads = [threading.Thread(target=limits.of, args=("p1",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert waiting.wait(30)
    go.set()
    for thread in threads:
        thread.join(30)
    assert keystone.asked.count("/limits?service_id=s1&project_id=p1") == 1


# -- the account -------------------------------------------------------------------------------------


def account(tmp_path, **options):
    path = tmp_path / "bus.conf"
    lines = [f"{name} = {value}" for name, value in options.items()]
    path.write_text("\n".join(["[oslo_limit]", *lines]) + "\n")
    return make_conf(tmp_path)


def test_an_account_as_guides_have_it_needs_no_keystone(tmp_path):
    conf = account(
        tmp_path,
        auth_url="http://127.0.0.1:1/v3",
        auth_type="password",
        user_domain_id="default",
        username="glance",
        system_scope="all",
        password="canary",
        endpoint_id="e1",
        region_name="RegionOne",
    )
    limits = unified_limits.connect(conf)
    with pytest.raises(exception.LimitsUnavailable):
        limits.of("p1")


@pytest.mark.parametrize("options", [{}, {"auth_type": "telepathy"}])
def test_an_account_that_is_none_stops_the_start(tmp_path, options):
    with pytest.raises(exception.ConfigurationError, match="oslo_limit"):
        unified_limits.connect(account(tmp_path, **options))


def test_the_group_may_be_missing():
    conf = cfg.ConfigOpts()
    conf([])
    with pytest.raises(exception.ConfigurationError, match="auth_type"):
        unified_limits.connect(conf)
