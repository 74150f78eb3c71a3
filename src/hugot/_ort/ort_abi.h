/* The part of ONNX Runtime's C ABI that hugot uses.
 *
 * OrtApi is a table of function pointers whose order never changes; new functions are appended. Each
 * X() below names one function with its slot in the table, the API version that introduced it, and
 * its type. The source is onnxruntime_c_api.h of ONNX Runtime; abi_check.c compares both if the build
 * finds that header.
 */
#ifndef HUGOT_ORT_ABI_H
#define HUGOT_ORT_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef HUGOT_ORT_REAL_HEADER
#ifdef _WIN32
#include <wchar.h>
#define ORT_API_CALL __stdcall
typedef wchar_t ORTCHAR_T;
#else
#define ORT_API_CALL
typedef char ORTCHAR_T;
#endif

typedef struct OrtStatus OrtStatus;
typedef struct OrtEnv OrtEnv;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtModelMetadata OrtModelMetadata;
typedef struct OrtCUDAProviderOptionsV2 OrtCUDAProviderOptionsV2;
typedef struct OrtTensorRTProviderOptionsV2 OrtTensorRTProviderOptionsV2;
typedef void(ORT_API_CALL* OrtLoggingFunction)(void*, int, const char*, const char*, const char*,
                                               const char*);
typedef struct OrtKeyValuePairs OrtKeyValuePairs;
typedef struct OrtHardwareDevice OrtHardwareDevice;
typedef struct OrtEpDevice OrtEpDevice;
typedef struct OrtEpAssignedSubgraph OrtEpAssignedSubgraph;
typedef struct OrtEpAssignedNode OrtEpAssignedNode;
/* A thread that the caller creates for a pool of ONNX Runtime. */
typedef const struct OrtCustomHandleType* OrtCustomThreadHandle;
typedef void (*OrtThreadWorkerFn)(void*);
typedef OrtCustomThreadHandle (*OrtCustomCreateThreadFn)(void*, OrtThreadWorkerFn, void*);
typedef void (*OrtCustomJoinThreadFn)(OrtCustomThreadHandle);
/* C enums in the real header; an int has the same size and calling convention on every platform. */
typedef int OrtErrorCode;
typedef int OrtLoggingLevel;
typedef int ONNXType;
typedef int ONNXTensorElementDataType;
typedef int OrtAllocatorType;
typedef int OrtMemType;
typedef int GraphOptimizationLevel;
typedef int ExecutionMode;
typedef int OrtHardwareDeviceType;
#endif

