"""The variables that decide which fields an operation has."""

from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    print_ast,
    visit,
)


class _ConditionFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, None] = {}

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        for argument in node.arguments or ():
            if isinstance(argument.value, VariableNode):
                self.names[argument.value.name.value] = None


def conditional_variables(document: DocumentNode, operation: OperationDefinitionNode) -> list[str]:
    """Return the names of the variables in the document's directives, `@skip` and `@include`.

    Only Booleans of this operation, which can have few values: the document's other operations may have variables of
    the same names and of other types.
    """
    finder = _ConditionFinder()
    visit(document, finder)
    booleans = {
        definition.variable.name.value
        for definition in operation.variable_definitions or ()
        if print_ast(definition.type) in ("Boolean", "Boolean!")
    }
    return [name for name in finder.names if name in booleans]
