"""All candidates must give the same answers, or their speed says nothing."""

import json
from typing import Any

from benchmarks import workloads
from benchmarks.candidates import OURS, Candidate
from benchmarks.processes import post

COMPARED = 5
"""Bodies of each workload."""


def verify(found: list[Candidate], files: workloads.Files) -> list[str]:
    """Return a line for each difference; those of Tailcall are of shape only, and it is compared by value."""
    ours = next((c for c in found if c.name == OURS), found[0])
    problems = []
    for workload in workloads.NAMES:
        expected = [_data(ours, line) for line in _bodies(files, workload)]
        for candidate in found:
            if candidate is ours or not candidate.takes(workload):
                continue
            if not candidate.dialect:
                same = [_data(candidate, line) for line in _bodies(files, workload)] == expected
            else:
                same = all(_is_right(_data(candidate, line)) for line in _bodies(files, workload, candidate.dialect))
            if not same:
                problems.append(f"{candidate.name} answers {workload} differently.")
    return problems


def _bodies(files: workloads.Files, workload: str, dialect: str = "") -> list[str]:
    return files.bodies(workload, dialect).read_text("utf-8").splitlines()[:COMPARED]


def _data(candidate: Candidate, body: str) -> Any:
    answer = post(candidate.url, body.replace("@@", "verify").encode())
    if answer.get("errors"):
        raise SystemExit(f"{candidate.name} fails: {json.dumps(answer['errors'])[:500]}")
    return answer["data"]


def _is_right(data: dict[str, Any]) -> bool:
    """Whether Tailcall's records are those of the mock, by what does not depend on names."""
    fields = ("stageName", "pipelineName", "createdAt", "CrmBoardColumnName", "Notes")
    own = {
        "stageName": ("CrmBoardColumnName", "pipeline_stage"),
        "pipelineName": ("CrmBoardColumnCrmBoardName", "pipeline"),
        "createdAt": ("CreatedOn", "created_at"),
    }
    records = [one.get("it", one) for value in data.values() for one in _listed(value)]
    for record in records:
        id_ = str(record.get("id", record.get("Id")))
        is_chartmogul = "-" in id_
        number = int(id_.rpartition("-")[2])
        truth = workloads.chartmogul_record(number) if is_chartmogul else workloads.nexudus_record(number)
        for field in fields:
            if field in record and record[field] != truth[own.get(field, (field, field))[is_chartmogul]]:
                return False
    return bool(records)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
