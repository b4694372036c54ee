"""The packages that scripts/package makes of the binaries under test."""

import dataclasses
import pathlib
import subprocess

from .places import BIN, ROOT, clean_environment


@dataclasses.dataclass
class Packages:
    deb: pathlib.Path
    archive: pathlib.Path
    dbgsym: pathlib.Path | None


def make_packages(output: pathlib.Path, *options: str) -> Packages:
    subprocess.run([ROOT / "scripts/package", "--build", BIN.parent, "--output", output, *options], check=True, env=clean_environment())
    [deb] = output.glob("tracelink_*.deb")
    [archive] = output.glob("tracelink-*.tar.gz")
    return Packages(deb, archive, next(output.glob("tracelink-dbgsym_*.deb"), None))
