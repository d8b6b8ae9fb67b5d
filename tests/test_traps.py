"""The traps that were found by trying, each with the test that keeps it from snapping.

Numbers are those of the list of traps that the project was designed with; a test's docstring says "Trap n" as well.
"""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent

TRAPS: dict[int, tuple[str, list[str]]] = {
    1: (
        "a failed non-null field cancels its siblings, and whoever shares their loader's future",
        [
            "test_engine.py::test_a_cancelled_caller_does_not_cancel_the_others_of_its_key",
            "test_query.py::test_a_failed_non_null_field_does_not_cancel_the_batch_of_others",
        ],
    ),
    2: (
        "a cancelled batch function leaves its callers waiting for ever",
        ["test_engine.py::test_a_cancelled_batch_does_not_leave_its_callers_waiting"],
    ),
    3: (
        "an exception raised in a batch fails every key",
        ["test_query.py::test_one_failing_record_leaves_the_others_whole"],
    ),
    4: (
        "waiting before a key is queued splits the batch",
        ["test_query.py::test_aliases_root_fields_and_entities_share_one_fetch"],
    ),
    5: (
        "two spellings of an id are two keys; loaders are made for one request",
        [
            "test_global_id.py::test_one_record_has_one_canonical_spelling",
            "test_query.py::test_two_spellings_of_one_id_are_one_key",
            "test_query.py::test_requests_do_not_share_their_loaders",
        ],
    ),
    6: (
        "a list gives one null and one located error for each failing id",
        ["test_query.py::test_a_list_gives_one_null_and_one_located_error_for_each_failing_id"],
    ),
    7: (
        "an interface with a key needs the same key on every implementation",
        ["test_federation.py::test_the_interface_has_a_key_and_every_implementation_the_same_one"],
    ),
    8: (
        "a sorted schema breaks unions at run time",
        ["test_federation.py::test_every_type_of_the_entity_union_resolves_at_run_time"],
    ),
    9: (
        "composers refuse federation versions newer than they know",
        ["test_federation.py::test_the_federation_version_is_the_lowest_that_has_keys_on_interfaces"],
    ),
    10: (
        "the stock `_entities` changes the caller's variables, and one unknown type nulls everything",
        [
            "test_federation.py::test_two_aliases_on_one_variable_both_find_their_entities",
            "test_federation.py::test_one_unknown_typename_does_not_null_the_whole_response",
        ],
    ),
    11: (
        "representations arrive unchecked",
        [
            "test_federation.py::test_a_malformed_representation_is_bad_input_for_itself_alone",
            "test_federation.py::test_an_entity_of_another_type_than_the_one_asked_for_is_not_given",
            "test_federation.py::test_extra_fields_of_a_representation_are_ignored",
        ],
    ),
    12: (
        "value types are shared, `node` is not",
        ["test_federation.py::test_money_is_shareable_and_node_belongs_to_nobody_else"],
    ),
    13: (
        "`_service` is there with or without introspection",
        ["test_federation.py::test_the_service_sdl_is_the_printed_schema"],
    ),
    14: (
        "the framework's view knows one media type, sends null data, plain text, and 405 without Allow",
        [
            "test_endpoint.py::test_the_answer_has_the_media_type_that_the_client_accepts",
            "test_endpoint.py::test_an_error_of_the_request_is_400_or_200_as_the_media_type_has_it_and_has_no_data",
            "test_endpoint.py::test_other_methods_are_405_in_json_and_say_what_is_allowed",
            "test_endpoint.py::test_a_post_is_answered_where_it_is_sent_without_a_redirect",
        ],
    ),
    15: (
        "a page that loads from elsewhere stays empty without internet",
        [
            "test_graphiql_page.py::test_our_own_files_name_no_other_host",
            "test_graphiql_page.py::test_no_stylesheet_fetches_anything_from_elsewhere",
        ],
    ),
    17: (
        "the framework logs every error with a traceback",
        [
            "test_transport.py::test_a_failure_is_one_line_in_the_log_without_ids_or_addresses",
            "test_errors.py::test_an_expected_error_is_not_logged_with_a_traceback",
            "test_engine.py::test_a_fault_of_this_server_is_masked",
        ],
    ),
    18: (
        "Nexudus ignores parameters that it does not know",
        [
            "test_nexudus_page.py::test_a_row_not_asked_for_shows_that_the_filter_was_ignored",
            "test_nexudus_client.py::test_an_ignored_filter_is_detected_and_not_tried_again_for_some_minutes",
        ],
    ),
    19: (
        "a list without its size has 25 rows; a record's `Value` is not the envelope's",
        [
            "test_nexudus_client.py::test_a_list_by_ids_sends_its_size_or_only_25_rows_would_come",
            "test_nexudus_page.py::test_a_failure_inside_an_answer_is_told_from_a_record_by_was_successful",
        ],
    ),
    20: (
        "401 from Nexudus means a bad token or a missing role",
        [
            "test_nexudus_tokens.py::test_a_401_is_answered_with_one_renewal_and_one_retry",
            "test_nexudus_tokens.py::test_a_401_for_ever_is_reported_without_a_storm",
        ],
    ),
    21: (
        "refresh tokens rotate, one for each client id; 409 and 429 both mean slow down",
        [
            "test_nexudus_tokens.py::test_refresh_tokens_rotate",
            "test_nexudus_tokens.py::test_renewal_is_single_flight",
            "test_nexudus_tokens.py::test_50_parallel_requests_at_expiry_cost_one_renewal",
            "test_nexudus_tokens.py::test_each_process_has_a_client_id_of_its_own",
            "test_reply.py::test_409_and_429_both_mean_slow_down",
        ],
    ),
    22: (
        "ChartMogul answers 503 above 20 parallel connections, perhaps in plain text",
        [
            "test_chartmogul_client.py::test_at_most_10_requests_run_at_once",
            "test_chartmogul_client.py::test_an_overload_in_plain_text_is_a_retryable_error_of_the_one_record",
            "test_reply.py::test_an_overloaded_chartmogul_may_answer_503_in_plain_text",
        ],
    ),
    23: (
        "a URL library climbs paths, and other scripts have digits too",
        ["test_global_id.py::test_an_id_with_path_segments_or_digits_of_other_scripts_is_refused"],
    ),
    24: (
        "doubles lose digits; NaN and deep nesting raise what is not expected",
        [
            "test_nexudus_record.py::test_amounts_are_exact_to_the_last_digit",
            "test_reply.py::test_json_nan_and_deep_nesting_are_refused_as_a_bad_response",
        ],
    ),
    25: (
        "aiohttp silently sends again on a dead connection",
        [
            "test_httpclient_client.py::test_a_connection_killed_on_reuse_costs_exactly_one_request",
        ],
    ),
    26: (
        "limiters that follow every spread take exponential time",
        ["test_engine_cost.py::test_a_million_fields_in_twenty_fragments_are_counted_without_being_walked"],
    ),
    27: (
        "several operations, sizes, deep JSON, huge integers, bad UTF-8, compressed bodies",
        [
            "test_engine.py::test_several_operations_need_the_name_of_one_of_them",
            "test_endpoint.py::test_a_body_above_the_limit_is_413",
            "test_endpoint.py::test_a_body_that_is_no_request_is_400",
            "test_endpoint.py::test_a_compressed_body_is_415",
        ],
    ),
    28: (
        "hang-ups cancel nothing, slow bodies are waited for, SIGTERM refuses at once",
        [
            "test_httpserver_disconnect.py::test_a_client_that_goes_away_frees_the_request_upstream",
            "test_httpserver_shutdown.py::test_sigterm_under_load_loses_no_request",
            "test_attacks_bodies.py::test_a_body_that_never_ends_is_given_up",
        ],
    ),
}

ELSEWHERE: dict[int, str] = {
    16: "no extension classes of the framework are used: `engine.engine` calls graphql-core itself",
}


def test_every_trap_has_a_test_or_a_reason() -> None:
    assert sorted([*TRAPS, *ELSEWHERE]) == list(range(1, 29))


@pytest.mark.parametrize("number", TRAPS)
def test_the_tests_of_a_trap_exist(number: int) -> None:
    for node in TRAPS[number][1]:
        file, _, name = node.partition("::")
        assert re.search(rf"^(?:async )?def {name}\(", (HERE / file).read_text("utf-8"), re.MULTILINE), node
