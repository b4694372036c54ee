"""scripts/quickstart after setup and build: what a first reader sees, and the way on to a program of one's own."""

import re
import subprocess
import sys

import pytest
import requests

from harness.places import BIN, PATIENT, ROOT, clean_environment
from harness.waiting import wait_until

APPLICATION = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
with provider.get_tracer("own").start_as_current_span("my own span") as span:
    print(f"tr-{span.get_span_context().trace_id:032x}")
provider.shutdown()
"""


def shell(folder, command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, shell=True, cwd=folder, env=clean_environment(TMPDIR=str(folder), **PATIENT),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=1800, check=False)


@pytest.fixture
def shown(folder) -> str:
    """What it printed. All is still running then, and is stopped with the command that it printed."""
    run = shell(folder, f"{sys.executable} {ROOT}/scripts/quickstart.py {BIN.absolute()} --keep")
    assert run.returncode == 0 and run.stderr == "", run.stdout + run.stderr
    yield run.stdout
    stop = command_of(run.stdout, "kill -- .*")
    assert shell(folder, stop).returncode == 0
    wait_until("server and daemon have ended", lambda: shell(folder, stop.replace("kill", "kill -0")).returncode != 0)


def command_of(shown: str, pattern: str) -> str:
    return re.search(f"^  ({pattern})$", shown, re.MULTILINE)[1]


def test_the_first_run_warns_of_nothing_and_the_printed_command_runs_a_program_of_ones_own(folder, shown):
    status = command_of(shown, ".* status")
    log = (next(folder.glob("tracelink-*")) / "tracelinkd.log").read_text()
    for text in (shown, log, shell(folder, status).stdout):
        assert not re.search("warn|error:", text, re.IGNORECASE), text

    (folder / "app.py").write_text(APPLICATION)
    own = shell(folder, command_of(shown, ".* run -- python app.py").replace("python app.py", f"{sys.executable} app.py"))
    assert own.returncode == 0 and own.stderr == "", own.stderr
    trace_id = own.stdout.strip()
    uri, experiment, model = re.search(r"^MLflow page: (\S+)/#/experiments/(\d+)/models/(m-\w+)$", shown, re.MULTILINE).groups()

    def linked() -> bool:
        answer = requests.get(f"{uri}/api/3.0/mlflow/traces/{trace_id}", timeout=300)
        return answer.ok and answer.json()["trace"]["trace_info"]["trace_metadata"].get("mlflow.modelId") == model
    wait_until("the program's trace is linked", linked)
