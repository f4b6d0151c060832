/* A CUDA driver with the answers that the variables FAKE_* say, for tests on machines without a GPU. Only what is asked before
 * a device is used. */
#include <stdlib.h>
#include <string.h>

static int number(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}

int cuInit(unsigned flags) { (void)flags; return number("FAKE_INIT", 0); }
int cuDriverGetVersion(int *version) { *version = number("FAKE_VERSION", 13000); return 0; }
int cuDeviceGetCount(int *count) { *count = number("FAKE_COUNT", 1); return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int length, int device) {
    (void)device;
    strncpy(name, "NVIDIA Paper 1", (size_t)length);
    return 0;
}
/* 75 and 76 are the two numbers of the compute capability. */
int cuDeviceGetAttribute(int *value, int which, int device) { (void)device; *value = which == 75 ? 8 : 9; return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { (void)device; *bytes = (size_t)24 << 30; return 0; }
int cuCtxGetCurrent(void **context) { *context = NULL; return 0; }
int cuCtxSetCurrent(void *context) { (void)context; return 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) {
    static int something;
    (void)device;
    *context = &something;
    return number("FAKE_RETAIN", 0);
}
int cuDevicePrimaryCtxRelease_v2(int device) { (void)device; return 0; }
int cuMemGetInfo_v2(size_t *free_bytes, size_t *total) { *free_bytes = (size_t)20 << 30; *total = (size_t)24 << 30; return 0; }
int cuGetErrorName(int error, const char **text) { (void)error; *text = "CUDA_ERROR_OF_PAPER"; return 0; }
int cuGetErrorString(int error, const char **text) { (void)error; *text = "an error of paper"; return 0; }
