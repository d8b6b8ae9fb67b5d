"""One operation of a document: executed for given variables, and compiled anew where these select other fields.

What is unusual is graphql-core's to execute, before anything is fetched or afterwards: `engine/compiler.py`.
"""

from asyncio import Future, Task
from typing import Any

from graphql import ExecutionResult, FragmentDefinitionNode, GraphQLError, GraphQLSchema, OperationDefinitionNode
from orjson import Fragment

from engine.aliases import NO_ALIASES, Aliases
from engine.answer import AnswerSize
from engine.compilation import Compilation
from engine.compiled_listing import CompiledListing
from engine.compiler import Compiler, RootField
from engine.context import Context
from engine.cost import LimitExceeded
from engine.fallbacks import NotCompiled, Reason
from engine.literals import Parameterised
from engine.run import Run
from engine.selected import Operation
from engine.variables import Variables, conditional_variables

MAX_CONDITIONAL_VARIABLES = 4
"""Variables in `@skip` and `@include` of one document; each doubles what may have to be compiled."""

MAX_COMPILED_FIELDS = 200
"""Root fields of one document, over its operations and all values of those variables."""

MAX_SPECIALISATIONS = 32
"""Combinations of an operation and values of those variables, of one document."""


class CompiledQuery:
    """One operation of a document, for one schema."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode, shared: Compilation) -> None:
        """Raises `NotCompiled`."""
        document = shared.tree
        definitions = [d for d in document.definitions if isinstance(d, FragmentDefinitionNode)]
        if operation.operation.value == "mutation" or any(d.variable_definitions for d in definitions):
            raise NotCompiled(Reason.OPERATION)
        self._shared = shared
        self._compiler = Compiler(schema, operation, definitions, shared)
        self._asked = Operation(schema, document, operation, {d.name.value: d for d in definitions})
        self._variables = Variables(schema, operation.variable_definitions or ())
        self._conditional_variables = conditional_variables(document, operation)
        if len(self._conditional_variables) > MAX_CONDITIONAL_VARIABLES:
            raise NotCompiled(Reason.CONDITIONS)
        self._specialisations: dict[tuple[Any, ...], list[RootField] | Reason] = {}
        self._unconditional: list[RootField] = []
        """Its fields, once they are compiled, where no variable decides which they are."""

    async def execute(
        self,
        given: dict[str, Any],
        context: Context,
        size: AnswerSize,
        text: str,
        parts: Parameterised | None = None,
    ) -> ExecutionResult | None:
        """Return the result for a text that differs from the compiled one in its parameters alone.

        None where it is graphql-core's to give. Raises `LimitExceeded` for an answer that is too long.
        """
        awaited: list[Future[Any]] = []
        try:
            if not context.access.may_fetch:
                raise NotCompiled(Reason.ACCESS)
            variables = self._variables.coerced(given)
            if variables is None:
                raise NotCompiled(Reason.VARIABLES)
            fields = self._unconditional or self.root_fields(variables)
            parameters = parts.parameters if parts else ()
            # All of them before anything is asked for: one that is refused shall cost no request.
            values = [field.argument(variables, parameters) for field in fields]
            run = Run(self._asked, context, variables, given, size)
            requested = []
            if len(fields) == 1 and isinstance(fields[0], CompiledListing):
                requested.append(await fields[0].find(values[0], run))
            else:
                for field, value in zip(fields, values, strict=True):
                    requested.append(found := field.request(value, run))
                    for _, _, outcome in found:
                        if isinstance(outcome, Future):
                            awaited.append(outcome)
            for outcome in awaited:
                # One by one: those of a source come together, so that only the first one has to be awaited.
                if not outcome.done():
                    try:
                        await outcome
                    except Exception:  # noqa: S112 - `complete` puts it at its place in the answer
                        continue
            size.bytes += 1  # braces around the fields, less the comma behind the last one
            data: dict[str, Any] = {}
            for field, found in zip(fields, requested, strict=True):
                data[field.key] = field.complete(found, run)
            aliases = Aliases(parts.aliases) if parts and parts.aliases else NO_ALIASES
            if aliases is NO_ALIASES:
                for key, one in data.items():
                    if type(one) is bytes:
                        data[key] = Fragment(one)
            else:
                data = aliases.data(data, size)
            failures = run.failures if run.executor is None else run.all_failures()
            errors = self._shared.located(failures, text, parameters, aliases) if failures else None
        except LimitExceeded:
            raise
        except NotCompiled as error:
            self._shared.fallbacks.add(error.reason)
        except GraphQLError:  # a scalar refuses a value of a record
            self._shared.fallbacks.add(Reason.VALUE)
        except Exception as error:  # graphql-core will answer all the same
            self._shared.fallbacks.add(Reason.FAULT, error)
        except BaseException:  # its client has gone: pages that are still looked for are given up
            for outcome in awaited:
                if isinstance(outcome, Task):
                    outcome.cancel()
            raise
        else:
            return ExecutionResult(data, errors)
        return None

    def root_fields(self, variables: dict[str, Any]) -> list[RootField]:
        """Return the fields of the operation for these variables; raises `NotCompiled`."""
        switched = (
            tuple([variables.get(name) for name in self._conditional_variables]) if self._conditional_variables else ()
        )
        found = self._specialisations.get(switched)
        if found is None:
            shared = self._shared
            if shared.specialisations >= MAX_SPECIALISATIONS or shared.root_fields >= MAX_COMPILED_FIELDS:
                raise NotCompiled(Reason.CONDITIONS)
            shared.specialisations += 1
            shared.bytes += 1_000
            try:
                found = self._compiler.root_fields(
                    {name: value for name, value in variables.items() if name in self._conditional_variables}
                )
                shared.root_fields += len(found)
                shared.bytes += 1_200 * len(found)
            except NotCompiled as error:
                found = error.reason
            except GraphQLError:  # a literal that its type refuses
                found = Reason.ARGUMENT
            except Exception:
                self._specialisations[switched] = Reason.FAULT
                raise
            self._specialisations[switched] = found
        if isinstance(found, Reason):
            raise NotCompiled(found)
        if not self._conditional_variables:
            self._unconditional = found
        return found
