"""A machine of its own with a real systemd: systemd-nspawn on an overlay of this one's root."""

import json
import pathlib
import shutil
import subprocess

from .places import APPS, clean_environment
from .processes import Process
from .waiting import LIMIT_S, wait_until

UNIT = """\
[Unit]
Description=What the test does inside
After=basic.target

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /exchange/program.py
StandardOutput=append:/exchange/program.log
StandardError=append:/exchange/program.log
ExecStopPost=/usr/bin/systemctl --no-block poweroff
"""


class Machine:
    def __init__(self, folder: pathlib.Path):
        self.exchange = folder / "exchange"
        self._folder = folder
        self._root = folder / "root"
        self._process: Process | None = None
        for name in ("exchange", "root", "upper", "work"):
            (folder / name).mkdir()
        self._sudo("mount", "-t", "overlay", "overlay", "-o",
                   f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work", self._root)
        (self._root / "etc/systemd/system/inside.service").write_text(UNIT)
        # Images of containers have it, so that packages start nothing.
        (self._root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)

    @staticmethod
    def _sudo(*command) -> None:
        subprocess.run([str(part) for part in command], check=True, env=clean_environment())

    def run(self, program: str) -> dict:
        """Boots, runs the Python program of apps/, powers off; returns what it wrote to /exchange/seen.json."""
        shutil.copy(APPS / program, self.exchange / "program.py")
        self._process = Process(
            ["systemd-nspawn", "--quiet", f"--directory={self._root}", f"--bind={self.exchange}:/exchange",
             "--register=no", "--keep-unit", "--private-network", "--boot", "--", "systemd.unit=inside.service"],
            clean_environment(), self._folder / "boot.log")
        # All that the program does: a hundred restarts, several installations.
        wait_until("the machine has powered off", lambda: not self._process.is_running(), 12 * LIMIT_S, state=self._process.log_tail)
        seen = self.exchange / "seen.json"
        assert seen.exists(), (self.exchange / "program.log").read_text() + self._process.log_tail()
        return json.loads(seen.read_text())

    def end(self) -> None:
        if self._process and self._process.is_running():
            self._process.kill()
        self._sudo("umount", "--lazy", self._root)
