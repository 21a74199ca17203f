// SPDX-License-Identifier: Apache-2.0
#include <numeric>

#include "stats/counts/bit_stream.h"
#include "stats/counts/block_code.h"
#include "stats/counts/report.h"
#include "stats/counts/report_format.h"

namespace kedge::stats {
namespace {

void PutVarint(Uint128 value, ByteBuffer& out) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<uint8_t>(value | 0x80));
  out.push_back(static_cast<uint8_t>(value));
}

void PutText(std::string_view text, ByteBuffer& out) {
  PutVarint(text.size(), out);
  out.insert(out.end(), text.begin(), text.end());
}

Uint128 ZigZag(Int128 value) {
  return value < 0 ? 2 * static_cast<Uint128>(-value) - 1 : 2 * static_cast<Uint128>(value);
}

uint64_t ZigZagOf(uint32_t count, uint32_t expected) {
  return count >= expected ? uint64_t{2} * (count - expected)
                           : uint64_t{2} * (expected - count) - 1;
}

constexpr uint64_t kNever = UINT64_MAX;

// Bits of the Rice form with a shift, or kNever if a quotient is too large.
uint64_t RiceCost(std::span<const uint32_t> bins, const Expectation& expected, uint32_t shift) {
  uint64_t bits = 3;
  for (size_t i = 0; i < kCuts; ++i) {
    const uint32_t k = expected.RiceBits(i, shift);
    const uint64_t ones = ZigZagOf(bins[i], expected.count[i]) >> k;
    if (ones > kRiceOnesMax) return kNever;
    bits += ones + 1 + k;
  }
  return bits;
}

uint64_t PlainCost(std::span<const uint32_t> bins) {
  uint64_t bits = 0;
  for (const uint32_t count : bins.first(bins.size() - 1))
    bits += 2 * static_cast<uint64_t>(std::bit_width(uint64_t{count} + 1)) - 1;
  return bits;
}

void PutPlain(std::span<const uint32_t> bins, BitWriter& out) {
  for (const uint32_t count : bins.first(bins.size() - 1)) out.PutExpGolomb(count);
}

void PutNumeric(std::span<const uint32_t> bins, uint64_t sum, BitWriter& out) {
  const Expectation expected(sum);
  uint32_t best = 0;
  uint64_t best_cost = kNever;
  for (uint32_t shift = 0; shift < kShifts; ++shift) {
    const uint64_t cost = RiceCost(bins, expected, shift);
    if (cost < best_cost) {
      best = shift;
      best_cost = cost;
    }
  }
  const bool plain = PlainCost(bins) < best_cost;
  out.Put(plain ? 1 : 0, 1);
  if (plain) return PutPlain(bins, out);
  out.Put(best, 3);
  for (size_t i = 0; i < kCuts; ++i)
    out.PutRice(ZigZagOf(bins[i], expected.count[i]), expected.RiceBits(i, best));
}

void PutBlock(std::span<const uint32_t> bins, bool categorical, uint64_t sum, BitWriter& out) {
  if (sum == 0) return;
  if (categorical) return PutPlain(bins, out);
  PutNumeric(bins, sum, out);
}

void PutFeature(const ReportCounts& counts, size_t feature, uint8_t evidence, BitWriter& out) {
  const FeatureShape& shape = counts.shapes()[feature];
  const uint64_t binned = counts.values(feature);
  const uint64_t values =
      binned + counts.check(feature, Check::kNull) + counts.check(feature, Check::kNan);
  bool checks = false;
  for (size_t i = 0; i < kChecks; ++i) checks |= counts.check(feature, static_cast<Check>(i)) != 0;
  const bool other_values = values != counts.samples;
  const bool special = shape.categorical || shape.strided || checks || other_values;
  out.Put(special ? 1 : 0, 1);
  if (special) {
    out.Put(shape.categorical ? 1 : 0, 1);
    if (shape.categorical) out.Put(shape.bins, 6);
    out.Put(shape.strided ? 1 : 0, 1);
    out.Put(checks ? 1 : 0, 1);
    for (size_t i = 0; checks && i < kChecks; ++i)
      out.PutExpGolomb(counts.check(feature, static_cast<Check>(i)));
    out.Put(other_values ? 1 : 0, 1);
    if (other_values) out.PutExpGolomb(static_cast<uint32_t>(values));
  }
  out.Put(evidence, 8);
  PutBlock(counts.bins(feature), shape.categorical, binned, out);
  if (!shape.strided) return;
  const auto strided = counts.strided(feature);
  const uint64_t sum = std::accumulate(strided.begin(), strided.end(), uint64_t{0});
  out.PutExpGolomb(static_cast<uint32_t>(sum));
  PutBlock(strided, shape.categorical, sum, out);
}

