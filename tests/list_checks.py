"""What holds for any list, whatever it is asked for: checks of one store, which `tests/` run on each kind."""

from random import Random

from hypothesis import strategies as st

from tests.deal_filters import KEY_LISTS, Lists, filters, keys
from tests.deal_lists import source_id
from tests.shown_deals import meets, ordered


def equals_plain_python(lists: Lists, data: st.DataObject) -> None:
    """Check one page of a random filter and order, and how many deals there are."""
    filter_, order, size = data.draw(filters(lists)), data.draw(KEY_LISTS), data.draw(st.integers(1, 200))
    expected = keys(ordered([deal for deal in lists.deals if meets(deal, filter_)], order))
    page = lists.page(filter=filter_, order=order, first=size)
    assert page["totalCount"] == len(expected)
    assert keys(page["nodes"]) == expected[:size]
    assert page["pageInfo"]["hasNextPage"] is (len(expected) > size)


def is_paged_through_once(lists: Lists, data: st.DataObject) -> None:
    """Check all pages of a random list, in either direction."""
    filter_ = data.draw(st.none() | filters(lists))
    order, size, is_backward = data.draw(KEY_LISTS), data.draw(st.integers(7, 60)), data.draw(st.booleans())
    pages = list(lists.pages(size=size, is_backward=is_backward, filter=filter_, order=order))
    found = [one for page in (reversed(pages) if is_backward else pages) for one in page]
    assert found == keys(ordered([deal for deal in lists.deals if meets(deal, filter_ or {})], order))


def shows_unchanged_deals_once(lists: Lists, data: st.DataObject) -> None:
    """Check that paging while others come, change and go shows every unchanged deal that meets a filter just once."""
    filter_ = data.draw(st.none() | filters(lists))
    order, size, is_backward = data.draw(KEY_LISTS), data.draw(st.integers(5, 40)), data.draw(st.booleans())
    chance = Random(data.draw(st.integers(0, 2**32)))
    touched: set[tuple[str, int]] = set()
    added = []
    seen: list[str] = []
    try:
        for number, page in enumerate(lists.pages(size=size, is_backward=is_backward, filter=filter_, order=order)):
            seen += page
            source = chance.choice(sorted(lists.records))
            count = len(lists.records[source])
            one, like = chance.randrange(1, count, 2), chance.randrange(count)
            touched.add((source, one))
            written = lists.write(source, one, like)
            if chance.random() < 0.4:
                lists.delete(written)
            if number < 20:
                added.append(lists.write(source, one, like, id_=900_000 + number))
    finally:
        for source, one in touched:
            lists.write(source, one, one)
        for gone in added:
            lists.delete(gone)
    every = {one: index % 2 for some in lists.records.values() for index, one in enumerate(map(source_id, some))}
    unchanged = [one for one in lists.deals if every[one["sourceId"]] == 0]
    expected = keys([one for one in unchanged if meets(one, filter_ or {})])
    assert sorted(set(keys(unchanged)).intersection(seen)) == sorted(expected)
    assert len(expected) == sum(one in set(expected) for one in seen)
