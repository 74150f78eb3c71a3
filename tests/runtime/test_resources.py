import os
import subprocess
import sys

import pytest

from hugot.runtime import resources
from hugot.runtime.resources import available_cpus, cgroup_quota

needs_affinity = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system has no affinity masks"
)


class Tree:
    """A file system of control groups, and the file that tells where this process stands in it."""

    def __init__(self, folder):
        self.root = folder / "cgroup"
        self.membership = folder / "self-cgroup"
        self.root.mkdir()

    def v2(self, path, quota):
        self.write(path, "cpu.max", quota)

    def v1(self, path, quota, period="100000"):
        self.write(f"cpu/{path}", "cpu.cfs_quota_us", quota)
        self.write(f"cpu/{path}", "cpu.cfs_period_us", period)

    def write(self, path, name, text):
        (self.root / path).mkdir(parents=True, exist_ok=True)
        (self.root / path / name).write_text(f"{text}\n")

    def quota(self, *lines):
        self.membership.write_text("".join(f"{line}\n" for line in lines))
        return cgroup_quota(self.root, self.membership)


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_a_quota_of_version_two_is_its_time_over_its_period(tree):
    tree.v2("system/service", "150000 100000")
    assert tree.quota("0::/system/service") == 1.5


def test_a_quota_of_version_one_is_its_time_over_its_period(tree):
    tree.v1("docker/abc", "50000", "25000")
    assert tree.quota("5:memory:/docker/abc", "4:cpu,cpuacct:/docker/abc") == 2.0


def test_a_group_without_a_limit_has_no_quota(tree):
    tree.v2("system", "max 100000")
    tree.v1("system", "-1")
    assert tree.quota("0::/system", "4:cpu:/system") is None


@pytest.mark.parametrize(
    ("own", "above", "top"), [("max", "200000", "max"), ("300000", "200000", "400000")]
)
def test_the_smallest_quota_of_a_group_and_those_above_it_holds(tree, own, above, top):
    tree.v2("a/b", f"{own} 100000")
    tree.v2("a", f"{above} 100000")
    tree.v2("", f"{top} 100000")
    assert tree.quota("0::/a/b") == 2.0


def test_the_smallest_quota_of_both_versions_holds(tree):
    tree.v2("a", "300000 100000")
    tree.v1("a", "200000")
    assert tree.quota("4:cpu:/a", "0::/a") == 2.0


def test_the_quota_of_a_group_beside_ones_own_does_not_hold(tree):
    tree.v2("a/b", "100000 100000")
    tree.v2("a/c", "300000 100000")
    assert tree.quota("0::/a/c") == 3.0


def test_a_quota_above_the_root_of_the_tree_does_not_hold(tree):
    tree.v2("..", "100000 100000")
    assert tree.quota("0::/a") is None


def test_in_a_container_the_quota_stands_at_the_root_though_the_path_is_the_hosts(tree):
    tree.v2("", "250000 100000")
    assert tree.quota("0::/kubepods/pod12/abc") == 2.5


def test_the_quota_of_other_controllers_does_not_hold(tree):
    tree.v1("a", "100000")
    assert tree.quota("4:cpuset:/a", "3:cpuacct:/a") is None


@pytest.mark.parametrize("text", ["", "many 100000", "100000", "100000 0", "100000 100000 1"])
def test_a_quota_that_cannot_be_read_is_none(tree, text):
    tree.v2("a", text)
    tree.v1("a", "100000", "0")
    assert tree.quota("0::/a", "4:cpu:/a") is None


@pytest.mark.parametrize("lines", [(), ("",), ("no colons",), ("1:2",)], ids=repr)
def test_a_membership_that_cannot_be_read_has_no_quota(tree, lines):
    tree.v2("", "100000 100000")
    assert tree.quota(*lines) is None


def test_a_membership_that_is_not_utf8_has_a_quota_all_the_same(tree):
    tree.v2("", "100000 100000")
    tree.membership.write_bytes(b"0::/caf\xe9\n")
    assert cgroup_quota(tree.root, tree.membership) == 1.0


def test_a_system_without_control_groups_has_no_quota(tmp_path):
    assert cgroup_quota(tmp_path, tmp_path / "missing") is None


def test_a_process_has_at_least_one_cpu_and_at_most_the_machines():
    assert 1 <= available_cpus() <= os.cpu_count()


@pytest.mark.parametrize(
    ("quota", "cpus"), [(None, 8), (0.1, 1), (1.0, 1), (2.5, 3), (8.0, 8), (64.0, 8)], ids=str
)
def test_a_quota_limits_the_cpus_rounded_up(monkeypatch, quota, cpus):
    monkeypatch.setattr(resources, "cgroup_quota", lambda: quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert available_cpus() == cpus


def test_without_affinity_masks_all_cpus_of_the_machine_count(monkeypatch):
    monkeypatch.setattr(resources, "cgroup_quota", lambda: None)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert available_cpus() == 6


@needs_affinity
def test_a_process_that_is_tied_to_one_cpu_has_one():
    code = (
        "import os\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from hugot.runtime.resources import available_cpus\n"
        "print(available_cpus())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
