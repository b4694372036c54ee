"""Containers as a pod's manifest describes them, without Kubernetes: users, groups, volumes, read-only roots (needs root)."""

import json
import pathlib
import shutil
import subprocess
import tarfile

from .places import clean_environment
from .processes import Process


def unpack(image: pathlib.Path, root: pathlib.Path) -> None:
    """The layers of an OCI image, found as a container engine finds them."""
    with tarfile.open(image) as archive:
        def blob(descriptor: dict):
            return archive.extractfile("blobs/" + descriptor["digest"].replace(":", "/"))
        [manifest] = json.load(archive.extractfile("index.json"))["manifests"]
        for layer in json.load(blob(manifest))["layers"]:
            with tarfile.open(fileobj=blob(layer), mode="r:gz") as files:
                files.extractall(root)


class Pod:
    """The container `tracelink` has the image as its root file system, the others an overlay of this machine's."""

    def __init__(self, folder: pathlib.Path, spec: dict, image: pathlib.Path):
        self._folder = folder
        self._group = str(spec["securityContext"]["fsGroup"])
        self._image, self._machine = folder / "image", folder / "machine"
        for name in ("image", "machine", "upper", "work", "volumes"):
            (folder / name).mkdir()
        folder.chmod(0o755)
        unpack(image, self._image)
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work", self._machine],
                       check=True)
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
        root = self._image if container["name"] == "tracelink" else self._machine
        mounts = []
        for mount in container["volumeMounts"]:
            target = root / mount["mountPath"].lstrip("/")
            target.mkdir(parents=True, exist_ok=True)
            mounts.append(f"mount --bind {self._folder}/volumes/{mount['name']} {target}")
            if mount.get("readOnly"):
                mounts.append(f"mount -o remount,bind,ro {target}")
        if security.get("readOnlyRootFilesystem"):
            mounts.append(f"mount -o remount,bind,ro {root}")
        script = "\n".join(["set -e", f"mount --bind {root} {root}", f"mount --rbind /proc {root}/proc", f"mount --rbind /dev {root}/dev", *mounts,
                            f'exec setpriv --no-new-privs chroot --userspec={security["runAsUser"]}:{security["runAsGroup"]} '
                            f'--groups={self._group} {root} "$@"'])
        return ["unshare", "--mount", "sh", "-c", script, "sh", *command]

    def start(self, container: dict, environment: dict[str, str]) -> Process:
        return Process(self._arguments(container, container["command"]), clean_environment(HOME="/", **environment), self._folder / "container.log")

    def run(self, container: dict, command: list[str]) -> subprocess.CompletedProcess:
        return subprocess.run(self._arguments(container, command), env=clean_environment(HOME="/"), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300, check=False)

    def end(self) -> None:
        subprocess.run(["umount", "--lazy", self._machine], check=True)
