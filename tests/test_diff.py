"""`schema.diff`: what breaks clients between two revisions of the schema, what is dangerous, and what is neither."""

import shutil
import subprocess
from pathlib import Path

import pytest

from schema import diff
from schema.diff import changes
from schema.export import FILE

PRINTED = '''
schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"]) {
  query: Query
}

type Query {
  opportunity(id: ID!): Opportunity
}

interface Opportunity @key(fields: "id") {
  id: ID!
  stageName: String
  value: Money
}

type Deal implements Opportunity @key(fields: "id") @key(fields: "sourceId") {
  id: ID!
  sourceId: ID!
  stageName: String
  value: Money
  """How sure the seller is."""
  forecast: Forecast
  winLikelihood: Int
}

type Money @shareable {
  amount: String!
}

enum Forecast {
  BEST_CASE
  COMMITTED
}
'''
STAGE = "  stageName: String\n"


def test_the_schema_of_this_repository_has_not_changed_since_itself() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert changes(text, text) == diff.Changes([], [])


def without(text: str) -> str:
    assert text in PRINTED
    return PRINTED.replace(text, "")


def changed(old: str, new: str) -> str:
    assert old in PRINTED
    return PRINTED.replace(old, new)


def test_a_schema_has_not_changed_since_itself() -> None:
    assert changes(PRINTED, PRINTED) == diff.Changes([], [])


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (without("  winLikelihood: Int\n"), "Field Deal.winLikelihood was removed."),
        (changed(STAGE, "  stageName: Int\n"), "Field Opportunity.stageName changed type from String to Int."),
        (changed("  amount: String!\n", "  amount: String\n"), "Money.amount changed type from String! to String."),
        (without("  BEST_CASE\n"), "Forecast.BEST_CASE was removed."),
        (without(' @key(fields: "sourceId")'), 'Deal has no @key(fields: "sourceId") any more.'),
        (
            changed("interface Opportunity @key", "interface Opportunity @tag"),
            'Opportunity has no @key(fields: "id") any more.',
        ),
        (without(" @shareable"), "Money has no @shareable any more."),
    ],
)
def test_what_breaks_a_query_or_a_composition_is_breaking(new: str, told: str) -> None:
    assert any(told in sentence for sentence in changes(PRINTED, new).breaking)


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (changed("  BEST_CASE\n", "  BEST_CASE\n  WISHFUL\n"), "Forecast.WISHFUL was added."),
        (changed("federation/v2.3", "federation/v2.9"), "federation/v2.9"),
    ],
)
def test_what_may_surprise_is_dangerous_and_not_breaking(new: str, told: str) -> None:
    found = changes(PRINTED, new)
    assert found.breaking == []
    assert any(told in sentence for sentence in found.dangerous)


def test_additions_are_neither() -> None:
    new = changed(STAGE, f"{STAGE}  stageColour: String\n") + "\ntype Contract { number: ID! }\n"
    assert changes(PRINTED, new) == diff.Changes([], [])


def test_a_key_more_is_neither() -> None:
    new = changed("type Money @shareable", 'type Money @shareable @key(fields: "currencyCode")')
    assert changes(PRINTED, new) == diff.Changes([], [])


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two commits; the schema is in the second, and `diff` looks here."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")  # whose history is what is compared
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "first"], check=True)
    (tmp_path / "schema.graphql").write_text(PRINTED, encoding="utf-8")
    subprocess.run([*git, "add", "schema.graphql"], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "second"], check=True)
    monkeypatch.setattr(diff, "FILE", tmp_path / "schema.graphql")
    return tmp_path


def test_the_command_succeeds_where_nothing_breaks(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diff.main(["HEAD"]) == 0
    assert capsys.readouterr().out == "No breaking and no dangerous change since HEAD.\n"


def test_the_command_fails_on_a_breaking_change(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "schema.graphql").write_text(without(" @shareable"), encoding="utf-8")
    assert diff.main(["HEAD"]) == 1
    assert capsys.readouterr().out == "Breaking: Money has no @shareable any more.\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "Name the revision to compare with"),
        ([""], "Name the revision to compare with"),
        (["no-such-branch"], "'no-such-branch' is not a revision of this repository."),
        (["--help"], "'--help' is not a revision of this repository."),
        (["HEAD~1"], "There is no schema.graphql in revision 'HEAD~1'."),
    ],
)
@pytest.mark.usefixtures("repository")
def test_the_command_says_what_it_lacks(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert diff.main(arguments) == 2
    assert told in capsys.readouterr().err
