"""Which of GraphQL's rules of validation can find anything in a document at all.

Each rule looks at every node, and some at much more than that. A document without a `$` has no variables that could be
wrong, one without an `@` no directives, one without dots and the word `fragment` no fragments. The text is searched for
that first: where such a sign stands in a text value, a rule runs in vain, as all of them would otherwise.
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
"""Rules of directives that the schema does not define: `@defer` and `@stream` are unknown, and there is no more to say.
graphql-core's rule for `@stream` raises an `AttributeError` where one stands in a union."""


def rules_for(query: str) -> list[type[ASTValidationRule]]:
    """Return the rules that a document's text has to be held against, in graphql-core's order."""
    idle: set[Any] = set(_UNDEFINED)
    for signs, names in _SIGNS.items():
        if not any(sign in query for sign in signs):
            idle.update(names)
    return [rule for rule in specified_rules if rule.__name__ not in idle]
