// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "stats/counts/bit_stream.h"
#include "stats/counts/block_code.h"
#include "stats/counts/report.h"
#include "stats/counts/report_format.h"

namespace kedge::stats {
namespace {

Error Malformed(std::string_view what) {
  return InvalidArgument("report of statistics: " + std::string(what));
}

// The bytes that are left; every Take moves on.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}
  Bytes rest() const { return bytes_; }

  Result<Bytes> Take(size_t bytes) {
    if (bytes > bytes_.size()) return Malformed("ends too early");
    const Bytes taken = bytes_.first(bytes);
    bytes_ = bytes_.subspan(bytes);
    return taken;
  }
  // Of at most `bits` bits, in its shortest form.
  Result<Uint128> TakeVarint(uint32_t bits) {
    Uint128 value = 0;
    for (uint32_t shift = 0; shift < bits; shift += 7) {
      if (bytes_.empty()) return Malformed("ends within a number");
      const uint8_t byte = bytes_.front();
      bytes_ = bytes_.subspan(1);
      const Uint128 part = byte & 0x7f;
      if (bits - shift < 7 && (part >> (bits - shift)) != 0) break;
      value |= part << shift;
      if (byte < 0x80) {
        if (byte == 0 && shift > 0) return Malformed("a number has a longer form than needed");
        return value;
      }
    }
    return Malformed("a number has more than " + std::to_string(bits) + " bits");
  }
  Result<uint64_t> TakeCount(std::string_view what, uint64_t max) {
    KEDGE_TRY(const Uint128 value, TakeVarint(64));
    if (value > max) {
      return ResourceExhausted("report of statistics: " + std::string(what) + " is " +
                               std::to_string(static_cast<uint64_t>(value)) + ", at most " +
                               std::to_string(max) + " is allowed");
    }
    return static_cast<uint64_t>(value);
  }
  Result<std::string> TakeName(size_t bytes_max) {
    KEDGE_TRY(const uint64_t bytes, TakeCount("length of a name", bytes_max));
    KEDGE_TRY(const Bytes text, Take(bytes));
    KEDGE_TRY_STATUS(CheckReportName(AsText(text), bytes_max));
    return std::string(AsText(text));
  }

