"""The rules of validation that can find an error in a document.

Each rule visits every node, and some do much more. A document without a `$` has no variables that could be wrong, one
without an `@` no directives, one without dots and the word `fragment` no fragments. So the text is searched for these
signs first. A sign inside a string literal only makes a rule run that finds nothing.
"""

from typing import Any

from graphql import ASTValidationRule, specified_rules

_SIGNS = {
    ("$",): (
        "NoUndefinedVariablesRule",
        "NoUnusedVariablesRule",
        "UniqueVariableNamesRule",
        "VariablesAreInputTypesRule",
        "VariablesInAllowedPositionRule",
    ),
    ("@",): (
        "KnownDirectivesRule",
        "UniqueDirectivesPerLocationRule",
    ),
    ("...", "fragment"): (
        "FragmentsOnCompositeTypesRule",
        "KnownFragmentNamesRule",
        "NoFragmentCyclesRule",
        "NoUnusedFragmentsRule",
        "PossibleFragmentSpreadsRule",
        "UniqueFragmentNamesRule",
    ),
    ("subscription",): ("SingleFieldSubscriptionsRule",),
}

_UNDEFINED = frozenset(
    {
        "DeferStreamDirectiveLabel",
        "DeferStreamDirectiveOnRootField",
        "DeferStreamDirectiveOnValidOperationsRule",
        "StreamDirectiveOnListField",
    }
)
"""Rules of directives that the schema does not define: another rule refuses `@defer` and `@stream` as unknown.
graphql-core's rule for `@stream` raises an `AttributeError` where one stands in a union."""


def rules_for(query: str) -> list[type[ASTValidationRule]]:
    """Return the rules that validate a document of this text, in graphql-core's order."""
    idle: set[Any] = set(_UNDEFINED)
    for signs, names in _SIGNS.items():
        if not any(sign in query for sign in signs):
            idle.update(names)
    return [rule for rule in specified_rules if rule.__name__ not in idle]
