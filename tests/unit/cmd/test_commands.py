import argparse

import pytest

from imagesvc.cmd import commands
from imagesvc.cmd.commands import Command, Word

PATH = Word("path", "Where.", "PATH")
MERGE = Word("merge", "Whether to merge.", is_switch=True)
FORCE = Word("force", "Whatever happens.", is_switch=True, has_place=False)


@pytest.fixture
def parse():
    parser = argparse.ArgumentParser()
    commands.add(parser.add_subparsers(), [Command("load", lambda _conf: 7, "Load.", (PATH, MERGE, FORCE))])
    return lambda *words: parser.parse_args(words)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("db", "load"), (None, False, False)),
        (("db", "load", "--merge", "--path", "p"), ("p", True, False)),
        (("db", "load", "--force"), (None, False, True)),
        (("db_load",), (None, False, False)),
        (("db_load", "p"), ("p", False, False)),
        (("db_load", "p", "True"), ("p", True, False)),
        (("db_load", "p", "false", "--force"), ("p", False, True)),
    ],
    ids=str,
)
def test_both_forms(parse, words, expected):
    found = parse(*words)
    assert (found.path, found.merge, found.force) == expected
    assert found.run(None) == 7


@pytest.mark.parametrize("words", [("db", "load", "p"), ("db_load", "--path", "p"), ("db_load", "p", "1", "more")])
def test_the_forms_are_not_mixed(parse, words):
    with pytest.raises(SystemExit):
        parse(*words)