 private:
  Bytes bytes_;
};

// What a feature's bits say before its bins.
struct FeatureHead {
  FeatureShape shape;
  std::array<uint32_t, kChecks> checks{};
  uint64_t values = 0;
  uint8_t evidence = 0;
};

FeatureHead TakeHead(BitReader& bits, uint64_t samples) {
  FeatureHead head{.values = samples};
  if (bits.Take(1) != 0) {
    head.shape.categorical = bits.Take(1) != 0;
    if (head.shape.categorical) head.shape.bins = static_cast<uint8_t>(bits.Take(6));
    head.shape.strided = bits.Take(1) != 0;
    if (bits.Take(1) != 0) {
      for (uint32_t& check : head.checks) check = bits.TakeExpGolomb();
    }
    if (bits.Take(1) != 0) head.values = bits.TakeExpGolomb();
  }
  head.evidence = static_cast<uint8_t>(bits.Take(8));
  return head;
}

bool TakePlain(BitReader& bits, uint64_t sum, std::span<uint32_t> bins) {
  for (size_t i = 0; i + 1 < bins.size(); ++i) {
    const uint32_t count = bits.TakeExpGolomb();
    if (count > sum) return false;
    bins[i] = count;
    sum -= count;
  }
  bins.back() = static_cast<uint32_t>(sum);
  return bits.ok();
}

bool TakeRiceBins(BitReader& bits, const Expectation& expected, std::span<uint32_t> bins) {
  const auto shift = static_cast<uint32_t>(bits.Take(3));
  uint64_t left = expected.sum;
  for (size_t i = 0; i < kCuts; ++i) {
    const uint64_t code = bits.TakeRice(expected.RiceBits(i, shift));
    // 2d or -2d - 1 back to d, without a branch.
    const int64_t d = static_cast<int64_t>(code >> 1) ^ -static_cast<int64_t>(code & 1);
    const int64_t count = int64_t{expected.count[i]} + d;
    if (count < 0 || static_cast<uint64_t>(count) > left) return false;
    bins[i] = static_cast<uint32_t>(count);
    left -= static_cast<uint64_t>(count);
  }
  bins.back() = static_cast<uint32_t>(left);
  return bits.ok();
}

// false if the bits are no block of that sum. `usual`: the expectation of most blocks.
bool TakeBlock(BitReader& bits, const FeatureShape& shape, const Expectation& usual, uint64_t sum,
               std::span<uint32_t> bins) {
  if (sum == 0) return bits.ok();
  if (shape.categorical || bits.Take(1) != 0) return TakePlain(bits, sum, bins);
  if (sum == usual.sum) return TakeRiceBins(bits, usual, bins);
  return TakeRiceBins(bits, Expectation(sum), bins);
}

// Bits are read into these before it is known how many cells there are in all.
struct Scratch {
  std::vector<FeatureShape> shapes;
  std::vector<uint32_t> cells;
};

Status TakeFeature(BitReader& bits, uint64_t samples, const Expectation& usual, ModelReport& model,
                   Scratch& scratch) {
  const FeatureHead head = TakeHead(bits, samples);
  if (!bits.ok() || (head.shape.categorical && head.shape.bins < 3) ||
      head.shape.bins > kCategoryBinsMax)
    return Malformed("a feature's description is broken");
  const uint64_t missing = uint64_t{head.checks[0]} + head.checks[1];
  if (head.values > kReportSamplesMax || missing > head.values)
    return Malformed("a feature has more values than it may");
  const size_t begin = scratch.cells.size();
  scratch.shapes.push_back(head.shape);
  scratch.cells.resize(begin + head.shape.cells());
  std::copy(head.checks.begin(), head.checks.end(), scratch.cells.begin() + begin);
  model.evidence.push_back(head.evidence);
  const std::span<uint32_t> blocks = std::span(scratch.cells).subspan(begin + kChecks);
  if (!TakeBlock(bits, head.shape, usual, head.values - missing, blocks.first(head.shape.bins)))
    return Malformed("bins of a feature are broken");
  if (!head.shape.strided) return {};
  const uint64_t tested = bits.TakeExpGolomb();
  if (tested > kReportSamplesMax ||
      !TakeBlock(bits, head.shape, usual, tested, blocks.subspan(head.shape.bins)))
    return Malformed("strided bins of a feature are broken");
  return {};
}

Int128 UnZigZag(Uint128 value) {
  return (value & 1) != 0 ? -static_cast<Int128>(value >> 1) - 1 : static_cast<Int128>(value >> 1);
}

Result<Moments> TakeMoments(ByteReader& in) {
  Moments moments;
  KEDGE_TRY(moments.values, in.TakeCount("number of values", UINT64_MAX >> 1));
  if (moments.values == 0) return moments;
  KEDGE_TRY(const Uint128 sum, in.TakeVarint(100));
  KEDGE_TRY(moments.sum_squares, in.TakeVarint(120));
  KEDGE_TRY(const uint64_t min, in.TakeCount("minimum", 2 * uint64_t{kMomentMax}));
  KEDGE_TRY(const uint64_t range, in.TakeCount("range", 4 * uint64_t{kMomentMax}));
  moments.sum = UnZigZag(sum);
  moments.min = static_cast<int32_t>(UnZigZag(min));
  const Int128 max = moments.min + UnZigZag(range);
  if (max > kMomentMax) return Malformed("moments contradict each other");
  moments.max = static_cast<int32_t>(max);
  if (!MomentsAreSound(moments)) return Malformed("moments contradict each other");
  return moments;
}

Status TakeHeader(ByteReader& in, ModelReport& model) {
  KEDGE_TRY(model.model_name, in.TakeName(kReportNameBytesMax));
  KEDGE_TRY(model.model_version, in.TakeName(kReportVersionBytesMax));
  KEDGE_TRY(const Bytes id, in.Take(model.baseline.size()));
  std::copy(id.begin(), id.end(), model.baseline.begin());
  KEDGE_TRY(const uint64_t begin, in.TakeCount("begin of the window", INT64_MAX));
  model.window_begin_s = static_cast<int64_t>(begin);
  KEDGE_TRY(const uint64_t window, in.TakeCount("length of the window", UINT32_MAX));
  model.window_s = static_cast<uint32_t>(window);
  return {};
}

// The features' bits become model.counts.
Status TakeFeatures(ByteReader& in, uint64_t features, uint64_t samples, ModelReport& model) {
  BitReader bits(in.rest());
  const Expectation usual(samples);
  Scratch scratch;
  scratch.shapes.reserve(features);
  scratch.cells.reserve(features * FeatureShape{}.cells());
  model.evidence.reserve(features);
  for (uint64_t i = 0; i < features; ++i)
    KEDGE_TRY_STATUS(TakeFeature(bits, samples, usual, model, scratch));
  const size_t bytes = bits.Finish();
  if (!bits.ok()) return Malformed("bits behind the last feature are not zero");
  KEDGE_TRY_STATUS(in.Take(bytes));
  model.counts = ReportCounts(std::move(scratch.shapes), std::move(scratch.cells));
  return {};
}

Status TakeModel(ByteReader& in, size_t& features_left, ModelReport& model) {
  KEDGE_TRY_STATUS(TakeHeader(in, model));
  KEDGE_TRY(const uint64_t samples, in.TakeCount("number of samples", kReportSamplesMax));
  KEDGE_TRY(const uint64_t mismatched, in.TakeCount("number of mismatches", kReportSamplesMax));
  KEDGE_TRY(const Bytes flags, in.Take(1));
  if (flags[0] > (kAlarmFlag | kMomentsFlag)) return Malformed("unknown flags");
  KEDGE_TRY(const uint64_t features,
            in.TakeCount("number of features", std::min(kFeaturesMax, features_left)));
  features_left -= features;
  KEDGE_TRY_STATUS(TakeFeatures(in, features, samples, model));
  model.counts.samples = samples;
  model.counts.mismatched = mismatched;
  model.alarm = (flags[0] & kAlarmFlag) != 0;
  if ((flags[0] & kMomentsFlag) == 0) return {};
  if (features == 0) return Malformed("moments of no feature");
  for (uint64_t i = 0; i < features; ++i) {
    KEDGE_TRY(const Moments moments, TakeMoments(in));
    model.moments.push_back(moments);
  }
  return {};
}

}  // namespace

