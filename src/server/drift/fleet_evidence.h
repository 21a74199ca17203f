// The evidence of one subject's devices, added up in one pass: level of the fleet, and which
// devices, features and tags are named. No I/O; docs/drift-alarms.md explains the figures.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "store/tables/drift_devices.h"
#include "store/tables/tags.h"

namespace kedge::server {

constexpr double kFalseDiscoveryRate = 0.05;  // of named (device, feature) pairs, and of tags
constexpr double kStepsPerSecondMin = 1;      // a device's rate is not taken for less
constexpr int64_t kRateSecondsMin = 60;       // nor from a shorter time
constexpr size_t kCandidatesMax = 1'000'000;  // pairs that e-BH looks at; all others are not named
constexpr size_t kTagValuesMax = 256;         // of a subject
constexpr size_t kTagsNamedMax = 5;           // of a feature

struct EvidenceSettings {
  size_t features = 0;
  double alarm_days = 30;
  EpochMs now = 0;
  int64_t epoch = 0;  // of the subject: evidence of a device of a former one is not in the mean
};

struct NamedDevice {
  std::string device;
  std::vector<size_t> features;  // in the order of evidence, the worst first
  double e_value = 0;            // of the first
};

struct NamedTag {
  std::string key;
  std::string value;
  double level = 0;     // mean of the devices with it, in alarm lines
  int64_t devices = 0;  // with it
  int64_t affected = 0;
};

struct FleetFinding {
  int64_t devices = 0;
  std::vector<double> mean_levels;          // a feature
  std::vector<NamedDevice> named;           // worst first
  std::vector<int64_t> affected;            // named devices, a feature
  std::vector<std::vector<NamedTag>> tags;  // a feature, best explanation first
};

// Codes of DriftDevice::evidence. A damaged or short text gives zeros for what is missing.
std::vector<uint8_t> EvidenceCodes(std::string_view text, size_t features);
std::string EvidenceText(const std::vector<uint8_t>& codes);

// Places of features in DriftDevice::named, and back.
std::vector<size_t> NamedPlaces(std::string_view named);
std::string NamedText(const std::vector<size_t>& places);

// One thread.
class FleetEvidence {
 public:
  explicit FleetEvidence(EvidenceSettings settings);
  // In the order of names. `tags` of the device, sorted by key.
  void Add(const store::DriftDevice& device, const std::vector<store::Tag>& tags);
  FleetFinding Finish();

 private:
  struct Candidate {
    size_t device;  // place in names_
    size_t feature;
    double e_value;
  };
  struct TagSum {
    int64_t devices = 0;
    std::vector<double> levels;    // sums, a feature
    std::vector<double> e_values;  // sums, a feature
    std::vector<size_t> members;   // places in names_ of devices with candidates
  };

  void NameTags(const std::vector<std::vector<size_t>>& devices_of_feature,
                FleetFinding& finding) const;

  const EvidenceSettings settings_;
  int64_t devices_ = 0;
  std::vector<double> sums_;
  std::vector<std::string> names_;  // of devices with candidates
  std::vector<Candidate> candidates_;
  std::map<std::pair<std::string, std::string>, TagSum> tags_;
};

}  // namespace kedge::server
