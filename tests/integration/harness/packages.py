"""The packages that scripts/package makes of the binaries under test."""

import dataclasses
import pathlib
import re
import shutil
import subprocess

from .places import BIN, ROOT, clean_environment


@dataclasses.dataclass
class Packages:
    deb: pathlib.Path
    archive: pathlib.Path
    dbgsym: pathlib.Path | None


def with_version(deb: pathlib.Path, version: str, folder: pathlib.Path) -> pathlib.Path:
    """The same package under another version, in `folder`."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True, env=clean_environment())
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
    made = folder / re.sub(r"_[^_]*_", f"_{version}_", deb.name)
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", "-Zgzip", tree, made], check=True, env=clean_environment(), stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return made


def make_packages(output: pathlib.Path, *options: str) -> Packages:
    subprocess.run([ROOT / "scripts/package", "--build", BIN.parent, "--output", output, *options], check=True, env=clean_environment())
    [deb] = output.glob("tracelink_*.deb")
    [archive] = output.glob("tracelink-*.tar.gz")
    return Packages(deb, archive, next(output.glob("tracelink-dbgsym_*.deb"), None))
