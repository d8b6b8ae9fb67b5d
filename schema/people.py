"""Who is who among owners: Nexudus knows their names, ChartMogul their email addresses. An operator's file joins both.

    [{"name": "Testy McAdminface", "email": "testy@example.com", "also": ["T. McAdminface", "sales@example.com"]}]

An owner whose name or address is one of a person's, without case, is that person in both systems.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import msgspec

from json_names import DoubledName, check_names
from resolvers.settings import read_text
from store.text import fold


class BadPeople(ValueError):
    """The file does not say who is who; the text says why."""


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person: the name and address that the graph shows, and what else sources call them."""

    name: str
    email: str
    also: Sequence[str] = ()


class People:
    """Persons by all that they are called.

    `version` tells apart who is known from one time to another; `digest` does so in all processes, and is empty where
    nobody is known.
    """

    def __init__(self) -> None:
        self._known: dict[str, Person] = {}
        self.version = 0
        self.digest = ""

    def know(self, persons: Sequence[Person]) -> None:
        """Take these persons in place of those that were known; raises `BadPeople` if two are called the same."""
        known: dict[str, Person] = {}
        for person in persons:
            if "@" not in person.email or not person.name.strip():
                raise BadPeople("each person must have a name, and an email address")
            for called in {fold(one) for one in (person.name, person.email, *person.also)}:
                if called in known:
                    raise BadPeople("two persons have the same name or address")
                known[called] = person
        if known != self._known:
            self._known, self.version = known, self.version + 1
            shown = [(called, person.name, person.email) for called, person in sorted(known.items())]
            self.digest = blake2b(msgspec.json.encode(shown), digest_size=8).hexdigest() if known else ""

    def read_anew(self, path: Path) -> bool:
        """Know whom a file has by now; return whether it has changed. Raises `BadPeople`, and is then what it was."""
        before = self.version
        self.know(read_people(path))
        return self.version != before

    def name_of(self, attribute: str, *, is_name: bool) -> Callable[[Any], Any]:
        """Return what gives the name of whom a record's attribute calls, or that itself if it is one."""

        called_of = attrgetter(attribute)

        def read(record: Any) -> Any:
            person = self._person(called_of(record)) if self._known else None
            if person is not None:
                return person.name
            return called_of(record) if is_name else None

        return read

    def address_of(self, attribute: str, *, is_address: bool) -> Callable[[Any], Any]:
        """Return what gives the email address of whom a record's attribute calls, or that itself if it is one."""

        called_of = attrgetter(attribute)

        def read(record: Any) -> Any:
            called = called_of(record) if is_address else None
            return self.address(called_of(record), called) if self._known else called

        return read

    def address(self, called: Any, otherwise: Any) -> Any:
        """Return the email address of whom a source calls this."""
        person = self._person(called) if self._known else None
        return otherwise if person is None else person.email

    def names(self, called: str) -> Sequence[str]:
        """Return all that the person has who is called this, the email address first; for a stranger this alone."""
        person = self._person(called)
        return (called,) if person is None else (person.email, person.name, *person.also)

    def _person(self, called: Any) -> Person | None:
        return self._known.get(fold(called)) if isinstance(called, str) else None


PEOPLE: Final = People()
"""The persons of the operator's file: what every record shows of its owner goes by them."""


def read_people(path: Path) -> Sequence[Person]:
    """Return the persons of a file; raises `BadPeople`."""
    try:
        text = read_text(str(path))
    except ValueError as error:
        raise BadPeople(f"the file {error}") from None
    try:
        found = msgspec.json.decode(text, type=list[Person])
        check_names(text.encode())
    except DoubledName:
        raise BadPeople("an object in the file has a name twice") from None
    except (msgspec.MsgspecError, ValueError):  # whose text may repeat a name
        raise BadPeople('the file must be a list of objects like {"name": "…", "email": "…", "also": ["…"]}') from None
    People().know(found)
    return found
