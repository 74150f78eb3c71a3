"""Metadata that the exporter wrote into an ``.onnx`` file."""

from collections import namedtuple

from libc.stdint cimport int64_t

from hugot._ort.c_api cimport OrtModelMetadata, OrtSession
from hugot._ort.library cimport Library

from hugot.errors import ModelFormatError


_FIELDS = ["producer", "graph", "domain", "description", "version", "custom"]


class ModelMetadata(namedtuple("ModelMetadata", _FIELDS)):
    """Metadata of a model.

    Attributes:
        producer: name of the exporter.
        graph: name of the graph.
        domain: reverse domain name of the model's namespace.
        description: text for people.
        version: version of the model.
        custom: further entries, by key.
    """

    __slots__ = ()


cdef object read_metadata(Library library, const OrtSession* session):
    """Return the metadata of a session's model."""
    cdef OrtModelMetadata* data = NULL
    cdef char* text = NULL
    cdef int64_t version = 0
    doing = "reading the model's metadata"
    library.check(library.api.SessionGetModelMetadata(session, &data), ModelFormatError,
                  doing)
    try:
        library.check(library.api.ModelMetadataGetProducerName(
            data, library.allocator, &text), ModelFormatError, doing)
        producer = library.take_string(text)
        library.check(library.api.ModelMetadataGetGraphName(data, library.allocator, &text),
                      ModelFormatError, doing)
        graph = library.take_string(text)
        library.check(library.api.ModelMetadataGetDomain(data, library.allocator, &text),
                      ModelFormatError, doing)
        domain = library.take_string(text)
        library.check(library.api.ModelMetadataGetDescription(data, library.allocator, &text),
                      ModelFormatError, doing)
        description = library.take_string(text)
        library.check(library.api.ModelMetadataGetVersion(data, &version), ModelFormatError,
                      doing)
        return ModelMetadata(producer, graph, domain, description, version,
                             _custom_metadata(library, data))
    finally:
        library.api.ReleaseModelMetadata(data)


cdef dict _custom_metadata(Library library, const OrtModelMetadata* data):
    cdef char** keys = NULL
    cdef char* value = NULL
    cdef int64_t count = 0
    cdef int64_t i
    cdef list names = []
    doing = "reading the model's metadata"
    library.check(library.api.ModelMetadataGetCustomMetadataMapKeys(
        data, library.allocator, &keys, &count), ModelFormatError, doing)
    for i in range(count):
        names.append(library.take_string(keys[i]))
    if keys != NULL:
        library.check(library.api.AllocatorFree(library.allocator, keys), ModelFormatError,
                      doing)
    custom = {}
    for name in names:
        library.check(library.api.ModelMetadataLookupCustomMetadataMap(
            data, library.allocator, (<str> name).encode(), &value), ModelFormatError, doing)
        custom[name] = library.take_string(value)
    return custom
