// memcpy, memmove and memset: clang calls them even from freestanding code. Compiled once into each
// model, hidden, without any C library.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "../kernel.h"

#define KEDGE_HIDDEN extern "C" __attribute__((visibility("hidden"), used))

namespace kedge::kernels {
struct __attribute__((packed)) Word {
  uint64_t value;
};
}  // namespace kedge::kernels

KEDGE_HIDDEN void* memcpy(void* to, const void* from, size_t bytes) {
  auto* t = static_cast<char*>(to);
  const auto* f = static_cast<const char*>(from);
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    reinterpret_cast<kedge::kernels::Word*>(t + i)->value =
        reinterpret_cast<const kedge::kernels::Word*>(f + i)->value;
  }
  for (; i < bytes; ++i) t[i] = f[i];
  return to;
}

KEDGE_HIDDEN void* memmove(void* to, const void* from, size_t bytes) {
  auto* t = static_cast<char*>(to);
  const auto* f = static_cast<const char*>(from);
  if (t <= f || t >= f + bytes) {
    for (size_t i = 0; i < bytes; ++i) t[i] = f[i];
  } else {
    for (size_t i = bytes; i > 0; --i) t[i - 1] = f[i - 1];
  }
  return to;
}

KEDGE_HIDDEN void* memset(void* to, int value, size_t bytes) {
  auto* t = static_cast<char*>(to);
  const uint64_t word = static_cast<uint64_t>(static_cast<uint8_t>(value)) * 0x0101010101010101u;
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) reinterpret_cast<kedge::kernels::Word*>(t + i)->value = word;
  for (; i < bytes; ++i) t[i] = static_cast<char>(value);
  return to;
}
