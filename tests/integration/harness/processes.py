"""A child process with a log file, in a process group of its own."""

import os
import pathlib
import signal
import subprocess


class Process:
    def __init__(self, arguments: list, environment: dict[str, str], log: pathlib.Path, **popen):
        self.log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [str(argument) for argument in arguments], env=environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **popen)
        self.pid = self._child.pid

    def is_running(self) -> bool:
        return self._child.poll() is None

    def signal_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def wait(self, limit_s: float = 300) -> int:
        return self._child.wait(limit_s)

    def kill(self) -> None:
        self.signal_group(signal.SIGKILL)
        self._child.wait()

    def log_tail(self, lines: int = 40) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
