// The ground every generated kernel stands on: its calling form, element types without arithmetic
// of their own, and integer division that cannot trap. Freestanding: no header of a C library but
// the compiler's own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

// A kernel is one hidden function, named by the compiler driver (a digest of its own text).
#ifdef KEDGE_KERNEL_NAME
#define KEDGE_KERNEL extern "C" __attribute__((visibility("hidden"))) void KEDGE_KERNEL_NAME
#define KEDGE_FALLIBLE_KERNEL extern "C" __attribute__((visibility("hidden"))) int KEDGE_KERNEL_NAME
#endif

// Iterations do not depend on each other through memory, although pointers may be equal: an
// in-place step reads an element before it writes it.
#ifdef __clang__
#define KEDGE_VECTORIZE _Pragma("clang loop vectorize(assume_safety) interleave(enable)")
#else
#define KEDGE_VECTORIZE _Pragma("GCC ivdep")
#endif

#define KEDGE_INLINE inline __attribute__((always_inline))
#define KEDGE_LAMBDA_INLINE __attribute__((always_inline))

namespace kedge::kernels {

// IEEE half precision in memory; computes as float. Conversions are integer arithmetic, so that
// they vectorise everywhere and need no instruction or library function of the target.
struct Half {
  uint16_t bits;

  Half() = default;
  KEDGE_INLINE Half(float value) : bits(Round(value)) {}
  KEDGE_INLINE operator float() const {
    // The exponent is moved by a multiplication, which makes subnormals right without a branch.
    const uint32_t magnitude = static_cast<uint32_t>(bits & 0x7fff) << 13;
    float value = __builtin_bit_cast(float, magnitude) * 0x1p112f;
    const uint32_t special = (bits & 0x7c00) == 0x7c00 ? 0x7f800000u : 0u;
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
    const uint32_t out = __builtin_bit_cast(uint32_t, value) | special | sign;
    return __builtin_bit_cast(float, out);
  }

 private:
  static KEDGE_INLINE uint16_t Round(float value) {
    const uint32_t all = __builtin_bit_cast(uint32_t, value);
    const uint32_t sign = (all >> 16) & 0x8000u;
    const uint32_t magnitude = all & 0x7fffffffu;
    // Normal: round to nearest even on the 13 dropped bits. Subnormal: let an addition do it.
    const uint32_t normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
    const float shifted = __builtin_bit_cast(float, magnitude) + 0.5f;
    const uint32_t subnormal = __builtin_bit_cast(uint32_t, shifted) - 0x3f000000u;
    uint32_t out = magnitude < 0x38800000u ? subnormal : normal;
    out = magnitude >= 0x47800000u ? 0x7c00u : out;
    out = magnitude > 0x7f800000u ? 0x7e00u : out;
    return static_cast<uint16_t>(out | sign);
  }
};

// bfloat16 in memory; computes as float.
struct BFloat {
  uint16_t bits;

  BFloat() = default;
  KEDGE_INLINE BFloat(float value) : bits(Round(value)) {}
  KEDGE_INLINE operator float() const {
    const uint32_t all = static_cast<uint32_t>(bits) << 16;
    return __builtin_bit_cast(float, all);
  }

 private:
  static KEDGE_INLINE uint16_t Round(float value) {
    const uint32_t all = __builtin_bit_cast(uint32_t, value);
    const uint32_t rounded = (all + 0x7fffu + ((all >> 16) & 1u)) >> 16;
    const bool nan = (all & 0x7fffffffu) > 0x7f800000u;
    return static_cast<uint16_t>(nan ? 0x7fc0u : rounded);
  }
};

// A truth value in memory: one byte, any value but 0 reads as true.
struct Bool {
  uint8_t byte;

  Bool() = default;
  KEDGE_INLINE Bool(bool value) : byte(value ? 1 : 0) {}
  KEDGE_INLINE operator bool() const { return byte != 0; }
};

}  // namespace kedge::kernels
