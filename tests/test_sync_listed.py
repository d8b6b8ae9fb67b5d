"""`sync.listed`: whether rows may have slipped through between the pages of a list."""

from functools import reduce

import pytest

from resolvers.listing import ListedPage, ListedRow
from sync.listed import Listed
from sync.run import Problem


def page(*ids: str, total: int | None = None, is_ordered: bool = True, unreadable: int = 0) -> ListedPage:
    rows = [ListedRow(id_, None) for id_ in ids]
    return ListedPage(rows, None, total, is_ordered=is_ordered, unreadable=unreadable)


@pytest.mark.parametrize(
    ("pages", "doubt"),
    [
        ([], None),
        ([page("a", total=3, is_ordered=False)], None),  # from one page none slips
        ([page("a", total=3), page("b", total=3)], None),
        ([page("a", total=3), page("b", total=4)], None),  # a row more is on a page to come
        ([page("a", total=3), page("b", total=2)], Problem.COUNT_DIFFERS),
        ([page("a", total=3), page("b"), page("c", total=2)], Problem.COUNT_DIFFERS),  # a page may tell no total
        ([page("a", total=3), page("b", total=2), page("c", total=3)], Problem.COUNT_DIFFERS),
        ([page("a", total=3, is_ordered=False), page("b", total=3)], Problem.MOVED_ORDER),
    ],
)
def test_a_list_whose_pages_disagree_may_lack_rows(pages: list[ListedPage], doubt: Problem | None) -> None:
    assert reduce(Listed.plus, pages, Listed()).doubt is doubt


def test_what_all_pages_have_shown_is_known() -> None:
    found = Listed().plus(page("a", "b", unreadable=1)).plus(page("b", "c", unreadable=2))
    assert (found.ids, found.unreadable) == ({"a", "b", "c"}, 3)