Result<StatisticsReport> DecodeReport(Bytes bytes) {
  if (bytes.size() > kReportBytesMax)
    return ResourceExhausted("report of statistics has " + std::to_string(bytes.size()) +
                             " bytes, at most " + std::to_string(kReportBytesMax) + " are allowed");
  if (bytes.empty()) return Malformed("is empty");
  if (bytes[0] != kReportVersion)
    return Unimplemented("report of statistics has version " + std::to_string(bytes[0]) +
                         ", this program reads " + std::to_string(kReportVersion));
  ByteReader in(bytes.subspan(1));
  StatisticsReport report;
  KEDGE_TRY(const Bytes boot, in.Take(sizeof report.boot));
  report.boot = LoadLittle<uint64_t>(boot.data());
  KEDGE_TRY(report.sequence, in.TakeCount("sequence", UINT64_MAX));
  KEDGE_TRY(const uint64_t models, in.TakeCount("number of models", kReportModelsMax));
  size_t features_left = kReportFeaturesMax;
  for (uint64_t i = 0; i < models; ++i) {
    ModelReport& model = report.models.emplace_back();
    if (Status status = TakeModel(in, features_left, model); !status)
      return Wrap(status.error(), "model " + std::to_string(i));
  }
  if (!in.rest().empty()) return Malformed("has bytes behind its end");
  return report;
}

Result<StatisticsReport> DecodeReportText(std::string_view text) {
  if (text.size() > kReportBytesMax * 2)
    return ResourceExhausted("report of statistics has " + std::to_string(text.size()) +
                             " characters");
  auto bytes = Base64Decode(text);
  if (!bytes) return Wrap(bytes.error(), "report of statistics");
  return DecodeReport(*bytes);
}

}  // namespace kedge::stats
