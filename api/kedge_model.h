/* The C interface of a compiled model: a freestanding shared object `model.so` with two exported functions, and a file
 * `weights.bin` that is mapped read-only beside it.
 *
 * ABI version 1. A loader checks `kedge_model_query()->abi` and the CPU features before anything else. Every structure only
 * grows at its end within one ABI version; nothing but this header crosses the border.
 *
 * Call order: query, then run any number of times, from any number of threads with an arena each. All state of a run is in its
 * arena; the object has no mutable data of its own, allocates nothing and makes no system call.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef KEDGE_MODEL_H
#define KEDGE_MODEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KEDGE_MODEL_ABI 1
#define KEDGE_MODEL_RANK_MAX 8

/* Element types: the numbers of kedge::DType. */
enum {
  KEDGE_F32 = 1, KEDGE_F64 = 2, KEDGE_F16 = 3, KEDGE_BF16 = 4, KEDGE_I8 = 5, KEDGE_I16 = 6, KEDGE_I32 = 7,
  KEDGE_I64 = 8, KEDGE_U8 = 9, KEDGE_U16 = 10, KEDGE_U32 = 11, KEDGE_U64 = 12, KEDGE_BOOL = 13
};

/* Results of kedge_model_run. */
enum { KEDGE_RUN_OK = 0, KEDGE_RUN_INVALID_ARGUMENT = 3, KEDGE_RUN_OUT_OF_RANGE = 11, KEDGE_RUN_INTERNAL = 13 };

/* One input or output. Tensors are row-major without padding; `bytes` is elements * element size. */
typedef struct {
  const char* name; /* UTF-8 as in the source model, NUL-terminated */
  uint32_t dtype;
  uint32_t rank;
  int64_t dim[KEDGE_MODEL_RANK_MAX];
  uint64_t bytes;
} kedge_io;

typedef struct {
  uint32_t abi;             /* KEDGE_MODEL_ABI */
  uint32_t flags;           /* 0 */
  uint64_t arena_bytes;     /* scratch memory a run needs, 0 allowed */
  uint64_t arena_align;     /* a power of two; 64 */
  uint64_t weights_bytes;   /* size of weights.bin; mapped with at least 64-byte alignment; 0: none needed */
  uint32_t input_count, output_count;
  const kedge_io* inputs;
  const kedge_io* outputs;
  const char* target;       /* for example "x86-64-v3" */
  const char* cpu_features; /* what the code uses, space-separated names as in /proc/cpuinfo; empty: baseline of the architecture */
  const char* compiler;     /* version of kedge-compile */
  const char* model_hash;   /* SHA-256 of the source model, hexadecimal */
  const char* weights_hash; /* SHA-256 of weights.bin, hexadecimal; empty without weights */
  uint32_t task_count_max;  /* largest n given to kedge_host.parallel */
  uint32_t op_count;        /* steps of the plan */
  const char* const* op_names; /* for traces: kernel names of ours, never text of the model */
} kedge_model_info;

/* Runs task(argument, index) for every index in [0, n), in any order, on any threads; returns when all are done. */
typedef void (*kedge_task)(void* argument, uint32_t index);

/* What the caller offers. May be NULL: one thread, no tracing. Any member function may be NULL. */
typedef struct {
  void* context;
  void (*parallel)(void* context, kedge_task task, void* argument, uint32_t n);
  void (*trace)(void* context, uint32_t op); /* called before step `op`, and with op_count after the last */
  uint32_t workers;                          /* threads behind `parallel`, at least 1 */
  uint32_t reserved;
} kedge_host;

const kedge_model_info* kedge_model_query(void);

/* Runs the model once.
 *   weights: the mapped weights.bin (NULL if weights_bytes is 0)
 *   in, out: input_count and output_count pointers to tensors, aligned to their element size; inputs are not written
 *   arena:   arena_bytes at arena_align; content before and after is of no meaning
 *   message: message_bytes for one NUL-terminated sentence if the result is not KEDGE_RUN_OK; may be NULL with 0 bytes
 * Errors: KEDGE_RUN_OUT_OF_RANGE for an index in an input tensor that points outside (Gather), with the message. */
int kedge_model_run(const kedge_host* host, const void* weights, const void* const* in, void* const* out, void* arena,
                    char* message, size_t message_bytes);

#ifdef __cplusplus
}
#endif
#endif
