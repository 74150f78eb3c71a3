"""Devices of execution providers, plugins, and the placement of nodes on providers."""

import os
import threading

cimport cython
from cpython.mem cimport PyMem_Free

from hugot._ort.c_api cimport (
    ORTCHAR_T,
    OrtEpAssignedNode,
    OrtEpAssignedSubgraph,
    OrtEpDevice,
    OrtKeyValuePairs,
    OrtSession,
    OrtStatus,
)
from hugot._ort.library cimport Library

from hugot.errors import InferenceError, ProviderError

cdef extern from "dynlib.h":
    ORTCHAR_T* hugot_native_path(object path) except NULL

# ONNX Runtime 1.22 has the functions, but crashes on plugins that were built for later versions.
FIRST_PLUGIN_API = 23
# The first version with functions for the placement of nodes.
_FIRST_PLACEMENT_API = 24

_DEVICE_TYPES = {0: "cpu", 1: "gpu", 2: "npu"}      # OrtHardwareDeviceType

# (path of ONNX Runtime, name of a plugin) → (path of the plugin, names of its providers). Plugins
# belong to the environment of a library, which is never released.
_registered = {}
_lock = threading.Lock()


@cython.final
cdef class Device:
    """A device that an execution provider can use. Created by `list_devices`.

    Attributes:
        library: the ONNX Runtime whose environment owns the device.
        provider: ONNX Runtime's name of the provider.
        device_type: ``"cpu"``, ``"gpu"`` or ``"npu"``.
        vendor: vendor of the device, or of the provider if that of the device is not known.
        metadata: description of the device by the provider.
    """

    def __reduce__(self):
        raise TypeError("a device cannot be pickled")

    def __repr__(self):
        return f"<{self.device_type} of {self.provider}>"


def register_plugin(Library library not None, str name not None, str path not None):
    """Load the plugin at `path` into the environment of a library, once for each name.

    Returns the names of the providers that have devices on this machine; the list may be empty.

    Raises ProviderError if the library is too old, or the plugin cannot be loaded.
    """
    if library.api_version < FIRST_PLUGIN_API:
        raise ProviderError(
            f"plugin providers need ONNX Runtime 1.{FIRST_PLUGIN_API} or newer; {library.path} is "
            f"{library.version}. Install a newer onnxruntime, or leave the plugin {name!r} out.")
    cdef ORTCHAR_T* native
    cdef OrtStatus* status
    cdef bytes encoded = name.encode()
    cdef const char* text = encoded
    with _lock:
        known = _registered.get((library.path, name))
        if known is not None:
            if known[0] != path:
                raise ProviderError(
                    f"the plugin {name!r} is {known[0]} in this process already; it cannot be {path} "
                    "as well. Choose another name.")
            return list(known[1])
        if not os.path.isfile(path):
            raise ProviderError(f"the plugin {name!r}: there is no file {path}")
        before = {<size_t> (<Device> each).handle for each in _devices(library)}
        native = hugot_native_path(path)
        try:
            with nogil:     # loads a shared library
                status = library.api.RegisterExecutionProviderLibrary(library.env, text, native)
        finally:
            PyMem_Free(native)
        library.check(status, ProviderError, f"registering the plugin {name!r} ({path})")
        offered = list(dict.fromkeys([
            each.provider for each in _devices(library)
            if <size_t> (<Device> each).handle not in before]))
        _registered[library.path, name] = path, offered
        return list(offered)


def registered_plugins(Library library not None):
    """Return the plugins of a library: name → (path, names of the providers that have devices)."""
    with _lock:
        return {
            name: (path, list(offered))
            for (owner, name), (path, offered) in _registered.items() if owner == library.path
        }


def list_devices(Library library not None):
    """Return the devices of all providers, built in or of plugins; empty for an older library."""
    return _devices(library) if library.api_version >= FIRST_PLUGIN_API else []


cdef list _devices(Library library):
    cdef const OrtEpDevice* const* found = NULL
    cdef size_t count = 0
    cdef size_t i
    library.check(library.api.GetEpDevices(library.env, &found, &count), ProviderError,
                  "listing devices")
    return [_describe(library, found[i]) for i in range(count)]


cdef Device _describe(Library library, const OrtEpDevice* handle):
    cdef Device device = Device.__new__(Device)
    cdef const char* vendor = library.api.HardwareDevice_Vendor(library.api.EpDevice_Device(handle))
    cdef int kind = library.api.HardwareDevice_Type(library.api.EpDevice_Device(handle))
    device.library = library
    device.handle = handle
    device.provider = _text(library.api.EpDevice_EpName(handle))
    device.device_type = _DEVICE_TYPES.get(kind, str(kind))
    device.vendor = _text(vendor) or _text(library.api.EpDevice_EpVendor(handle))
    device.metadata = _pairs(library, library.api.EpDevice_EpMetadata(handle))
    return device


cdef dict _pairs(Library library, const OrtKeyValuePairs* pairs):
    cdef const char* const* keys = NULL
    cdef const char* const* values = NULL
    cdef size_t count = 0
    cdef size_t i
    if pairs == NULL:
        return {}
    library.api.GetKeyValuePairs(pairs, &keys, &values, &count)
    return {_text(keys[i]): _text(values[i]) for i in range(count)}


cdef str _text(const char* text):
    return "" if text == NULL else text.decode("utf-8", "replace")


cdef object read_placement(Library library, OrtSession* session):
    """Return the number of nodes on each provider, by its name; None if the library is too old.

    The session must have been created with ``session.record_ep_graph_assignment_info``.
    """
    cdef const OrtEpAssignedSubgraph* const* parts = NULL
    cdef const OrtEpAssignedNode* const* nodes = NULL
    cdef const char* name = NULL
    cdef size_t part_count = 0
    cdef size_t node_count = 0
    cdef size_t i
    if library.api_version < _FIRST_PLACEMENT_API:
        return None
    doing = "reading which provider runs which nodes"
    library.check(library.api.Session_GetEpGraphAssignmentInfo(session, &parts, &part_count),
                  InferenceError, doing)
    cdef dict counts = {}
    for i in range(part_count):
        library.check(library.api.EpAssignedSubgraph_GetEpName(parts[i], &name), InferenceError,
                      doing)
        library.check(library.api.EpAssignedSubgraph_GetNodes(parts[i], &nodes, &node_count),
                      InferenceError, doing)
        provider = _text(name)
        counts[provider] = counts.get(provider, 0) + <int> node_count
    return counts
