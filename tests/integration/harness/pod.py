"""Containers as a pod's manifest describes them, without Kubernetes: users, groups, volumes, read-only roots (needs root)."""

import pathlib
import shutil
import subprocess

from .places import BIN, clean_environment
from .processes import Process


class Pod:
    """Its root file system is an overlay of this machine's, with the programs under test in /usr/bin."""

    def __init__(self, folder: pathlib.Path, spec: dict):
        self._folder = folder
        self._spec = spec
        self._group = str(spec["securityContext"]["fsGroup"])
        self._root = folder / "root"
        for name in ("root", "upper", "work", "volumes"):
            (folder / name).mkdir()
        folder.chmod(0o755)
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work", self._root], check=True)
        for name in ("tracelinkd", "tracelink"):
            shutil.copy(BIN / name, self._root / "usr/bin")
        for volume in spec["volumes"]:
            self._make_volume(volume["name"])

    def _make_volume(self, name: str) -> None:
        """As the kubelet gives it to fsGroup."""
        path = self._folder / "volumes" / name
        path.mkdir()
        shutil.chown(path, "root", int(self._group))
        path.chmod(0o2777)

    def write(self, volume: str, file: str, text: str) -> None:
        path = self._folder / "volumes" / volume / file
        path.write_text(text)
        shutil.chown(path, "root", int(self._group))
        path.chmod(0o440)

    def _arguments(self, container: dict, command: list[str]) -> list[str]:
        security = container["securityContext"]
        mounts = []
        for mount in container["volumeMounts"]:
            target = self._root / mount["mountPath"].lstrip("/")
            target.mkdir(parents=True, exist_ok=True)
            mounts.append(f"mount --bind {self._folder}/volumes/{mount['name']} {target}")
            if mount.get("readOnly"):
                mounts.append(f"mount -o remount,bind,ro {target}")
        if security.get("readOnlyRootFilesystem"):
            mounts.append(f"mount -o remount,bind,ro {self._root}")
        script = "\n".join(["set -e", f"mount --rbind /proc {self._root}/proc", f"mount --rbind /dev {self._root}/dev", *mounts,
                            f'exec chroot {self._root} setpriv --reuid={security["runAsUser"]} --regid={security["runAsGroup"]} '
                            f'--groups={self._group} --bounding-set=-all --inh-caps=-all --no-new-privs "$@"'])
        return ["unshare", "--mount", "sh", "-c", script, "sh", *command]

    def start(self, container: dict, environment: dict[str, str]) -> Process:
        return Process(self._arguments(container, container["command"]), clean_environment(HOME="/", **environment), self._folder / "container.log")

    def run(self, container: dict, command: list[str]) -> subprocess.CompletedProcess:
        return subprocess.run(self._arguments(container, command), env=clean_environment(HOME="/"), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, check=False)

    def end(self) -> None:
        subprocess.run(["umount", "--lazy", self._root], check=True)
