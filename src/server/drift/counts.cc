// SPDX-License-Identifier: Apache-2.0
#include "server/drift/counts.h"

#include <algorithm>

#include "base/bytes.h"

namespace kedge::server {
namespace {

using stats::Int128;
using stats::Uint128;

constexpr uint64_t kVersion = 1;
constexpr uint64_t kCategoricalFlag = 1;
constexpr uint64_t kStridedFlag = 2;
constexpr int kVarintBytesMax = 19;  // of 128 bits

class Writer {
 public:
  void Put(Uint128 value) {
    while (value >= 0x80) {
      bytes_.push_back(static_cast<uint8_t>(value) | 0x80);
      value >>= 7;
    }
    bytes_.push_back(static_cast<uint8_t>(value));
  }
  void PutSigned(Int128 value) {
    Put((static_cast<Uint128>(value) << 1) ^ static_cast<Uint128>(value >> 127));
  }
  std::string Text() const { return Base64Encode(bytes_); }

 private:
  ByteBuffer bytes_;
};

// Zero after the end or an overlong number; then failed().
class Reader {
 public:
  explicit Reader(Bytes bytes) : bytes_(bytes) {}
  Uint128 Get() {
    Uint128 value = 0;
    for (int i = 0; i < kVarintBytesMax && place_ < bytes_.size(); ++i) {
      const uint8_t byte = bytes_[place_++];
      value |= static_cast<Uint128>(byte & 0x7F) << (7 * i);
      if ((byte & 0x80) == 0) return value;
    }
    failed_ = true;
    return 0;
  }
  uint64_t Get64() { return static_cast<uint64_t>(Get()); }
  Int128 GetSigned() {
    const Uint128 value = Get();
    return static_cast<Int128>(value >> 1) ^ -static_cast<Int128>(value & 1);
  }
  bool failed() const { return failed_; }
  bool AtEnd() const { return place_ == bytes_.size(); }

 private:
  Bytes bytes_;
  size_t place_ = 0;
  bool failed_ = false;
};

Error Damaged() { return DataLoss("stored counts are damaged"); }

Result<std::vector<stats::FeatureShape>> ReadShapes(Reader& reader) {
  const uint64_t features = reader.Get64();
  if (reader.failed() || features > stats::kFeaturesMax) return Damaged();
  std::vector<stats::FeatureShape> shapes(features);
  for (stats::FeatureShape& shape : shapes) {
    const uint64_t bins = reader.Get64();
    const uint64_t flags = reader.Get64();
    if (bins > stats::kCategoryBinsMax) return Damaged();
    shape = {.bins = static_cast<uint8_t>(bins),
             .categorical = (flags & kCategoricalFlag) != 0,
             .strided = (flags & kStridedFlag) != 0};
  }
  if (reader.failed() || (features > 0 && !stats::CheckShapes(shapes))) return Damaged();
  return shapes;
}

void WriteMoments(const stats::Moments& moments, Writer& writer) {
  writer.Put(moments.values);
  writer.PutSigned(moments.sum);
  writer.Put(moments.sum_squares);
  writer.PutSigned(moments.min);
  writer.PutSigned(moments.max);
}

stats::Moments ReadMoments(Reader& reader) {
  stats::Moments moments;
  moments.values = reader.Get64();
  moments.sum = reader.GetSigned();
  moments.sum_squares = reader.Get();
  moments.min = static_cast<int32_t>(reader.GetSigned());
  moments.max = static_cast<int32_t>(reader.GetSigned());
  return moments;
}

template <class Cell>
Status AddCounts(SubjectCounts& into, const stats::Counts<Cell>& counts,
                 const std::vector<stats::Moments>& moments) {
  if (into.counts.features() == 0) {
    into.counts = stats::MergedCounts(counts.shapes());
    into.moments.assign(counts.features(), {});
  }
  KEDGE_TRY_STATUS(into.counts.Add(counts));
  for (size_t f = 0; f < moments.size(); ++f) into.moments[f].Add(moments[f]);
  return {};
}

}  // namespace

Status SubjectCounts::Add(const stats::ModelReport& report) {
  return AddCounts(*this, report.counts, report.moments);
}

Status SubjectCounts::Add(const SubjectCounts& other) {
  if (other.counts.features() == 0) return {};
  return AddCounts(*this, other.counts, other.moments);
}

std::string WriteCounts(const SubjectCounts& counts) {
  Writer writer;
  writer.Put(kVersion);
  writer.Put(counts.counts.features());
  for (const stats::FeatureShape& shape : counts.counts.shapes()) {
    writer.Put(shape.bins);
    writer.Put((shape.categorical ? kCategoricalFlag : 0) | (shape.strided ? kStridedFlag : 0));
  }
  writer.Put(counts.counts.samples);
  writer.Put(counts.counts.mismatched);
  for (const uint64_t cell : counts.counts.cells()) writer.Put(cell);
  for (const stats::Moments& moments : counts.moments) WriteMoments(moments, writer);
  return writer.Text();
}

Result<SubjectCounts> ReadCounts(std::string_view text) {
  SubjectCounts counts;
  if (text.empty()) return counts;
  const auto bytes = Base64Decode(text);
  if (!bytes) return Damaged();
  Reader reader(*bytes);
  if (reader.Get64() != kVersion) return Damaged();
  KEDGE_TRY(std::vector<stats::FeatureShape> shapes, ReadShapes(reader));
  counts.counts = stats::MergedCounts(std::move(shapes));
  counts.counts.samples = reader.Get64();
  counts.counts.mismatched = reader.Get64();
  for (uint64_t& cell : counts.counts.cells()) cell = reader.Get64();
  counts.moments.resize(counts.counts.features());
  for (stats::Moments& moments : counts.moments) moments = ReadMoments(reader);
  if (reader.failed() || !reader.AtEnd()) return Damaged();
  return counts;
}

int64_t StepsOf(const stats::ReportCounts& counts) {
  uint64_t most = 0;
  for (size_t f = 0; f < counts.features(); ++f) {
    uint64_t steps = 0;
    for (const uint32_t bin : counts.testable(f)) steps += bin;
    most = std::max(most, steps);
  }
  return static_cast<int64_t>(most);
}

}  // namespace kedge::server
