// The report of a device: what it counted since its last one, in a few bytes a feature.
// docs/formats/statistics.md is the format.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "stats/counts/counts.h"

namespace kedge::stats {

inline constexpr size_t kReportBytesMax = 64 << 10;
inline constexpr size_t kReportModelsMax = 64;
inline constexpr size_t kReportFeaturesMax = 4096;  // of all models together
inline constexpr uint64_t kReportSamplesMax = (uint64_t{1} << 31) - 1;
inline constexpr size_t kReportNameBytesMax = 63;

// SHA-256 of the baseline's text.
using BaselineId = std::array<uint8_t, 32>;

// One model. `evidence` (and `moments`, unless it is empty) have an entry a feature.
struct ModelReport {
  std::string model_name;     // as packaged, 1 to 63 bytes
  std::string model_version;  // 1 to 30 bytes
  BaselineId baseline{};
  int64_t window_begin_s = 0;  // Unix time by the device's clock, >= 0
  uint32_t window_s = 0;       // its length
  bool alarm = false;          // the device's own level of evidence has reached kAlarmLevel
  ReportCounts counts;
  std::vector<uint8_t> evidence;  // EncodeEvidence of evidence/e_detector.h, at the window's end
  // Since the last report that had them, which may be many windows: they are as large as the counts
  // and rarely needed.
  std::vector<Moments> moments;

  friend bool operator==(const ModelReport&, const ModelReport&) = default;
};

// A report is sent unchanged until it is acknowledged; (device, boot, sequence) names it.
struct StatisticsReport {
  uint64_t boot = 0;      // random, new at every start of the agent
  uint64_t sequence = 0;  // counts up from 1 in a boot
  std::vector<ModelReport> models;

  friend bool operator==(const StatisticsReport&, const StatisticsReport&) = default;
};

// kInvalidArgument or kResourceExhausted for a report that the format cannot say: names or counts
// beyond the limits, values of a feature that are not the sum of its cells, entries that are not
// one a feature.
Result<ByteBuffer> EncodeReport(const StatisticsReport& report);

// kInvalidArgument for anything that EncodeReport does not write, saying where; kUnimplemented for
// another version, naming it; kResourceExhausted above a limit.
Result<StatisticsReport> DecodeReport(Bytes bytes);

// As the heartbeat's member `Statistics` has it: base64. Errors as above.
Result<std::string> EncodeReportText(const StatisticsReport& report);
Result<StatisticsReport> DecodeReportText(std::string_view text);

}  // namespace kedge::stats
