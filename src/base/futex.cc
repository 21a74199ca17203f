// SPDX-License-Identifier: Apache-2.0
#include "base/futex.h"

#include <algorithm>
#include <thread>

namespace kedge {

uint32_t SpinsIn(uint32_t spin_us) {
  if (spin_us == 0 || std::thread::hardware_concurrency() < 2) return 0;
  constexpr uint32_t kSample = 2000;
  const auto start = std::chrono::steady_clock::now();
  for (uint32_t i = 0; i < kSample; ++i) SpinPause();
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - start;
  return static_cast<uint32_t>(uint64_t{spin_us} * 1000 * kSample /
                               std::max<uint64_t>(1, static_cast<uint64_t>(took.count()))) +
         1;
}

}  // namespace kedge
