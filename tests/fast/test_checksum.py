import mmap

import numpy as np
import pytest
import reference

from hugot._fast.checksum import checksum


def random_bytes(size):
    return np.random.default_rng(size).integers(0, 256, size, np.uint8).tobytes()


@pytest.mark.parametrize("size", [0, 1, 7, 8, 31, 32, 33, 63, 64, 65, 1000, 4096])
def test_a_checksum_is_that_of_the_reference(size):
    data = random_bytes(size)
    assert checksum(data) == reference.checksum(data)


def test_any_buffer_has_the_checksum_of_its_bytes(tmp_path):
    data = random_bytes(5000)
    (tmp_path / "file").write_bytes(data)
    with (
        open(tmp_path / "file", "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        found = {checksum(each) for each in (data, bytearray(data), memoryview(data), mapped)}
    assert found == {checksum(data)}


def test_a_flipped_bit_anywhere_changes_the_checksum():
    data = random_bytes(100)
    found = {checksum(data)}
    for bit in range(800):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        found.add(checksum(flipped))
    assert len(found) == 801


def test_zeros_at_the_end_count():
    assert len({checksum(b"\0" * size) for size in range(100)}) == 100


@pytest.mark.parametrize("value", [None, "text", memoryview(bytes(10))[::2]], ids=type)
def test_what_is_no_contiguous_buffer_is_an_error(value):
    with pytest.raises((TypeError, BufferError)):
        checksum(value)