void PutMoments(const Moments& moments, ByteBuffer& out) {
  PutVarint(moments.values, out);
  if (moments.values == 0) return;
  PutVarint(ZigZag(moments.sum), out);
  PutVarint(moments.sum_squares, out);
  PutVarint(ZigZag(moments.min), out);
  PutVarint(ZigZag(Int128{moments.max} - moments.min), out);
}

Status CheckBlocks(const ReportCounts& counts) {
  for (size_t i = 0; i < counts.features(); ++i) {
    const uint64_t values =
        counts.values(i) + counts.check(i, Check::kNull) + counts.check(i, Check::kNan);
    const auto strided = counts.strided(i);
    const uint64_t tested = std::accumulate(strided.begin(), strided.end(), uint64_t{0});
    if (std::max(values, tested) > kReportSamplesMax)
      return ResourceExhausted("feature " + std::to_string(i) + " has " +
                               std::to_string(std::max(values, tested)) + " values, at most " +
                               std::to_string(kReportSamplesMax) + " are allowed");
  }
  return {};
}

Status CheckModel(const ModelReport& model) {
  const size_t features = model.counts.features();
  KEDGE_TRY_STATUS(CheckReportName(model.model_name, kReportNameBytesMax));
  KEDGE_TRY_STATUS(CheckReportName(model.model_version, kReportVersionBytesMax));
  KEDGE_TRY_STATUS(CheckShapes(model.counts.shapes()));
  if (model.evidence.size() != features ||
      (!model.moments.empty() && model.moments.size() != features))
    return InvalidArgument("model '" + model.model_name + "' has " + std::to_string(features) +
                           " features, but evidence or moments of another number");
  if (model.window_begin_s < 0)
    return InvalidArgument("window of model '" + model.model_name + "' begins before 1970");
  if (std::max(model.counts.samples, model.counts.mismatched) > kReportSamplesMax)
    return ResourceExhausted("model '" + model.model_name + "' has " +
                             std::to_string(model.counts.samples) + " samples");
  for (const Moments& moments : model.moments) {
    if (!MomentsAreSound(moments))
      return InvalidArgument("moments of model '" + model.model_name + "' contradict each other");
  }
  return CheckBlocks(model.counts);
}

void PutModel(const ModelReport& model, ByteBuffer& out) {
  PutText(model.model_name, out);
  PutText(model.model_version, out);
  out.insert(out.end(), model.baseline.begin(), model.baseline.end());
  PutVarint(static_cast<uint64_t>(model.window_begin_s), out);
  PutVarint(model.window_s, out);
  PutVarint(model.counts.samples, out);
  PutVarint(model.counts.mismatched, out);
  const int flags = (model.alarm ? kAlarmFlag : 0) | (model.moments.empty() ? 0 : kMomentsFlag);
  out.push_back(static_cast<uint8_t>(flags));
  PutVarint(model.counts.features(), out);
  BitWriter bits(out);
  for (size_t i = 0; i < model.counts.features(); ++i)
    PutFeature(model.counts, i, model.evidence[i], bits);
  bits.Finish();
  for (const Moments& moments : model.moments) PutMoments(moments, out);
}

}  // namespace

Result<ByteBuffer> EncodeReport(const StatisticsReport& report) {
  if (report.models.size() > kReportModelsMax)
    return ResourceExhausted(std::to_string(report.models.size()) + " models, at most " +
                             std::to_string(kReportModelsMax) + " are allowed");
  size_t features = 0;
  for (const ModelReport& model : report.models) {
    KEDGE_TRY_STATUS(CheckModel(model));
    features += model.counts.features();
  }
  if (features > kReportFeaturesMax)
    return ResourceExhausted(std::to_string(features) + " features in all, at most " +
                             std::to_string(kReportFeaturesMax) + " are allowed");
  ByteBuffer out(1 + sizeof report.boot);
  out[0] = kReportVersion;
  StoreLittle(&out[1], report.boot);
  PutVarint(report.sequence, out);
  PutVarint(report.models.size(), out);
  for (const ModelReport& model : report.models) PutModel(model, out);
  if (out.size() > kReportBytesMax)
    return ResourceExhausted("report has " + std::to_string(out.size()) + " bytes, at most " +
                             std::to_string(kReportBytesMax) + " are allowed");
  return out;
}

Result<std::string> EncodeReportText(const StatisticsReport& report) {
  KEDGE_TRY(const ByteBuffer bytes, EncodeReport(report));
  return Base64Encode(bytes);
}

}  // namespace kedge::stats
