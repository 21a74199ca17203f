// SPDX-License-Identifier: Apache-2.0
#include "runtime/testing/counting_allocator.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<uint64_t> allocations{0};

}  // namespace

void* operator new(size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* at = std::malloc(bytes)) return at;
  std::abort();
}
void operator delete(void* at) noexcept { std::free(at); }
void operator delete(void* at, size_t) noexcept { std::free(at); }

namespace kedge::runtime::testing {

uint64_t Allocations() { return allocations.load(std::memory_order_relaxed); }

}  // namespace kedge::runtime::testing
