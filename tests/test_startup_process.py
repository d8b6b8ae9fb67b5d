"""`startup.process`: what a process needs to serve."""

import os
import socket
from pathlib import Path

import pytest

from configuration import AllSettings
from resolvers.settings import BadSettings
from server_settings import ServerSettings
from startup.process import listen, metrics_of_several, workers_of_uvicorn


def test_a_port_that_is_taken_is_one_line() -> None:
    with listen(ServerSettings(port=0)) as listener:
        port = listener.getsockname()[1]
        assert listener.family is socket.AF_INET
        with pytest.raises(BadSettings) as refused:
            listen(ServerSettings(port=port))
    (problem,) = refused.value.problems
    assert problem == f"HOST, PORT: 127.0.0.1:{port} cannot be used: Address already in use"


@pytest.mark.parametrize("metrics", ["true", "false"])
def test_several_workers_share_a_folder_for_metrics_until_they_end(
    metrics: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    with metrics_of_several(AllSettings({"CHARTMOGUL_API_KEY": "key", "METRICS": metrics})):
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        assert (folder is not None) is (metrics == "true")
        assert folder is None or Path(folder).is_dir()
    assert folder is None or not Path(folder).exists()


def test_a_process_that_uvicorn_did_not_start_is_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    assert workers_of_uvicorn() == 1
