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
NUMBERS: Final = (
    *("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_BSP_SCHEDULE_DELAY"),
    *("OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"),
)
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
    for name in NUMBERS:
        if not _is_number(given.get(name, "1")):
            yield f"{name}: must be a number"


def _is_number(text: str, *, most: float = float("inf")) -> bool:
    try:
        return 0 <= float(text) <= most
    except ValueError:
        return False


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
