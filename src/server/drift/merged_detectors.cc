// SPDX-License-Identifier: Apache-2.0
#include "server/drift/merged_detectors.h"

#include <cstring>

#include "base/bytes.h"

namespace kedge::server {
namespace {

using stats::CategoryDetector;
using stats::EDetector;

constexpr size_t kStateBytes = stats::kBets * sizeof(float);

void Append(const EDetector& detector, ByteBuffer& bytes) {
  for (const float capital : detector.state()) {
    uint32_t bits = 0;
    std::memcpy(&bits, &capital, sizeof(bits));
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(bits >> (8 * i)));
  }
}

void Take(Bytes bytes, size_t& place, EDetector& detector) {
  std::array<float, stats::kBets> state{};
  for (float& capital : state) {
    uint32_t bits = 0;
    for (int i = 0; i < 4; ++i) bits |= uint32_t{bytes[place++]} << (8 * i);
    std::memcpy(&capital, &bits, sizeof(bits));
  }
  detector.Load(state);
}

}  // namespace

MergedDetectors::MergedDetectors(const KnownBaseline& baseline, const std::string& text)
    : baseline_(baseline) {
  size_t wanted = 0;
  for (const auto& table : baseline.tables) {
    const bool categorical = std::holds_alternative<stats::CategoryTables>(table);
    wanted += categorical ? 2 * kStateBytes : kStateBytes;
    if (categorical) {
      detectors_.emplace_back(CategoryDetector());
    } else {
      detectors_.emplace_back(EDetector());
    }
  }
  const auto bytes = Base64Decode(text);
  if (!bytes || bytes->size() != wanted) return;
  size_t place = 0;
  for (auto& detector : detectors_) {
    if (auto* const numeric = std::get_if<EDetector>(&detector)) {
      Take(*bytes, place, *numeric);
    } else {
      auto& categorical = std::get<CategoryDetector>(detector);
      Take(*bytes, place, categorical.rises);
      Take(*bytes, place, categorical.falls);
    }
  }
}

void MergedDetectors::Step(const SubjectCounts& window) {
  if (window.counts.features() != detectors_.size()) return;
  for (size_t f = 0; f < detectors_.size(); ++f) {
    const auto counts = window.counts.testable(f);
    if (auto* const numeric = std::get_if<EDetector>(&detectors_[f])) {
      numeric->StepWindow(std::get<stats::BetTable>(baseline_.tables[f]), counts);
    } else {
      std::get<CategoryDetector>(detectors_[f])
          .StepWindow(std::get<stats::CategoryTables>(baseline_.tables[f]), counts);
    }
  }
}

std::vector<double> MergedDetectors::Evidence() const {
  std::vector<double> evidence;
  for (const auto& detector : detectors_) {
    evidence.push_back(std::visit([](const auto& one) { return one.Evidence(); }, detector));
  }
  return evidence;
}

std::string MergedDetectors::Text() const {
  ByteBuffer bytes;
  for (const auto& detector : detectors_) {
    if (const auto* const numeric = std::get_if<EDetector>(&detector)) {
      Append(*numeric, bytes);
    } else {
      Append(std::get<CategoryDetector>(detector).rises, bytes);
      Append(std::get<CategoryDetector>(detector).falls, bytes);
    }
  }
  return Base64Encode(bytes);
}

}  // namespace kedge::server