#define HUGOT_ORT_FUNCTIONS(X)                                                                        \
  X(GetErrorCode, 1, 1, OrtErrorCode, (const OrtStatus*))                                             \
  X(GetErrorMessage, 2, 1, const char*, (const OrtStatus*))                                           \
  X(CreateEnvWithCustomLogger, 4, 1, OrtStatus*,                                                      \
    (OrtLoggingFunction, void*, OrtLoggingLevel, const char*, OrtEnv**))                              \
  X(CreateSession, 7, 1, OrtStatus*,                                                                  \
    (const OrtEnv*, const ORTCHAR_T*, const OrtSessionOptions*, OrtSession**))                        \
  X(CreateSessionFromArray, 8, 1, OrtStatus*,                                                         \
    (const OrtEnv*, const void*, size_t, const OrtSessionOptions*, OrtSession**))                     \
  X(Run, 9, 1, OrtStatus*,                                                                            \
    (OrtSession*, const OrtRunOptions*, const char* const*, const OrtValue* const*, size_t,           \
     const char* const*, size_t, OrtValue**))                                                         \
  X(CreateSessionOptions, 10, 1, OrtStatus*, (OrtSessionOptions**))                                   \
  X(SetOptimizedModelFilePath, 11, 1, OrtStatus*, (OrtSessionOptions*, const ORTCHAR_T*))             \
  X(SetSessionExecutionMode, 13, 1, OrtStatus*, (OrtSessionOptions*, ExecutionMode))                  \
  X(EnableProfiling, 14, 1, OrtStatus*, (OrtSessionOptions*, const ORTCHAR_T*))                       \
  X(EnableMemPattern, 16, 1, OrtStatus*, (OrtSessionOptions*))                                        \
  X(DisableMemPattern, 17, 1, OrtStatus*, (OrtSessionOptions*))                                       \
  X(EnableCpuMemArena, 18, 1, OrtStatus*, (OrtSessionOptions*))                                       \
  X(DisableCpuMemArena, 19, 1, OrtStatus*, (OrtSessionOptions*))                                      \
  X(SetSessionLogSeverityLevel, 22, 1, OrtStatus*, (OrtSessionOptions*, int))                         \
  X(SetSessionGraphOptimizationLevel, 23, 1, OrtStatus*,                                              \
    (OrtSessionOptions*, GraphOptimizationLevel))                                                     \
  X(SetIntraOpNumThreads, 24, 1, OrtStatus*, (OrtSessionOptions*, int))                               \
  X(SetInterOpNumThreads, 25, 1, OrtStatus*, (OrtSessionOptions*, int))                               \
  X(SessionGetInputCount, 30, 1, OrtStatus*, (const OrtSession*, size_t*))                            \
  X(SessionGetOutputCount, 31, 1, OrtStatus*, (const OrtSession*, size_t*))                           \
  X(SessionGetInputTypeInfo, 33, 1, OrtStatus*, (const OrtSession*, size_t, OrtTypeInfo**))           \
  X(SessionGetOutputTypeInfo, 34, 1, OrtStatus*, (const OrtSession*, size_t, OrtTypeInfo**))          \
  X(SessionGetInputName, 36, 1, OrtStatus*, (const OrtSession*, size_t, OrtAllocator*, char**))       \
  X(SessionGetOutputName, 37, 1, OrtStatus*, (const OrtSession*, size_t, OrtAllocator*, char**))      \
  X(CreateRunOptions, 39, 1, OrtStatus*, (OrtRunOptions**))                                           \
  X(RunOptionsSetTerminate, 46, 1, OrtStatus*, (OrtRunOptions*))                                      \
  X(RunOptionsUnsetTerminate, 47, 1, OrtStatus*, (OrtRunOptions*))                                    \
  X(CreateTensorWithDataAsOrtValue, 49, 1, OrtStatus*,                                                \
    (const OrtMemoryInfo*, void*, size_t, const int64_t*, size_t, ONNXTensorElementDataType,          \
     OrtValue**))                                                                                     \
  X(GetTensorMutableData, 51, 1, OrtStatus*, (OrtValue*, void**))                                     \
  X(GetStringTensorDataLength, 53, 1, OrtStatus*, (const OrtValue*, size_t*))                         \
  X(GetStringTensorContent, 54, 1, OrtStatus*, (const OrtValue*, void*, size_t, size_t*, size_t))     \
  X(CastTypeInfoToTensorInfo, 55, 1, OrtStatus*,                                                      \
    (const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo**))                                          \
  X(GetOnnxTypeFromTypeInfo, 56, 1, OrtStatus*, (const OrtTypeInfo*, ONNXType*))                      \
  X(GetTensorElementType, 60, 1, OrtStatus*,                                                          \
    (const OrtTensorTypeAndShapeInfo*, ONNXTensorElementDataType*))                                   \
  X(GetDimensionsCount, 61, 1, OrtStatus*, (const OrtTensorTypeAndShapeInfo*, size_t*))               \
  X(GetDimensions, 62, 1, OrtStatus*, (const OrtTensorTypeAndShapeInfo*, int64_t*, size_t))           \
  X(GetSymbolicDimensions, 63, 1, OrtStatus*,                                                         \
    (const OrtTensorTypeAndShapeInfo*, const char**, size_t))                                         \
  X(GetTensorTypeAndShape, 65, 1, OrtStatus*, (const OrtValue*, OrtTensorTypeAndShapeInfo**))         \
  X(GetValueType, 67, 1, OrtStatus*, (const OrtValue*, ONNXType*))                                    \
  X(CreateCpuMemoryInfo, 69, 1, OrtStatus*, (OrtAllocatorType, OrtMemType, OrtMemoryInfo**))          \
  X(AllocatorFree, 76, 1, OrtStatus*, (OrtAllocator*, void*))                                         \
  X(GetAllocatorWithDefaultOptions, 78, 1, OrtStatus*, (OrtAllocator**))                              \
  X(AddFreeDimensionOverride, 79, 1, OrtStatus*, (OrtSessionOptions*, const char*, int64_t))          \
  X(ReleaseEnv, 92, 1, void, (OrtEnv*))                                                               \
  X(ReleaseStatus, 93, 1, void, (OrtStatus*))                                                         \
  X(ReleaseMemoryInfo, 94, 1, void, (OrtMemoryInfo*))                                                 \
  X(ReleaseSession, 95, 1, void, (OrtSession*))                                                       \
  X(ReleaseValue, 96, 1, void, (OrtValue*))                                                           \
  X(ReleaseRunOptions, 97, 1, void, (OrtRunOptions*))                                                 \
  X(ReleaseTypeInfo, 98, 1, void, (OrtTypeInfo*))                                                     \
  X(ReleaseTensorTypeAndShapeInfo, 99, 1, void, (OrtTensorTypeAndShapeInfo*))                         \
  X(ReleaseSessionOptions, 100, 1, void, (OrtSessionOptions*))                                        \
  X(SessionEndProfiling, 110, 2, OrtStatus*, (OrtSession*, OrtAllocator*, char**))                    \
  X(SessionGetModelMetadata, 111, 2, OrtStatus*, (const OrtSession*, OrtModelMetadata**))             \
  X(ModelMetadataGetProducerName, 112, 2, OrtStatus*,                                                 \
    (const OrtModelMetadata*, OrtAllocator*, char**))                                                 \
  X(ModelMetadataGetGraphName, 113, 2, OrtStatus*,                                                    \
    (const OrtModelMetadata*, OrtAllocator*, char**))                                                 \
  X(ModelMetadataGetDomain, 114, 2, OrtStatus*, (const OrtModelMetadata*, OrtAllocator*, char**))     \
  X(ModelMetadataGetDescription, 115, 2, OrtStatus*,                                                  \
    (const OrtModelMetadata*, OrtAllocator*, char**))                                                 \
  X(ModelMetadataLookupCustomMetadataMap, 116, 2, OrtStatus*,                                         \
    (const OrtModelMetadata*, OrtAllocator*, const char*, char**))                                    \
  X(ModelMetadataGetVersion, 117, 2, OrtStatus*, (const OrtModelMetadata*, int64_t*))                 \
  X(ReleaseModelMetadata, 118, 2, void, (OrtModelMetadata*))                                          \
  X(ModelMetadataGetCustomMetadataMapKeys, 123, 3, OrtStatus*,                                        \
    (const OrtModelMetadata*, OrtAllocator*, char***, int64_t*))                                      \
  X(AddFreeDimensionOverrideByName, 124, 3, OrtStatus*,                                               \
    (OrtSessionOptions*, const char*, int64_t))                                                       \
  X(GetAvailableProviders, 125, 4, OrtStatus*, (char***, int*))                                       \
  X(ReleaseAvailableProviders, 126, 4, OrtStatus*, (char**, int))                                     \
  X(AddSessionConfigEntry, 130, 5, OrtStatus*,                                                        \
    (OrtSessionOptions*, const char*, const char*))                                                   \
  X(AddRunConfigEntry, 165, 8, OrtStatus*, (OrtRunOptions*, const char*, const char*))                \
  X(SessionOptionsAppendExecutionProvider_TensorRT_V2, 170, 9, OrtStatus*,                            \
    (OrtSessionOptions*, const OrtTensorRTProviderOptionsV2*))                                        \
  X(CreateTensorRTProviderOptions, 171, 9, OrtStatus*, (OrtTensorRTProviderOptionsV2**))              \
  X(UpdateTensorRTProviderOptions, 172, 9, OrtStatus*,                                                \
    (OrtTensorRTProviderOptionsV2*, const char* const*, const char* const*, size_t))                  \
  X(ReleaseTensorRTProviderOptions, 174, 9, void, (OrtTensorRTProviderOptionsV2*))                    \
  X(SessionOptionsSetCustomCreateThreadFn, 196, 10, OrtStatus*,                                       \
    (OrtSessionOptions*, OrtCustomCreateThreadFn))                                                    \
  X(SessionOptionsSetCustomThreadCreationOptions, 197, 10, OrtStatus*, (OrtSessionOptions*, void*))   \
  X(SessionOptionsSetCustomJoinThreadFn, 198, 10, OrtStatus*,                                         \
    (OrtSessionOptions*, OrtCustomJoinThreadFn))                                                      \
  X(SessionOptionsAppendExecutionProvider_CUDA_V2, 204, 11, OrtStatus*,                               \
    (OrtSessionOptions*, const OrtCUDAProviderOptionsV2*))                                            \
  X(CreateCUDAProviderOptions, 205, 11, OrtStatus*, (OrtCUDAProviderOptionsV2**))                     \
  X(UpdateCUDAProviderOptions, 206, 11, OrtStatus*,                                                   \
    (OrtCUDAProviderOptionsV2*, const char* const*, const char* const*, size_t))                      \
  X(ReleaseCUDAProviderOptions, 208, 11, void, (OrtCUDAProviderOptionsV2*))                           \
  X(SessionOptionsAppendExecutionProvider, 216, 12, OrtStatus*,                                       \
    (OrtSessionOptions*, const char*, const char* const*, const char* const*, size_t))                \
  X(RegisterCustomOpsLibrary_V2, 228, 14, OrtStatus*, (OrtSessionOptions*, const ORTCHAR_T*))         \
  X(GetBuildInfoString, 254, 15, const char*, (void))                                                 \
  X(GetKeyValuePairs, 298, 22, void,                                                                  \
    (const OrtKeyValuePairs*, const char* const**, const char* const**, size_t*))                     \
  X(RegisterExecutionProviderLibrary, 301, 22, OrtStatus*, (OrtEnv*, const char*, const ORTCHAR_T*))  \
  X(GetEpDevices, 303, 22, OrtStatus*, (const OrtEnv*, const OrtEpDevice* const**, size_t*))          \
  X(SessionOptionsAppendExecutionProvider_V2, 304, 22, OrtStatus*,                                    \
    (OrtSessionOptions*, OrtEnv*, const OrtEpDevice* const*, size_t, const char* const*,              \
     const char* const*, size_t))                                                                     \
  X(HardwareDevice_Type, 307, 22, OrtHardwareDeviceType, (const OrtHardwareDevice*))                  \
  X(HardwareDevice_Vendor, 309, 22, const char*, (const OrtHardwareDevice*))                          \
  X(EpDevice_EpName, 312, 22, const char*, (const OrtEpDevice*))                                      \
  X(EpDevice_EpVendor, 313, 22, const char*, (const OrtEpDevice*))                                    \
  X(EpDevice_EpMetadata, 314, 22, const OrtKeyValuePairs*, (const OrtEpDevice*))                      \
  X(EpDevice_Device, 316, 22, const OrtHardwareDevice*, (const OrtEpDevice*))                         \
  X(Session_GetEpGraphAssignmentInfo, 407, 24, OrtStatus*,                                            \
    (const OrtSession*, const OrtEpAssignedSubgraph* const**, size_t*))                               \
  X(EpAssignedSubgraph_GetEpName, 408, 24, OrtStatus*, (const OrtEpAssignedSubgraph*, const char**))  \
  X(EpAssignedSubgraph_GetNodes, 409, 24, OrtStatus*,                                                 \
    (const OrtEpAssignedSubgraph*, const OrtEpAssignedNode* const**, size_t*))

/* The functions in use, as a struct of typed pointers. */
typedef struct HugotOrtApi {
#define X(name, slot, since, result, arguments) result(ORT_API_CALL* name) arguments;
  HUGOT_ORT_FUNCTIONS(X)
#undef X
} HugotOrtApi;

#ifndef HUGOT_ORT_REAL_HEADER
typedef struct OrtApiBase {
  const void*(ORT_API_CALL* GetApi)(uint32_t version);
  const char*(ORT_API_CALL* GetVersionString)(void);
} OrtApiBase;

/* Fill `api` from the library's table. The slots of newer versions lie beyond the end of the table and
 * must not be read; their functions are NULL. */
static inline void hugot_ort_bind(HugotOrtApi* api, const void* table, uint32_t version) {
  const unsigned char* slots = (const unsigned char*)table;
#define X(name, slot, since, result, arguments)                                                       \
  if ((since) <= version)                                                                             \
    memcpy((void*)&api->name, slots + (slot) * sizeof(void*), sizeof(void*));                         \
  else                                                                                                \
    api->name = NULL;
  HUGOT_ORT_FUNCTIONS(X)
#undef X
}
#endif
#endif
