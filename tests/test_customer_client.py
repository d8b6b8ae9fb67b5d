"""`resolvers.fetching.customer_client`: customers are kept longer than records, and not at all where these are not."""

from resolvers.fetching.customer_client import FRESH_SECONDS, cache_settings
from resolvers.fetching.record_cache import CacheSettings


def test_customers_are_kept_for_an_hour_within_the_bounds_of_records() -> None:
    found = cache_settings(CacheSettings(cache_max_records=7, cache_max_bytes=5_000, cache_stale_seconds=7_200))
    assert found.cache_fresh_seconds == found.cache_stale_seconds == FRESH_SECONDS
    assert (found.cache_max_records, found.cache_max_bytes) == (7, 5_000)


def test_where_no_records_are_kept_no_customers_are() -> None:
    off = CacheSettings(cache_fresh_seconds=0, cache_missing_seconds=0, cache_stale_seconds=0)
    assert cache_settings(off) == off
