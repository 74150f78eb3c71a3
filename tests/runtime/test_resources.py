import os

import pytest

from hugot.runtime import resources
from hugot.runtime.resources import available_cpus, cgroup_quota


class Tree:
    """A file system of control groups, and the files that tell where this process stands in it."""

    def __init__(self, folder):
        self.proc = folder / "proc"
        self.proc.mkdir()
        self.points = {1: folder / "cgroup" / "cpu,cpuacct", 2: folder / "cgroup" / "unified"}
        self.roots = {1: "/", 2: "/"}

    def v2(self, path, quota):
        self.write(2, path, "cpu.max", quota)

    def v1(self, path, quota, period="100000"):
        self.write(1, path, "cpu.cfs_quota_us", quota)
        self.write(1, path, "cpu.cfs_period_us", period)

    def write(self, version, path, name, text):
        folder = self.points[version] / path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{text}\n")

    def mounts(self):
        v1, v2 = (str(point).replace(" ", r"\040") for point in self.points.values())
        return (
            f"31 23 0:28 / / rw,relatime - ext4 /dev/sda rw\n"
            f"32 31 0:29 {self.roots[1]} {v1} rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
            f"33 31 0:30 / {v1}-memory rw shared:9 master:1 - cgroup cgroup rw,memory\n"
            f"34 31 0:31 {self.roots[2]} {v2} rw - cgroup2 cgroup2 rw,nsdelegate\n"
            "damaged\n"
        )

    def quota(self, *lines):
        (self.proc / "cgroup").write_text("".join(f"{line}\n" for line in lines))
        (self.proc / "mountinfo").write_text(self.mounts())
        return cgroup_quota(self.proc)


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
    tree.quota()
    (tree.proc / "cgroup").write_bytes(b"0::/caf\xe9\n")
    assert cgroup_quota(tree.proc) == 1.0


def test_a_system_without_control_groups_has_no_quota(tmp_path):
    assert cgroup_quota(tmp_path / "missing") is None


def test_a_mount_point_is_found_wherever_it_is(tree, tmp_path):
    tree.points[2] = tmp_path / "a folder" / "of\u00e9 its own"
    tree.v2("a", "150000 100000")
    assert tree.quota("0::/a") == 1.5


def test_a_group_is_looked_for_below_the_one_that_is_mounted(tree):
    tree.roots[1] = "/docker/abc"
    tree.v1("", "400000")
    tree.v1("inner", "300000")
    tree.v1("docker/abc/inner", "100000")
    assert tree.quota("4:cpu:/docker/abc/inner") == 3.0
    assert tree.quota("4:cpu:/docker/abc") == 4.0
    assert tree.quota("4:cpu:/docker/abcdef") == 4.0


def test_a_group_that_lies_outside_of_what_is_mounted_has_the_quota_of_the_mount_point(tree):
    tree.v2("", "250000 100000")
    tree.v2("../other", "100000 100000")
    assert tree.quota("0::/../other") == 2.5


def test_a_hierarchy_of_another_controller_has_no_quota(tree):
    tree.write(1, "../cpu,cpuacct-memory/a", "cpu.cfs_quota_us", "100000")
    tree.write(1, "../cpu,cpuacct-memory/a", "cpu.cfs_period_us", "100000")
    assert tree.quota("4:cpu:/a", "5:memory:/a") is None


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
