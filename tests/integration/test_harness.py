"""What the other tests rely on."""

import subprocess
import sys

import pytest

from harness.places import clean_environment
from harness.ports import ports_of

GROUPED = """
import os, pytest
pytestmark = pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(6))
def test(number):
    open(str(os.getpid()), "w").close()
"""


def test_tests_of_one_group_run_in_one_process(folder):
    """What they share (a booted machine, a server) is made once; some pairs of pytest and xdist do not look at groups."""
    (folder / "test_grouped.py").write_text(GROUPED)
    done = subprocess.run([sys.executable, "-m", "pytest", "--numprocesses", "3", "--dist", "loadgroup", "-p", "no:cacheprovider", "test_grouped.py"],
                          cwd=folder, env=clean_environment(), stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stdout
    processes = [path for path in folder.iterdir() if path.name.isdigit()]
    assert len(processes) == 1


@pytest.mark.parametrize("workers", [1, 6, 48, 192])
def test_workers_share_the_ports_below_those_of_the_kernel(workers):
    ranges = [ports_of(worker, workers) for worker in range(workers)]
    assert all(len(ports) >= 100 for ports in ranges)
    assert ranges[-1].stop <= 32_768
    assert all(one.stop <= next_one.start for one, next_one in zip(ranges, ranges[1:]))
