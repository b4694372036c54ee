"""The programs of tests/clients: OpenTelemetry's SDKs in Node.js, Go and Java (built by `scripts/setup --all`)."""

import pathlib
import subprocess

from .places import CLIENTS, clean_environment


class Program:
    """One of tests/clients, which prints the id of each trace whose export succeeded, until its standard input ends."""

    def __init__(self, endpoint: str, *command):
        self._process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_environment(
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_TRACES_INSECURE="true", OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="300000"))

    def send(self) -> list[str]:
        line = self._process.stdout.readline()
        assert line, f"it ended by itself with {self._process.wait()}"
        return [line.strip()]

    def end(self) -> None:
        self._process.communicate(timeout=300)
        assert self._process.returncode == 0


def programs(intake: pathlib.Path, loopback: str) -> dict[str, Program]:
    """Started: each points its SDK at the socket, or at the loopback listener if it dials no Unix socket."""
    unix = f"unix://{intake}"
    java = CLIENTS / "java"
    return {"Node.js": Program(unix, "node", CLIENTS / "node/client.js"), "Go": Program(unix, CLIENTS / "go/client"),
            "Java": Program(f"http://{loopback}", "java", "-cp", f"{java}:{java}/lib/*", "Client")}
