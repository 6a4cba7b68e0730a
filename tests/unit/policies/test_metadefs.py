import pytest
from oslo_config import cfg
from oslo_policy import opts as policy_options

from imagesvc import policies
from imagesvc.policies import metadefs
from tests.fixtures.rpc import make_context

_READ = {rule.name for rule in metadefs.RULES if rule.name.startswith(("get_", "list_"))}
_WRITE = {rule.name for rule in metadefs.RULES} - _READ - {"metadef_default", "metadef_admin"}


@pytest.fixture
def enforcer():
    conf = cfg.ConfigOpts()
    conf([], project="glance", default_config_files=[])
    policy_options._register(conf)
    return policies.Enforcer(conf)


def test_there_is_a_rule_for_everything_that_can_be_done():
    assert len(_READ) == 10
    assert len(_WRITE) == 16


@pytest.mark.parametrize("rule", sorted(_WRITE))
def test_administrators_alone_write(enforcer, rule):
    target = {"project_id": "p1", "visibility": "public"}
    assert enforcer.allows(make_context(roles=["admin"]), rule, target)
    assert not enforcer.allows(make_context(roles=["member", "reader"], project_id="p1"), rule, target)


@pytest.mark.parametrize("rule", sorted(_READ))
def test_readers_read_what_is_theirs_or_public(enforcer, rule):
    own, foreign = {"project_id": "p1", "visibility": "private"}, {"project_id": "p2", "visibility": "private"}
    reader = make_context(roles=["reader"], project_id="p1")
    assert enforcer.allows(reader, rule, own)
    assert not enforcer.allows(reader, rule, foreign)
    assert enforcer.allows(reader, rule, {**foreign, "visibility": "public"}) == (rule != "get_metadef_namespaces")
    assert not enforcer.allows(make_context(roles=["other"], project_id="p1"), rule, own)
