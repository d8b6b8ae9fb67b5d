"""`resolvers.errors` and `schema.errors`: what a client is told, and what not."""

import pytest
from graphql import GraphQLError

from resolvers import errors
from resolvers.errors import BadUserInput, ResolverError, SourceNotConfigured, UpstreamError, UpstreamRateLimited
from schema.errors import INTERNAL, field_errors
from tests import logged
from tests.harness import open_graph


def subclasses(of: type[ResolverError]) -> list[type[ResolverError]]:
    found = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, of) and c is not of]
    return [c for c in found if c is not UpstreamError]


UPSTREAM = subclasses(UpstreamError)


def test_the_codes_are_those_that_the_graph_documents() -> None:
    assert {c.code: c.retryable for c in subclasses(ResolverError)} == {
        "BAD_USER_INPUT": False,
        "SOURCE_NOT_CONFIGURED": False,
        "UPSTREAM_UNAUTHORIZED": False,
        "UPSTREAM_FORBIDDEN": False,
        "UPSTREAM_RATE_LIMITED": True,
        "UPSTREAM_TIMEOUT": True,
        "UPSTREAM_UNAVAILABLE": True,
        "UPSTREAM_BAD_RESPONSE": False,
    }


@pytest.mark.parametrize("error", UPSTREAM)
def test_an_upstream_error_names_the_source_and_keeps_its_details_to_itself(error: type[UpstreamError]) -> None:
    raised = error("nexudus", detail="https://host/secret", status=418)

    assert raised.extensions == {"code": error.code, "retryable": error.retryable, "source": "nexudus"}
    assert str(raised) == error.default_message
    assert "secret" not in f"{raised!r} {raised}"


def test_a_wait_is_told_in_seconds() -> None:
    raised = UpstreamRateLimited("nexudus", retry_after_seconds=1.0)
    assert raised.extensions["retryAfterSeconds"] == 1.0


def test_an_error_without_a_source_names_none() -> None:
    assert BadUserInput("No.").extensions == {"code": "BAD_USER_INPUT", "retryable": False}


def test_an_unconfigured_source_is_named() -> None:
    assert SourceNotConfigured("nexudus").extensions["source"] == "nexudus"


def test_graphql_copies_the_extensions_of_an_expected_error() -> None:
    cause = UpstreamRateLimited("nexudus", retry_after_seconds=1.0)
    (told,) = field_errors([GraphQLError(str(cause), path=["x"], original_error=cause)])

    assert told["message"] == UpstreamRateLimited.default_message
    assert told["path"] == ["x"]
    assert told["extensions"] == {
        "code": "UPSTREAM_RATE_LIMITED",
        "retryable": True,
        "source": "nexudus",
        "retryAfterSeconds": 1.0,
    }


def test_an_unexpected_error_is_masked_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    cause = KeyError("hunter2")
    cause.extensions = {"secret": "hunter2"}  # type: ignore[attr-defined] # as a library might
    (told,) = field_errors([GraphQLError("hunter2", path=["x"], original_error=cause)])

    assert told == {
        "message": "Internal server error.",
        "path": ["x"],
        "extensions": {"code": INTERNAL, "retryable": False},
    }
    (record,) = logged.records(caplog)
    assert record.levelname == "ERROR"
    assert "['x']" in record.getMessage()


def test_an_expected_error_is_not_logged_with_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """Trap 17: an upstream that is down must not fill the log."""
    cause = UpstreamRateLimited("nexudus")
    field_errors([GraphQLError(str(cause), path=["x"], original_error=cause)])

    assert logged.records(caplog) == []


@pytest.mark.parametrize(
    ("query", "code"),
    [('{ opportunity(id: "x") { id } }', "bad_user_input"), ("{ nothing }", "graphql_validation_failed")],
)
async def test_each_error_says_where_its_code_is_described_if_the_server_knows(query: str, code: str) -> None:
    async with open_graph(ERROR_DOCS_URL="https://wiki.example/errors") as graph:
        for _ in range(2):
            (error,) = (await graph.post({"query": query})).json["errors"]
            assert error["extensions"]["docs"] == f"https://wiki.example/errors#{code}"
    async with open_graph() as graph:
        (error,) = (await graph.post({"query": query})).json["errors"]
    assert "docs" not in error["extensions"]
