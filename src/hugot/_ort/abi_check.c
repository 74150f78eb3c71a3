/* Compiled by CMake if it finds the real header. Compilation fails unless every slot and signature in
 * ort_abi.h matches OrtApi. */
#include <onnxruntime_c_api.h>

#define HUGOT_ORT_REAL_HEADER
#include "ort_abi.h"

#define X(name, slot, since, result, arguments)                                              \
  _Static_assert(offsetof(OrtApi, name) == (slot) * sizeof(void*), #name " has another slot"); \
  _Static_assert(__builtin_types_compatible_p(__typeof__(((OrtApi*)0)->name),                \
                                              __typeof__(((HugotOrtApi*)0)->name)),          \
                 #name " has another signature");
HUGOT_ORT_FUNCTIONS(X)
#undef X

_Static_assert(offsetof(OrtApiBase, GetApi) == 0, "GetApi has another slot");
_Static_assert(offsetof(OrtApiBase, GetVersionString) == sizeof(void*),
               "GetVersionString has another slot");
/* c_api.pxd passes the enums as int. */
_Static_assert(sizeof(ONNXTensorElementDataType) == sizeof(int), "enum has another size");

int main(void) { return 0; }
