// SPDX-License-Identifier: Apache-2.0
#include "server/drift/fleet_evidence.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/bytes.h"
#include "stats/evidence/alarm_budget.h"
#include "stats/evidence/e_benjamini_hochberg.h"
#include "stats/evidence/e_detector.h"

namespace kedge::server {
namespace {

constexpr double kSecondsOfDay = 24.0 * 3600;

// Below this an e-value is never named, whatever the others are.
constexpr double kLeastEValue = 1 / kFalseDiscoveryRate;

double StepsPerSecond(const store::DriftDevice& device, EpochMs now) {
  const double seconds = std::max(static_cast<double>(now - device.began) / 1000,
                                  static_cast<double>(kRateSecondsMin));
  return std::max(kStepsPerSecondMin, static_cast<double>(device.steps) / seconds);
}

// Of devices with the tag, and of all named ones: how well the tag tells them apart (F1).
double Explains(const NamedTag& tag, size_t named) {
  const double both = static_cast<double>(tag.devices) + static_cast<double>(named);
  return both > 0 ? 2 * static_cast<double>(tag.affected) / both : 0;
}

}  // namespace

std::vector<uint8_t> EvidenceCodes(std::string_view text, size_t features) {
  const auto bytes = HexDecode(text);
  std::vector<uint8_t> codes;
  if (bytes) codes.assign(bytes->begin(), bytes->end());
  codes.resize(features, 0);
  return codes;
}

std::string EvidenceText(const std::vector<uint8_t>& codes) { return HexEncode(codes); }

std::vector<size_t> NamedPlaces(std::string_view named) {
  std::vector<size_t> places;
  const char* at = named.data();
  const char* const end = at + named.size();
  while (at < end) {
    size_t place = 0;
    const auto [next, error] = std::from_chars(at, end, place);
    if (error != std::errc()) break;
    places.push_back(place);
    at = next < end ? next + 1 : next;
  }
  return places;
}

std::string NamedText(const std::vector<size_t>& places) {
  std::string text;
  for (const size_t place : places) text += (text.empty() ? "" : " ") + std::to_string(place);
  return text;
}

FleetEvidence::FleetEvidence(EvidenceSettings settings)
    : settings_(settings), sums_(settings.features, 0.0) {}

void FleetEvidence::Add(const store::DriftDevice& device, const std::vector<store::Tag>& tags) {
  ++devices_;
  const std::vector<uint8_t> codes = EvidenceCodes(device.evidence, settings_.features);
  const double threshold =
      stats::AlarmThreshold(StepsPerSecond(device, settings_.now),
                            {.alarms = 1, .period_s = settings_.alarm_days * kSecondsOfDay});
  const double steps = std::clamp(static_cast<double>(device.steps), 1.0, stats::kHorizonSteps);
  std::vector<TagSum*> sums;
  for (const store::Tag& tag : tags) {
    const std::pair<std::string, std::string> place(tag.key, tag.value);
    if (!tags_.contains(place) && tags_.size() >= kTagValuesMax) continue;
    TagSum& sum = tags_[place];
    sum.levels.resize(settings_.features);
    sum.e_values.resize(settings_.features);
    ++sum.devices;
    sums.push_back(&sum);
  }
  bool has_candidate = false;
  for (size_t f = 0; f < settings_.features; ++f) {
    const double evidence = stats::DecodeEvidence(codes[f]);
    const double e_value = evidence / steps;
    if (device.epoch == settings_.epoch) sums_[f] += evidence / threshold;
    for (TagSum* const sum : sums) {
      sum->levels[f] += evidence / threshold;
      sum->e_values[f] += e_value;
    }
    if (e_value < kLeastEValue || candidates_.size() >= kCandidatesMax) continue;
    if (!has_candidate) names_.push_back(device.key.device);
    has_candidate = true;
    candidates_.push_back({names_.size() - 1, f, e_value});
  }
  if (!has_candidate) return;
  for (TagSum* const sum : sums) sum->members.push_back(names_.size() - 1);
}

// e-BH over tags: the mean of e-values of the devices with a tag is an e-value. Of those that it
// names the ones are kept that tell the affected devices from others better than no tag does.
void FleetEvidence::NameTags(const std::vector<std::vector<size_t>>& devices_of_feature,
                             FleetFinding& finding) const {
  std::vector<double> e_values;
  for (const auto& [place, sum] : tags_) {
    for (const double e : sum.e_values) e_values.push_back(e / static_cast<double>(sum.devices));
  }
  const auto discoveries =
      stats::NameByEvidence(e_values, static_cast<int64_t>(e_values.size()), kFalseDiscoveryRate);
  if (discoveries.count == 0) return;
  for (size_t f = 0; f < settings_.features; ++f) {
    const std::vector<size_t>& affected = devices_of_feature[f];
    if (affected.empty()) continue;
    const double without = Explains(
        {.devices = devices_, .affected = static_cast<int64_t>(affected.size())}, affected.size());
    std::vector<NamedTag>& named = finding.tags[f];
    for (const auto& [place, sum] : tags_) {
      const auto devices = static_cast<double>(sum.devices);
      if (sum.e_values[f] / devices < discoveries.threshold) continue;
      std::vector<size_t> both;
      std::set_intersection(sum.members.begin(), sum.members.end(), affected.begin(),
                            affected.end(), std::back_inserter(both));
      NamedTag tag{.key = place.first,
                   .value = place.second,
                   .level = sum.levels[f] / devices,
                   .devices = sum.devices,
                   .affected = static_cast<int64_t>(both.size())};
      if (Explains(tag, affected.size()) > without) named.push_back(std::move(tag));
    }
    std::stable_sort(named.begin(), named.end(), [&](const NamedTag& a, const NamedTag& b) {
      return Explains(a, affected.size()) > Explains(b, affected.size());
    });
    if (named.size() > kTagsNamedMax) named.resize(kTagsNamedMax);
  }
}

FleetFinding FleetEvidence::Finish() {
  FleetFinding finding{.devices = devices_,
                       .mean_levels = sums_,
                       .affected = std::vector<int64_t>(settings_.features, 0),
                       .tags = std::vector<std::vector<NamedTag>>(settings_.features)};
  for (double& sum : finding.mean_levels) sum = devices_ > 0 ? sum / double(devices_) : 0;

  std::vector<double> e_values;
  e_values.reserve(candidates_.size());
  for (const Candidate& candidate : candidates_) e_values.push_back(candidate.e_value);
  const auto discoveries = stats::NameByEvidence(
      e_values, devices_ * static_cast<int64_t>(settings_.features), kFalseDiscoveryRate);
  if (discoveries.count == 0) return finding;

  std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
    return std::pair(-a.e_value, std::pair(a.device, a.feature)) <
           std::pair(-b.e_value, std::pair(b.device, b.feature));
  });
  std::map<size_t, size_t> places;  // of devices in finding.named
  std::vector<std::vector<size_t>> devices_of_feature(settings_.features);
  for (const Candidate& candidate : candidates_) {
    if (candidate.e_value < discoveries.threshold) break;
    const auto [place, added] = places.try_emplace(candidate.device, finding.named.size());
    if (added)
      finding.named.push_back({.device = names_[candidate.device], .e_value = candidate.e_value});
    finding.named[place->second].features.push_back(candidate.feature);
    ++finding.affected[candidate.feature];
    devices_of_feature[candidate.feature].push_back(candidate.device);
  }
  for (auto& devices : devices_of_feature) std::sort(devices.begin(), devices.end());
  NameTags(devices_of_feature, finding);
  return finding;
}

}  // namespace kedge::server
