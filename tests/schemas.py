"""The graph's schemas, each built once for all tests of a process: to build one takes longer than most tests.

Nobody may change what these return; who wants to builds one of its own (`schema.build_schema`).
"""

from functools import cache

import schema

build_schema = cache(schema.build_schema)
build_restricted_schema = cache(schema.build_restricted_schema)
