"""What is answered to a GraphQL request, and what answers it."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from web.parameters import GraphQLParams
from web.response_cache import Validator


@dataclass(slots=True)
class GraphQLResponse:
    """The response to send: `body` has data, errors, extensions; `status` is set where it is not the usual one.

    `responses` are those of an operation that has several, in place of `body`; each has the members of one.
    `validator` gives what says whether the response may be given again to an equal request. `operation_name`, and the
    `code` of the first error, are for whatever counts answers.
    """

    body: dict[str, Any] = field(default_factory=dict)
    is_request_error: bool = False
    status: int | None = None
    validator: Callable[[], Validator | None] | None = None
    operation_name: str | None = None
    code: str | None = None
    responses: AsyncGenerator[dict[str, Any], None] | None = None


AnswerFunction = Callable[[GraphQLParams], Coroutine[Any, Any, GraphQLResponse]]
