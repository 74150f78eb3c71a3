"""A process uses the CPUs that it was given, and no other: children that are tied or rationed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from hugot.runtime.resources import available_cpus

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
CGROUPS = Path("/sys/fs/cgroup")

# Loads a model, runs it in every way there is, and tells of each native thread where it may run.
CHILD = """
import json, os, sys
import hugot
from hugot.pipelines.pipeline import runner_of
from hugot.runtime.resources import available_cpus

options = eval(sys.argv[2])
def threads():
    return set(os.listdir("/proc/self/task"))
with hugot.Session(**options) as session:
    pipeline = session.pipeline("feature-extraction", sys.argv[1])
    native = threads()
    pipeline(["a b c", "d e", "f"] * 50)
    pipeline("a")
    every = threads()
    allowed = set()
    for thread in every:
        for line in open(f"/proc/self/task/{thread}/status"):
            if line.startswith("Cpus_allowed_list"):
                allowed.add(line.split()[1])
    layout = runner_of(pipeline).model.layout
    print(json.dumps({
        "cpus": available_cpus(),
        "allowed": sorted(allowed),
        "threads": len(every),
        "layout": [layout.workers, layout.intra_op_threads],
    }))
"""


def run_child(models, *prefix, environment=None, **options):
    done = subprocess.run(
        [*prefix, sys.executable, "-c", CHILD, models / "bert-uncased-features", repr(options)],
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def tied(cpu):
    taskset = shutil.which("taskset")
    if taskset is None:
        pytest.skip("there is no taskset")
    return taskset, "-c", str(cpu)


@pytest.mark.parametrize("cpu", sorted(os.sched_getaffinity(0))[-2:])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "throughput"},
        {"threads": 3, "mode": "latency"},
        {"threads": 3, "mode": "latency", "execution_mode": "parallel"},
    ],
    ids=str,
)
def test_every_thread_of_a_process_that_is_tied_to_a_cpu_stays_on_it(models, cpu, options):
    told = run_child(models, *tied(cpu), **options)
    assert told["allowed"] == [str(cpu)]


def test_a_process_that_is_tied_to_one_cpu_has_one(models):
    told = run_child(models, *tied(min(os.sched_getaffinity(0))))
    assert told["cpus"] == 1
    assert told["layout"] == [1, 1]


@pytest.fixture
def rationed():
    """Makes a control group with a quota, and gives what puts a child into it."""
    folder = CGROUPS / "cpu" / f"hugot-{os.getpid()}"
    version = 1
    if not (CGROUPS / "cpu" / "cpu.cfs_quota_us").exists() and not CGROUPS.joinpath("cpu").is_dir():
        folder, version = CGROUPS / f"hugot-{os.getpid()}", 2
    try:
        folder.mkdir()
        if not (folder / ("cpu.cfs_quota_us" if version == 1 else "cpu.max")).exists():
            pytest.skip("the control groups here do not rule over CPU time")
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")

    def enter(quota):
        if version == 1:
            (folder / "cpu.cfs_quota_us").write_text(str(int(quota * 100_000)))
        else:
            (folder / "cpu.max").write_text(f"{int(quota * 100_000)} 100000")
        return "/bin/sh", "-c", f'echo $$ > {folder}/cgroup.procs; exec "$@"', "sh"

    try:
        yield enter
    finally:
        with suppress(OSError):
            folder.rmdir()


@pytest.mark.parametrize(("quota", "cpus"), [(0.5, 1), (1, 1), (1.5, 2)])
def test_a_process_in_a_control_group_has_the_cpus_of_its_quota(models, rationed, quota, cpus):
    told = run_child(models, *rationed(quota), mode="throughput")
    cpus = min(cpus, available_cpus())
    assert told["cpus"] == cpus
    assert told["layout"] == [cpus, 1]
