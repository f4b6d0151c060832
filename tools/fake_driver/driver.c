// A driver that answers as an NVIDIA GPU would and computes nothing: memory is the host's, kernels are only counted and their PTX
// kept. With it everything but the arithmetic of the CUDA build runs where there is no GPU (tools/check_ptx.py).
//
//   FAKE_CUDA_ARCH=90        compute capability, times ten
//   FAKE_CUDA_PTX=DIR        where to write the PTX of every module that is loaded
//   FAKE_CUDA_COUNTS=FILE    where to write, at the end, how often each function was called
//
// check_ptx.py appends functions that only count for everything else that a driver exports.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long DevicePointer;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { const char *name; long calls; } counts[8192];
static int functions;

static void count(const char *name) {
    pthread_mutex_lock(&lock);
    int i = 0;
    while (i < functions && strcmp(counts[i].name, name)) i++;
    if (i == functions && functions < (int)(sizeof counts / sizeof *counts)) counts[functions++].name = name;
    counts[i].calls++;
    pthread_mutex_unlock(&lock);
}

__attribute__((destructor)) static void report(void) {
    const char *path = getenv("FAKE_CUDA_COUNTS");
    FILE *file = path ? fopen(path, "w") : NULL;
    for (int i = 0; file && i < functions; i++) fprintf(file, "%s\t%ld\n", counts[i].name, counts[i].calls);
    if (file) fclose(file);
}

// ---- the device ----------------------------------------------------------------------------------------------------------

static int capability(void) {
    const char *text = getenv("FAKE_CUDA_ARCH");
    return text ? atoi(text) : 90;
}

int cuInit(unsigned flags) { count("cuInit"); return 0; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGetCount(int *devices) { *devices = 1; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceGetName(char *name, int length, int device) { snprintf(name, length, "NVIDIA Imaginary"); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 16ull << 30; return 0; }
int cuDeviceGetUuid_v2(char *uuid, int device) { memset(uuid, 7, 16); return 0; }
int cuDeviceGetPCIBusId(char *id, int length, int device) { snprintf(id, length, "0000:01:00.0"); return 0; }
int cuDeviceGetLuid(char *luid, unsigned *mask, int device) { return 801; /* not supported */ }

// Numbers of CUdevice_attribute (cuda.h).
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    switch (attribute) {
    case 1: case 2: case 3: *value = 1024; break;  // threads a block, and along x and y
    case 4: *value = 64; break;                    // along z
    case 5: *value = 2147483647; break;            // blocks along x
    case 6: case 7: *value = 65535; break;         // along y and z
    case 8: *value = 49152; break;                 // shared memory a block
    case 9: case 12: case 82: *value = 65536; break; // constant memory, registers
    case 10: *value = 32; break;                   // warp
    case 11: *value = 2147483647; break;           // pitch
    case 14: *value = 512; break;                  // alignment of textures
    case 16: *value = 132; break;                  // multiprocessors
    case 38: *value = 50 << 20; break;             // L2 cache
    case 39: *value = 2048; break;                 // threads a multiprocessor
    case 75: *value = capability() / 10; break;
    case 76: *value = capability() % 10; break;
    case 81: *value = 233472; break;               // shared memory a multiprocessor
    case 97: *value = 101376; break;               // shared memory a block may opt into, as on consumer cards
    case 106: *value = 32; break;                  // blocks a multiprocessor
    case 115: *value = 1; break;                   // memory pools
    default: *value = 0;
    }
    return 0;
}

static long last = 0x2000;
static void *handle(void) { return (void *)__sync_add_and_fetch(&last, 16); }

int cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)0x1000; return 0; }
int cuCtxGetCurrent(void **context) { *context = (void *)0x1000; return 0; }
int cuCtxGetStreamPriorityRange(int *least, int *greatest) { *least = *greatest = 0; return 0; }
int cuStreamCreate(void **stream, unsigned flags) { *stream = handle(); return 0; }
int cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) { *stream = handle(); return 0; }
int cuEventCreate(void **event, unsigned flags) { *event = handle(); return 0; }
// Long enough that autotuning is content with few repetitions.
int cuEventElapsedTime(float *ms, void *from, void *to) { *ms = 20.0f + rand() % 100 * 0.01f; return 0; }
int cuEventElapsedTime_v2(float *ms, void *from, void *to) { return cuEventElapsedTime(ms, from, to); }
int cuGetErrorString(int error, const char **text) { *text = "an error of the fake driver"; return 0; }
int cuGetErrorName(int error, const char **text) { *text = "FAKE_ERROR"; return 0; }

