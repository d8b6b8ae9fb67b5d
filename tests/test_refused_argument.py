"""Refusals say which part of which argument they are about, and once for all rows of a list."""

from graphql import GraphQLError

from resolvers.errors import BadUserInput, UpstreamTimeout
from schema.errors import field_errors
from schema.refused_argument import RefusedArgument, within


def test_a_refusal_leads_to_what_is_refused() -> None:
    refused = RefusedArgument("must be text.", "gte")
    for name in ("value", 3, "or", "filter"):
        refused = within(refused, name)
    assert refused.message == "`filter.or[3].value.gte` must be text."
    assert refused.place == ("filter", "or", 3, "value", "gte")


def test_what_is_a_sentence_of_its_own_stands_behind_a_colon() -> None:
    assert within(BadUserInput("This is no id."), "ids", 0).message == "`ids[0]`: This is no id."
    assert RefusedArgument("Give one, not both.").message == "Give one, not both."


def test_an_argument_that_is_refused_in_every_row_is_told_once_at_the_first() -> None:
    def error(cause: Exception, *path: str | int) -> GraphQLError:
        return GraphQLError(str(cause), path=path, original_error=cause)

    refused = RefusedArgument("must be from 1 to 50, not 51.", "first")
    errors = [
        *(error(refused, "list", row, "customer", "deals") for row in range(3)),
        error(refused, "list", 0, "customer", "others"),
        error(RefusedArgument("is no cursor.", "after"), "list", 1, "customer", "deals"),
        *(error(UpstreamTimeout("nexudus"), "list", row, "customer", "name") for row in range(2)),
        *(error(BadUserInput("This is no id."), "byIds", row) for row in range(2)),  # each of another id
    ]
    assert [one["path"] for one in field_errors(errors)] == [
        ["list", 0, "customer", "deals"],
        ["list", 0, "customer", "others"],
        ["list", 1, "customer", "deals"],
        ["list", 0, "customer", "name"],
        ["list", 1, "customer", "name"],
        ["byIds", 0],
        ["byIds", 1],
    ]
