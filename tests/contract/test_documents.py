"""No document tells a reader to do what no test does."""

import re

import pytest

from tests.fixtures import guide
from tests.fixtures.daemons import ROOT

PAGES = guide.pages()
PROMPT = re.compile(r"^(\$ |# (apt|systemctl|glance-|openstack|pip|curl)\b)", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page):
    for block in guide.blocks(page):
        assert block.language, f"{block.where}: a code block without a language; is it commands (console)?"
        if block.language not in guide.COMMANDS:
            assert not PROMPT.search(block.text), f"{block.where}: commands are code blocks of the language console"
        if block.language == "console":
            assert block.commands()


@pytest.mark.parametrize("page", PAGES)
def test_a_test_does_what_a_page_says(page):
    steps = [block for block in guide.blocks(page) if block.is_done]
    runner = guide.RUN_BY.get(page)
    assert bool(runner) == bool(steps), f"{page}: name the test that runs it in tests/fixtures/guide.py, RUN_BY"
    if runner and runner != guide.ON_A_MACHINE:
        assert page.removeprefix("doc/source/") in (ROOT / runner).read_text()


@pytest.mark.parametrize("page", PAGES)
def test_an_exemption_has_a_reason_and_is_of_use(page):
    exempt = [block for block in guide.blocks(page) if block.exempt]
    assert len(re.findall(r"^ *\.\. not run:", (ROOT / page).read_text(), re.MULTILINE)) == len(exempt)
    for block in exempt:
        assert block.language in guide.COMMANDS, f"{block.where}: nobody would run it"
        assert len(block.exempt.split()) > 2, f"{block.where}: why?"


def test_no_block_is_overlooked():
    """The parser sees what Sphinx sees."""
    for page in PAGES:
        found = re.findall(r"^ *\.\. (?:code-block|code|literalinclude)::", (ROOT / page).read_text(), re.MULTILINE)
        literal = re.findall(r"^(?! *\.\. ).*::$", (ROOT / page).read_text(), re.MULTILINE)
        assert len(guide.blocks(page)) == len(found) + len(literal), page


_SIMPLE_TABLE = re.compile(r"^(=+(?: +=+)+)\n(.*?)^\1\n(?=\n|\Z)", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_a_row_of_a_simple_table_is_not_cut_in_two(page):
    """Text that goes on in the first column of the next line begins a row there; a list-table has room for it."""
    for table in _SIMPLE_TABLE.finditer((ROOT / page).read_text()):
        first, second = [column.span() for column in re.finditer("=+", table[1])][:2]
        for line in table[2].splitlines():
            name = line[slice(*first)].strip()
            assert not name.endswith(","), f"{page}: {line}"
            assert not name or line[second[0] :].strip(), f"{page}: {line}"


MESSAGES = ROOT / "doc" / "source" / "admin" / "errors.rst"
#: A field of a message, in the code and on the page.
_FIELD = re.compile(r"%\(\w+\)s|%[sdr]|\{[^{}]*\}|\.\.\.")
#: What is said by clients, by other servers, or by what we make our messages of.
_NOT_OURS = {
    "Unable to find a version discovery document",
    "The request you have made requires authentication",
    "nginx",
}


def test_messages_that_are_explained_are_said():
    """A message that was worded anew must be found by its new words."""
    code = _words(" ".join(path.read_text() for path in sorted((ROOT / "imagesvc").rglob("*.py"))))
    first_columns = re.findall(r"^   \* - (.*\n(?:     \w.*\n)*)", MESSAGES.read_text(), re.MULTILINE)
    messages = [found for column in first_columns for found in re.findall("``([^`]+)``", column) if " " in found]
    assert len(messages) > 30
    for message in messages:
        assert message in _NOT_OURS or _words(message) in code, message


def _words(text):
    return " ".join(_FIELD.sub(" ", re.sub(r'["\\]\s*\n\s*f?"', "", text)).replace("'", " ").split())


PAGE = """\
Title
=====

1. Do this::

      false

   and that:

   .. code-block:: console

      # glance-manage db \\
          check     # exit code 3
      Expand 59cb134b-c58c-4a4b-9f72-8904dc707b39 ... now.
      $ true

.. not run: because it would run itself

.. code-block:: console

   $ tools/test

.. code-block:: ini
   :caption: /etc/x.conf on a, b and c

   [x]
   y = z
"""


def test_what_is_read_from_a_page(tmp_path, monkeypatch):
    monkeypatch.setattr(guide, "ROOT", tmp_path)
    (tmp_path / "page.rst").write_text(PAGE)
    literal, console, exempt, file = guide.blocks("page.rst")
    assert (literal.language, literal.text) == ("", "false\n")
    first, second = console.commands()
    assert first == guide.Command(
        "glance-manage db \\\n    check     # exit code 3", "Expand 59cb134b-c58c-4a4b-9f72-8904dc707b39 ... now.", 3
    )
    assert second == guide.Command("true", None, 0)
    assert exempt.exempt == "because it would run itself"
    assert (file.file, file.hosts, file.text) == ("/etc/x.conf", ("a", "b", "c"), "[x]\ny = z\n")
    assert [step.language for step in guide.steps("page.rst")] == ["console", "ini"]


def test_what_a_page_shows_is_compared():
    command = guide.Command("x", "| 59cb134b-c58c-4a4b-9f72-8904dc707b39 | ... 2026-01-02T03:04:05Z", 0)
    command.check("|  0b5e1f0e-3f7c-4a1e-9f0a-5f1d1f0c2a11  | what\never 2027-01-02T03:04:06Z\n")
    with pytest.raises(AssertionError, match="but the page says"):
        command.check("| 0b5e1f0e-3f7c-4a1e-9f0a-5f1d1f0c2a11 | whatever")
    guide.Command("x", None, 0).check("anything")


def test_options_are_merged_into_a_file_that_is_there():
    text = "[DEFAULT]\n# a\n#debug = false\ndebug = false\n\n[b]\nc = 1\n"
    assert guide.merged(text, "[DEFAULT]\ndebug = true\n\n[new]\nx = y = z\n") == (
        "[DEFAULT]\ndebug = true\n# a\n#debug = false\n\n[b]\nc = 1\n\n[new]\nx = y = z\n"
    )
    assert guide.merged("", "[a]\nb = c\n").strip() == "[a]\nb = c"
