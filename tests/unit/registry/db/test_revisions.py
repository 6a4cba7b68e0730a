from alembic.script import ScriptDirectory

from imagesvc.registry.db import revisions, scripts


def _heads(tree):
    return set(ScriptDirectory.from_config(tree._config).get_heads())


def test_the_heads_are_those_of_the_scripts():
    assert _heads(scripts.GLANCE) == {revisions.EXPAND_HEAD, revisions.CONTRACT_HEAD}
    assert _heads(scripts.OWN) == {revisions.OWN_HEAD}


def test_current_means_both_trees():
    assert revisions.is_current({"2024_1_contract01"}, {revisions.OWN_HEAD})
    assert not revisions.is_current({"2024_1_contract01"}, set())
    assert not revisions.is_current({"2024_1_contract01"}, {"imagesvc_0001"})
    assert not revisions.is_current({"2024_1_expand01"}, {revisions.OWN_HEAD})


def test_expanded_will_do_until_the_former_release_is_gone():
    expanded = {revisions.FORMER_CONTRACT_HEAD, revisions.EXPAND_HEAD}
    assert revisions.is_current(expanded, {revisions.OWN_HEAD})
    assert not revisions.is_current({revisions.FORMER_CONTRACT_HEAD}, {revisions.OWN_HEAD})
    assert not revisions.is_current({"zed_contract01", revisions.EXPAND_HEAD}, {revisions.OWN_HEAD})


def test_the_former_contracted_revision_is_the_one_before():
    former = ScriptDirectory.from_config(scripts.GLANCE._config).get_revision(revisions.CONTRACT_HEAD).down_revision
    assert former == revisions.FORMER_CONTRACT_HEAD


def test_a_newer_own_revision_only_adds_and_is_current():
    assert revisions.is_current({"2024_1_contract01"}, {"imagesvc_9999"})


def test_own_ids_sort_in_their_order():
    ids = [script.revision for script in ScriptDirectory.from_config(scripts.OWN._config).walk_revisions()]
    assert ids == sorted(ids, reverse=True)
