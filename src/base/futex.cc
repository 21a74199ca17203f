// SPDX-License-Identifier: Apache-2.0
#include "base/futex.h"

#include <algorithm>
#include <thread>

namespace kedge {

uint32_t SpinsIn(uint32_t spin_us) {
  if (spin_us == 0 || std::thread::hardware_concurrency() < 2) return 0;
  constexpr uint32_t kSample = 500;
  // The shortest of a few: the others may have been interrupted.
  std::chrono::nanoseconds least = std::chrono::nanoseconds::max();
  for (int i = 0; i < 4; ++i) {
    const auto start = std::chrono::steady_clock::now();
    for (uint32_t k = 0; k < kSample; ++k) SpinPause();
    least = std::min<std::chrono::nanoseconds>(least, std::chrono::steady_clock::now() - start);
  }
  const auto sample_ns = std::max<uint64_t>(1, static_cast<uint64_t>(least.count()));
  return static_cast<uint32_t>(uint64_t{spin_us} * 1000 * kSample / sample_ns) + 1;
}

}  // namespace kedge
