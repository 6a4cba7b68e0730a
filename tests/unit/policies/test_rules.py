from oslo_config import cfg
from oslo_policy import policy

from imagesvc import policies

EXPECTED = {
    "default",
    "context_is_admin",
    "service_api",
    "add_image",
    "get_image",
    "get_images",
    "modify_image",
    "delete_image",
    "publicize_image",
    "communitize_image",
    "upload_image",
    "download_image",
    "get_image_location",
    "add_member",
    "get_member",
    "get_members",
    "modify_member",
    "delete_member",
    "deactivate",
    "reactivate",
    "stores_info_detail",
}


def test_rules_have_unique_names_and_are_documented():
    rules = policies.list_rules()
    names = [rule.name for rule in rules]
    assert len(names) == len(set(names))
    assert set(names) >= EXPECTED
    assert all(rule.description for rule in rules)


def test_rules_are_for_project_tokens():
    assert all(rule.scope_types == ["project"] for rule in policies.list_rules() if rule.name != "default")


def test_rules_refer_to_rules_that_exist(tmp_path):
    conf = cfg.ConfigOpts()
    conf([], project="glance", default_config_files=[])
    enforcer = policy.Enforcer(conf)
    enforcer.register_defaults(policies.list_rules())
    enforcer.load_rules()
    assert enforcer.check_rules(raise_on_violation=True)
