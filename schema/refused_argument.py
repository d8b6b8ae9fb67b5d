"""A refusal that says which part of which argument it is about, for whoever has sent forty of them."""

from resolvers.errors import BadUserInput


class RefusedArgument(BadUserInput):
    """An argument of a field, or a part of one, is not valid.

    `place` leads to it, by the names and indices of GraphQL: `("filter", "or", 3, "value", "gte")`. Whoever checks a
    part knows the end of that, and whoever called it says with `within` what is before it. `said` goes on from the
    place ("must be …"), or is a sentence of its own.
    """

    def __init__(self, said: str, *place: str | int) -> None:
        between = ": " if said[:1].isupper() else " "
        super().__init__(f"`{written(place)}`{between}{said}" if place else said)
        self.said, self.place = said, place


def within(error: BadUserInput, *place: str | int) -> RefusedArgument:
    """Return a refusal of what is at a place as one that says so."""
    if isinstance(error, RefusedArgument):
        return RefusedArgument(error.said, *place, *error.place)
    return RefusedArgument(error.message, *place)


def written(place: tuple[str | int, ...]) -> str:
    """Return a place as text: `filter.or[3].value.gte`."""
    return "".join([f"[{one}]" if isinstance(one, int) else f".{one}" for one in place]).removeprefix(".")