// ---- memory: the host's, zeroed --------------------------------------------------------------------------------------------

static void *zeros(size_t bytes) {
    void *memory = NULL;
    if (posix_memalign(&memory, 512, bytes ? bytes : 512)) return NULL;
    return memset(memory, 0, bytes);
}

#define HOST(pointer) ((void *)(uintptr_t)(pointer))

int cuMemGetInfo_v2(size_t *free, size_t *total) { *free = 15ull << 30; *total = 16ull << 30; return 0; }
int cuMemAlloc_v2(DevicePointer *p, size_t n) { count("cuMemAlloc"); *p = (DevicePointer)(uintptr_t)zeros(n); return *p ? 0 : 2; }
int cuMemAllocAsync(DevicePointer *p, size_t n, void *stream) { return cuMemAlloc_v2(p, n); }
int cuMemAllocHost_v2(void **p, size_t n) { *p = zeros(n); return *p ? 0 : 2; }
int cuMemHostAlloc(void **p, size_t n, unsigned flags) { return cuMemAllocHost_v2(p, n); }
int cuMemFree_v2(DevicePointer p) { free(HOST(p)); return 0; }
int cuMemFreeAsync(DevicePointer p, void *stream) { return cuMemFree_v2(p); }
int cuMemFreeHost(void *p) { free(p); return 0; }
int cuMemcpyHtoDAsync_v2(DevicePointer to, const void *from, size_t n, void *stream) {
    count("HtoD");
    memcpy(HOST(to), from, n);
    return 0;
}
int cuMemcpyDtoHAsync_v2(void *to, DevicePointer from, size_t n, void *stream) {
    count("DtoH");
    memcpy(to, HOST(from), n);
    return 0;
}
int cuMemcpyDtoDAsync_v2(DevicePointer to, DevicePointer from, size_t n, void *stream) {
    count("DtoD");
    memmove(HOST(to), HOST(from), n);
    return 0;
}

// CUDA_MEMCPY2D: memory type 1 is the host's.
typedef struct {
    size_t source_x, source_y;
    unsigned source_type;
    const void *source_host;
    DevicePointer source_device;
    void *source_array;
    size_t source_pitch, x, y;
    unsigned type;
    void *host;
    DevicePointer device;
    void *array;
    size_t pitch, bytes, rows;
} Copy;

int cuMemcpy2DAsync_v2(const Copy *c, void *stream) {
    const char *from = c->source_type == 1 ? c->source_host : HOST(c->source_device);
    char *to = c->type == 1 ? c->host : HOST(c->device);
    count(c->type == 1 ? "DtoH" : c->source_type == 1 ? "HtoD" : "DtoD");
    for (size_t row = 0; row < c->rows; row++)
        memcpy(to + (c->y + row) * c->pitch + c->x, from + (c->source_y + row) * c->source_pitch + c->source_x, c->bytes);
    return 0;
}

// ---- kernels: kept and counted -----------------------------------------------------------------------------------------------

int cuModuleLoadData(void **module, const void *image) {
    static int modules;
    const char *folder = getenv("FAKE_CUDA_PTX");
    char path[4096];
    count("cuModuleLoadData");
    if (folder) {
        snprintf(path, sizeof path, "%s/%05d.ptx", folder, __sync_add_and_fetch(&modules, 1));
        FILE *file = fopen(path, "w");
        if (file) {
            fputs(image, file);
            fclose(file);
        }
    }
    *module = handle();
    return 0;
}
// A function is its name.
int cuModuleGetFunction(void **function, void *module, const char *name) {
    size_t n = strlen(name) + 8;
    char *own = malloc(n);
    snprintf(own, n, "kernel %s", name);
    *function = own;
    return 0;
}
static int launch(void *function) {
    count("cuLaunchKernel");
    count(function);
    return 0;
}
int cuLaunchKernel(void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream,
                   void **arguments, void **extra) {
    return launch(f);
}
int cuLaunchKernelEx(const void *config, void *f, void **arguments, void **extra) { return launch(f); }
