"""The real tracelinkd, and the real tracelink to look into it."""

import json
import pathlib
import signal
import subprocess

import yaml

from . import unix_http
from .places import BIN, clean_environment
from .processes import Process
from .waiting import LIMIT_S, wait_until

PROTOBUF = "application/x-protobuf"


class CommandResult:
    def __init__(self, run: subprocess.CompletedProcess):
        self.code, self.out, self.err = run.returncode, run.stdout, run.stderr

    def json(self):
        assert self.code == 0, f"exit {self.code}: {self.err}"
        return json.loads(self.out)


class Daemon:
    """One state directory and configuration; started and ended as often as a test likes."""

    def __init__(self, folder: pathlib.Path, config: dict):
        self.folder = folder
        self.socket = folder / "t.sock"
        self.control = folder / "c.sock"
        self.config_file = folder / "tracelinkd.yaml"
        self.variables: dict[str, str] = {}  # of the deployment: more environment for the daemon and its commands
        self.log_file = folder / "tracelinkd.log"
        self._process: Process | None = None
        self.config = {
            "state_dir": str(folder / "state"),
            "listen": {"socket": {"path": str(self.socket)}},
            "control": {"socket": str(self.control)},
            "forward": {"trace_grace": "200ms"},
            "shutdown_grace": "0s",
        }
        self.configure(config)

    def configure(self, changes: dict) -> None:
        """Replaces top-level keys of the configuration file; takes effect at the next start."""
        self.config |= changes
        self.config_file.write_text(yaml.safe_dump(self.config))

    @property
    def environment(self) -> dict[str, str]:
        return clean_environment(HOME=str(self.folder)) | self.variables

    def start(self) -> None:
        assert not self.is_running(), "already running"
        self._process = Process([BIN / "tracelinkd", "--config", self.config_file], self.environment, self.log_file)
        self.wait()

    def wait(self) -> None:
        """A socket's file is there before somebody listens."""
        wait_until("tracelinkd accepts", self._accepts, state=self.log_tail)

    def adopt(self, process: Process) -> None:
        """For a daemon that something else starts (socket activation)."""
        self._process = process

    def _accepts(self) -> bool:
        assert self.is_running(), f"tracelinkd exited\n{self.log_tail()}"
        try:
            return unix_http.request(self.socket, "GET", "/", timeout_s=5).status == 200
        except OSError:
            return False

    def is_running(self) -> bool:
        return self._process is not None and self._process.is_running()

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def sigkill(self) -> None:
        assert self._process and self.is_running(), self.log_tail()
        self._process.kill()

    def terminate(self) -> None:
        assert self._process and self.is_running(), self.log_tail()
        self._process.signal_group(signal.SIGTERM)

    def exit_code(self) -> int:
        assert self._process
        return self._process.wait()

    def sigterm(self) -> int:
        self.terminate()
        return self.exit_code()

    def restart(self) -> None:
        assert self.sigterm() == 0, self.log_tail()
        self.start()

    def end(self) -> None:
        if self.is_running():
            self._process.kill()

    def log_tail(self) -> str:
        return self._process.log_tail() if self._process else "(never started)"

    def tracelink(self, *arguments, input: str | None = None, **environment: str) -> CommandResult:
        return CommandResult(subprocess.run(
            [BIN / "tracelink", "--config", self.config_file, *map(str, arguments)],
            env=self.environment | environment, input=input, stdin=None if input else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False))

    def status(self) -> dict:
        return self.tracelink("status", "--json").json()

    def spans(self) -> dict:
        """The span counts of the status, after checking that they balance."""
        spans = self.status()["spans"]
        explained = sum(spans[term] for term in ("delivered", "queued", "dead_lettered", "duplicate", "damaged"))
        explained += sum(spans["dropped"].values())
        assert spans["accepted"] == explained, f"the balance is broken: {spans}"
        return spans

    def wait_for_spans(self, limit_s: float = LIMIT_S, **expected: int) -> dict:
        """Waits until the named counts are reached, e.g. wait_for_spans(delivered=10, queued=0)."""
        def reached():
            spans = self.spans()
            return spans if all(spans[term] == count for term, count in expected.items()) else None

        def state():
            status = self.status()
            return json.dumps({key: status[key] for key in ("spans", "server", "model", "held", "last_error")})
        return wait_until(f"spans {expected}", reached, limit_s, state)

    def wait_for_model(self) -> dict:
        """The `model` of the status, once the LoggedModel is registered."""
        def ready():
            model = self.status()["model"]
            return model if model["state"] == "ready" else None
        return wait_until("the model is ready", ready, state=self.log_tail)

    def post(self, request, content_type: str = PROTOBUF, headers: dict[str, str] | None = None) -> None:
        """Sends one ExportTraceServiceRequest; returns when all of it is acknowledged."""
        reply = unix_http.request(self.socket, "POST", "/v1/traces", request.SerializeToString(),
                                  {"Content-Type": content_type} | (headers or {}))
        assert (reply.status, reply.body) == (200, b""), reply
