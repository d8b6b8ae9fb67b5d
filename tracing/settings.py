"""Whether traces are exported, and what is wrong with the variables that say so.

They are OpenTelemetry's own (its specification's page on environment variables), and its SDK reads them. Here is
checked what the SDK would only complain of later, in several lines and perhaps with a secret in them.
"""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Final
from urllib.parse import unquote

from resolvers.settings import check_url

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
HEADERS: Final = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
COMPRESSIONS: Final = ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION")
TIMEOUTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
QUEUE: Final = "OTEL_BSP_MAX_QUEUE_SIZE"
BATCH: Final = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"
COUNTS: Final = {"OTEL_BSP_SCHEDULE_DELAY": 1, "OTEL_BSP_EXPORT_TIMEOUT": 0, QUEUE: 1, BATCH: 1}
"""What must be whole numbers, and the least that each may be."""
LIMITS: Final = (
    *("OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
    *("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT"),
    *("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"),
)
"""What must be whole numbers, or the SDK's own word `unset`."""
QUEUE_DEFAULT, BATCH_DEFAULT = 2048, 512
"""What the SDK takes for those that are not set."""
SAMPLERS: Final = (
    *("always_on", "always_off", "traceidratio"),
    *("parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"),
)

PACKAGES: Final = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
NOT_INSTALLED: Final = (
    "traces need packages that are not installed: python -m pip install --constraint constraints.txt '.[tracing]'"
)


def are_traced(variables: Mapping[str, str]) -> bool:
    """Return whether operations are traced: an endpoint or an exporter is named, and nothing says otherwise."""
    exporter = variables.get("OTEL_TRACES_EXPORTER", "").strip()
    if variables.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or exporter == "none":
        return False
    return bool(exporter) or any(variables.get(name, "").strip() for name in ENDPOINTS)


def credentials_go_to(variables: Mapping[str, str]) -> Iterable[str]:
    """Yield the variables with URLs that spans are sent to together with the operator's headers: credentials."""
    if are_traced(variables) and any(variables.get(name, "").strip() for name in HEADERS):
        yield from (name for name in ENDPOINTS if variables.get(name, "").strip())


def problems(variables: Mapping[str, str]) -> Iterable[str]:
    """Yield what is wrong, one line each, without the value; nothing where nothing is traced."""
    if not are_traced(variables):
        return
    given = {name: text.strip() for name, text in variables.items() if name.startswith("OTEL_") and text.strip()}
    if not all(map(_is_installed, PACKAGES)):
        yield f"{next(name for name in (*ENDPOINTS, 'OTEL_TRACES_EXPORTER') if name in given)}: {NOT_INSTALLED}"
    if given.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        yield "OTEL_TRACES_EXPORTER: must be otlp or none"
    if given.get("OTEL_TRACES_SAMPLER", SAMPLERS[0]) not in SAMPLERS:
        yield f"OTEL_TRACES_SAMPLER: must be one of {' '.join(SAMPLERS)}"
    if not _is_number(given.get("OTEL_TRACES_SAMPLER_ARG", "1"), most=1):
        yield "OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1"
    for name in ENDPOINTS:
        if name in given and (fault := check_url(given[name])):
            yield f"{name}: {fault}"
    for name in PROTOCOLS:
        if given.get(name, "http/protobuf") != "http/protobuf":
            yield f"{name}: must be http/protobuf"
    for name in HEADERS:
        if not all("=" in unquote(pair) for pair in given.get(name, "a=b").split(",")):
            yield f"{name}: must be name=value, separated by commas"
    for name in COMPRESSIONS:
        if given.get(name, "none").lower() not in ("none", "gzip", "deflate"):
            yield f"{name}: must be none, gzip or deflate"
    for name in TIMEOUTS:
        if not _is_number(given.get(name, "1")):
            yield f"{name}: must be a number >= 0"
    wrong = [name for name, least in COUNTS.items() if not _is_count(given.get(name, "1"), least)]
    yield from (f"{name}: must be a whole number >= {COUNTS[name]}" for name in wrong)
    for name in LIMITS:
        if given.get(name, "unset").lower() != "unset" and not _is_count(given[name]):
            yield f"{name}: must be a whole number >= 0"
    if not {QUEUE, BATCH} & set(wrong) and int(given.get(BATCH, BATCH_DEFAULT)) > int(given.get(QUEUE, QUEUE_DEFAULT)):
        yield f"{BATCH}: must not be more than {QUEUE}; unless set they are {BATCH_DEFAULT} and {QUEUE_DEFAULT}"


def _is_number(text: str, *, most: float = float("inf")) -> bool:
    try:
        return 0 <= float(text) <= most
    except ValueError:
        return False


def _is_count(text: str, least: int = 0) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
