"""Declarations of ONNX Runtime's C API for Cython; ort_abi.h defines the types and the slots."""

from libc.stdint cimport int64_t, uint32_t


cdef extern from "ort_abi.h" nogil:
    ctypedef char ORTCHAR_T

    ctypedef void (*OrtLoggingFunction)(
        void*, int, const char*, const char*, const char*, const char*) noexcept nogil

    ctypedef struct OrtStatus:
        pass
    ctypedef struct OrtEnv:
        pass
    ctypedef struct OrtSession:
        pass
    ctypedef struct OrtSessionOptions:
        pass
    ctypedef struct OrtRunOptions:
        pass
    ctypedef struct OrtValue:
        pass
    ctypedef struct OrtAllocator:
        pass
    ctypedef struct OrtMemoryInfo:
        pass
    ctypedef struct OrtTypeInfo:
        pass
    ctypedef struct OrtTensorTypeAndShapeInfo:
        pass
    ctypedef struct OrtModelMetadata:
        pass
    ctypedef struct OrtCUDAProviderOptionsV2:
        pass
    ctypedef struct OrtTensorRTProviderOptionsV2:
        pass
    ctypedef struct OrtKeyValuePairs:
        pass
    ctypedef struct OrtHardwareDevice:
        pass
    ctypedef struct OrtEpDevice:
        pass
    ctypedef struct OrtEpAssignedSubgraph:
        pass
    ctypedef struct OrtEpAssignedNode:
        pass

    ctypedef struct OrtApiBase:
        const void* (*GetApi)(uint32_t) noexcept nogil
        const char* (*GetVersionString)() noexcept nogil

    ctypedef struct HugotOrtApi:
        int (*GetErrorCode)(const OrtStatus*) noexcept nogil
        const char* (*GetErrorMessage)(const OrtStatus*) noexcept nogil
        void (*ReleaseStatus)(OrtStatus*) noexcept nogil

        OrtStatus* (*CreateEnvWithCustomLogger)(
            OrtLoggingFunction, void*, int, const char*, OrtEnv**) noexcept nogil
        OrtStatus* (*GetAllocatorWithDefaultOptions)(OrtAllocator**) noexcept nogil
        OrtStatus* (*AllocatorFree)(OrtAllocator*, void*) noexcept nogil
        OrtStatus* (*CreateCpuMemoryInfo)(int, int, OrtMemoryInfo**) noexcept nogil
        void (*ReleaseMemoryInfo)(OrtMemoryInfo*) noexcept nogil
        OrtStatus* (*GetAvailableProviders)(char***, int*) noexcept nogil
        OrtStatus* (*ReleaseAvailableProviders)(char**, int) noexcept nogil
        const char* (*GetBuildInfoString)() noexcept nogil

        OrtStatus* (*CreateSessionOptions)(OrtSessionOptions**) noexcept nogil
        OrtStatus* (*SetOptimizedModelFilePath)(
            OrtSessionOptions*, const ORTCHAR_T*) noexcept nogil
        OrtStatus* (*SetSessionExecutionMode)(OrtSessionOptions*, int) noexcept nogil
        OrtStatus* (*EnableMemPattern)(OrtSessionOptions*) noexcept nogil
        OrtStatus* (*DisableMemPattern)(OrtSessionOptions*) noexcept nogil
        OrtStatus* (*EnableCpuMemArena)(OrtSessionOptions*) noexcept nogil
        OrtStatus* (*DisableCpuMemArena)(OrtSessionOptions*) noexcept nogil
        OrtStatus* (*SetSessionLogSeverityLevel)(OrtSessionOptions*, int) noexcept nogil
        OrtStatus* (*SetSessionGraphOptimizationLevel)(OrtSessionOptions*, int) noexcept nogil
        OrtStatus* (*SetIntraOpNumThreads)(OrtSessionOptions*, int) noexcept nogil
        OrtStatus* (*SetInterOpNumThreads)(OrtSessionOptions*, int) noexcept nogil
        OrtStatus* (*AddSessionConfigEntry)(
            OrtSessionOptions*, const char*, const char*) noexcept nogil
        OrtStatus* (*EnableProfiling)(OrtSessionOptions*, const ORTCHAR_T*) noexcept nogil
        OrtStatus* (*AddFreeDimensionOverride)(
            OrtSessionOptions*, const char*, int64_t) noexcept nogil
        OrtStatus* (*AddFreeDimensionOverrideByName)(
            OrtSessionOptions*, const char*, int64_t) noexcept nogil
        OrtStatus* (*RegisterCustomOpsLibrary_V2)(
            OrtSessionOptions*, const ORTCHAR_T*) noexcept nogil
        OrtStatus* (*SessionOptionsAppendExecutionProvider)(
            OrtSessionOptions*, const char*, const char* const*, const char* const*, size_t
        ) noexcept nogil
        OrtStatus* (*CreateCUDAProviderOptions)(OrtCUDAProviderOptionsV2**) noexcept nogil
        OrtStatus* (*UpdateCUDAProviderOptions)(
            OrtCUDAProviderOptionsV2*, const char* const*, const char* const*, size_t
        ) noexcept nogil
        OrtStatus* (*SessionOptionsAppendExecutionProvider_CUDA_V2)(
            OrtSessionOptions*, const OrtCUDAProviderOptionsV2*) noexcept nogil
        void (*ReleaseCUDAProviderOptions)(OrtCUDAProviderOptionsV2*) noexcept nogil
        OrtStatus* (*CreateTensorRTProviderOptions)(OrtTensorRTProviderOptionsV2**) noexcept nogil
        OrtStatus* (*UpdateTensorRTProviderOptions)(
            OrtTensorRTProviderOptionsV2*, const char* const*, const char* const*, size_t
        ) noexcept nogil
        OrtStatus* (*SessionOptionsAppendExecutionProvider_TensorRT_V2)(
            OrtSessionOptions*, const OrtTensorRTProviderOptionsV2*) noexcept nogil
        void (*ReleaseTensorRTProviderOptions)(OrtTensorRTProviderOptionsV2*) noexcept nogil
        void (*ReleaseSessionOptions)(OrtSessionOptions*) noexcept nogil

        OrtStatus* (*CreateSession)(
            const OrtEnv*, const ORTCHAR_T*, const OrtSessionOptions*, OrtSession**) noexcept nogil
        OrtStatus* (*CreateSessionFromArray)(
            const OrtEnv*, const void*, size_t, const OrtSessionOptions*, OrtSession**
        ) noexcept nogil
        OrtStatus* (*SessionGetInputCount)(const OrtSession*, size_t*) noexcept nogil
        OrtStatus* (*SessionGetOutputCount)(const OrtSession*, size_t*) noexcept nogil
        OrtStatus* (*SessionGetInputTypeInfo)(
            const OrtSession*, size_t, OrtTypeInfo**) noexcept nogil
        OrtStatus* (*SessionGetOutputTypeInfo)(
            const OrtSession*, size_t, OrtTypeInfo**) noexcept nogil
        OrtStatus* (*SessionGetInputName)(
            const OrtSession*, size_t, OrtAllocator*, char**) noexcept nogil
        OrtStatus* (*SessionGetOutputName)(
            const OrtSession*, size_t, OrtAllocator*, char**) noexcept nogil
        OrtStatus* (*SessionEndProfiling)(OrtSession*, OrtAllocator*, char**) noexcept nogil
        void (*ReleaseSession)(OrtSession*) noexcept nogil

        OrtStatus* (*SessionGetModelMetadata)(const OrtSession*, OrtModelMetadata**) noexcept nogil
        OrtStatus* (*ModelMetadataGetProducerName)(
            const OrtModelMetadata*, OrtAllocator*, char**) noexcept nogil
        OrtStatus* (*ModelMetadataGetGraphName)(
            const OrtModelMetadata*, OrtAllocator*, char**) noexcept nogil
        OrtStatus* (*ModelMetadataGetDomain)(
            const OrtModelMetadata*, OrtAllocator*, char**) noexcept nogil
        OrtStatus* (*ModelMetadataGetDescription)(
            const OrtModelMetadata*, OrtAllocator*, char**) noexcept nogil
        OrtStatus* (*ModelMetadataLookupCustomMetadataMap)(
            const OrtModelMetadata*, OrtAllocator*, const char*, char**) noexcept nogil
        OrtStatus* (*ModelMetadataGetVersion)(const OrtModelMetadata*, int64_t*) noexcept nogil
        OrtStatus* (*ModelMetadataGetCustomMetadataMapKeys)(
            const OrtModelMetadata*, OrtAllocator*, char***, int64_t*) noexcept nogil
        void (*ReleaseModelMetadata)(OrtModelMetadata*) noexcept nogil

        OrtStatus* (*CreateRunOptions)(OrtRunOptions**) noexcept nogil
        OrtStatus* (*AddRunConfigEntry)(
            OrtRunOptions*, const char*, const char*) noexcept nogil
        OrtStatus* (*RunOptionsSetTerminate)(OrtRunOptions*) noexcept nogil
        OrtStatus* (*RunOptionsUnsetTerminate)(OrtRunOptions*) noexcept nogil
        void (*ReleaseRunOptions)(OrtRunOptions*) noexcept nogil
        OrtStatus* (*Run)(
            OrtSession*, const OrtRunOptions*, const char* const*, const OrtValue* const*, size_t,
            const char* const*, size_t, OrtValue**) noexcept nogil

        OrtStatus* (*CreateTensorWithDataAsOrtValue)(
            const OrtMemoryInfo*, void*, size_t, const int64_t*, size_t, int, OrtValue**
        ) noexcept nogil
        OrtStatus* (*GetTensorMutableData)(OrtValue*, void**) noexcept nogil
        OrtStatus* (*GetStringTensorDataLength)(const OrtValue*, size_t*) noexcept nogil
        OrtStatus* (*GetStringTensorContent)(
            const OrtValue*, void*, size_t, size_t*, size_t) noexcept nogil
        OrtStatus* (*GetValueType)(const OrtValue*, int*) noexcept nogil
        OrtStatus* (*GetTensorTypeAndShape)(
            const OrtValue*, OrtTensorTypeAndShapeInfo**) noexcept nogil
        void (*ReleaseValue)(OrtValue*) noexcept nogil

        OrtStatus* (*CastTypeInfoToTensorInfo)(
            const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo**) noexcept nogil
        OrtStatus* (*GetOnnxTypeFromTypeInfo)(const OrtTypeInfo*, int*) noexcept nogil
        OrtStatus* (*GetTensorElementType)(const OrtTensorTypeAndShapeInfo*, int*) noexcept nogil
        OrtStatus* (*GetDimensionsCount)(const OrtTensorTypeAndShapeInfo*, size_t*) noexcept nogil
        OrtStatus* (*GetDimensions)(
            const OrtTensorTypeAndShapeInfo*, int64_t*, size_t) noexcept nogil
        OrtStatus* (*GetSymbolicDimensions)(
            const OrtTensorTypeAndShapeInfo*, const char**, size_t) noexcept nogil
        void (*ReleaseTypeInfo)(OrtTypeInfo*) noexcept nogil
        void (*ReleaseTensorTypeAndShapeInfo)(OrtTensorTypeAndShapeInfo*) noexcept nogil

        void (*GetKeyValuePairs)(
            const OrtKeyValuePairs*, const char* const**, const char* const**, size_t*
        ) noexcept nogil
        OrtStatus* (*RegisterExecutionProviderLibrary)(
            OrtEnv*, const char*, const ORTCHAR_T*
        ) noexcept nogil
        OrtStatus* (*GetEpDevices)(
            const OrtEnv*, const OrtEpDevice* const**, size_t*
        ) noexcept nogil
        OrtStatus* (*SessionOptionsAppendExecutionProvider_V2)(
            OrtSessionOptions*, OrtEnv*, const OrtEpDevice* const*, size_t, const char* const*,
            const char* const*, size_t
        ) noexcept nogil
        int (*HardwareDevice_Type)(const OrtHardwareDevice*) noexcept nogil
        const char* (*HardwareDevice_Vendor)(const OrtHardwareDevice*) noexcept nogil
        const char* (*EpDevice_EpName)(const OrtEpDevice*) noexcept nogil
        const char* (*EpDevice_EpVendor)(const OrtEpDevice*) noexcept nogil
        const OrtKeyValuePairs* (*EpDevice_EpMetadata)(const OrtEpDevice*) noexcept nogil
        const OrtHardwareDevice* (*EpDevice_Device)(const OrtEpDevice*) noexcept nogil
        OrtStatus* (*Session_GetEpGraphAssignmentInfo)(
            const OrtSession*, const OrtEpAssignedSubgraph* const**, size_t*
        ) noexcept nogil
        OrtStatus* (*EpAssignedSubgraph_GetEpName)(
            const OrtEpAssignedSubgraph*, const char**
        ) noexcept nogil
        OrtStatus* (*EpAssignedSubgraph_GetNodes)(
            const OrtEpAssignedSubgraph*, const OrtEpAssignedNode* const**, size_t*
        ) noexcept nogil

    void hugot_ort_bind(HugotOrtApi* api, const void* table, uint32_t version)
