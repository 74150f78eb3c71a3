/* A library with one operator, example.test::AddOne, for float vectors. */
#include "ort_abi.h"

#define SLOT(type, number) ((type)((void* const*)table)[number])

typedef OrtStatus* (*CreateDomain)(const char*, void**);
typedef OrtStatus* (*AddToDomain)(void*, const void*);
typedef OrtStatus* (*AddDomain)(OrtSessionOptions*, void*);
typedef OrtStatus* (*GetInput)(const void*, size_t, const OrtValue**);
typedef OrtStatus* (*GetOutput)(void*, size_t, const int64_t*, size_t, OrtValue**);

static const void* table;
static HugotOrtApi api;

static void* create(const void* op, const void* its_api, const void* info) {
  return (void)its_api, (void)info, (void*)op;
}
static const char* name(const void* op) { return (void)op, "AddOne"; }
static const char* provider(const void* op) { return (void)op, NULL; }
static int element_type(const void* op, size_t index) { return (void)op, (void)index, 1; }
static size_t one(const void* op) { return (void)op, 1; }

static void compute(void* kernel, void* context) {
  const OrtValue* x = NULL;
  OrtValue* y = NULL;
  OrtTensorTypeAndShapeInfo* shape = NULL;
  const float* from = NULL;
  float* to = NULL;
  int64_t length = 0;
  (void)kernel;
  SLOT(GetInput, 90)(context, 0, &x);
  api.GetTensorTypeAndShape(x, &shape);
  api.GetDimensions(shape, &length, 1);
  api.ReleaseTensorTypeAndShapeInfo(shape);
  SLOT(GetOutput, 91)(context, 0, &length, 1, &y);
  api.GetTensorMutableData((OrtValue*)x, (void**)&from);
  api.GetTensorMutableData(y, (void**)&to);
  for (int64_t i = 0; i < length; ++i) to[i] = from[i] + 1;
}

static void destroy(void* kernel) { (void)kernel; }

/* Required inputs and outputs, in memory of the default kind. */
static int zero(const void* op, size_t index) { return (void)op, (void)index, 0; }

/* OrtCustomOp. The additional members of newer versions may be NULL. */
static const struct {
  uint32_t version;
  void* (*create)(const void*, const void*, const void*);
  const char* (*name)(const void*);
  const char* (*provider)(const void*);
  int (*input_type)(const void*, size_t);
  size_t (*input_count)(const void*);
  int (*output_type)(const void*, size_t);
  size_t (*output_count)(const void*);
  void (*compute)(void*, void*);
  void (*destroy)(void*);
  int (*input_characteristic)(const void*, size_t);
  int (*output_characteristic)(const void*, size_t);
  int (*input_memory)(const void*, size_t);
  void* others[16];
} add_one = {8,   create,  name,    provider, element_type, one,   element_type,
             one, compute, destroy, zero,     zero,         zero, {NULL}};

OrtStatus* RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  static void* domain = NULL; /* one for all sessions; it must outlive them */
  table = base->GetApi(16);
  hugot_ort_bind(&api, table, 16);
  if (domain == NULL) {
    SLOT(CreateDomain, 26)("example.test", &domain);
    SLOT(AddToDomain, 27)(domain, &add_one);
  }
  return SLOT(AddDomain, 28)(options, domain);
}
