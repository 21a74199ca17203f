// Time enters through here. Timers use the steady clock; wall time is only stored and shown.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace kedge {

// Milliseconds since the Unix epoch, UTC.
using EpochMs = int64_t;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual EpochMs NowMs() const = 0;
  virtual std::chrono::steady_clock::time_point Steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  EpochMs NowMs() const override;
  std::chrono::steady_clock::time_point Steady() const override;
};

// "2026-11-22T07:09:38.123Z"
std::string FormatIso8601(EpochMs time);
// "20261122T070938Z", the form of X-Amz-Date; milliseconds are cut off.
std::string FormatBasicIso8601(EpochMs time);
// Reads "20261122T070938Z". kInvalidArgument for anything else.
Result<EpochMs> ParseBasicIso8601(const std::string& text);

// Reads "2026-11-22T07:09:38.123Z", with any number of digits of the second's fraction or none.
// kInvalidArgument for anything else.
Result<EpochMs> ParseIso8601(const std::string& text);

}  // namespace kedge
