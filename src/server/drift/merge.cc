// SPDX-License-Identifier: Apache-2.0
#include "server/drift/merge.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/log.h"
#include "server/drift/fleet_evidence.h"
#include "stats/evidence/e_detector.h"
#include "store/tables/tags.h"

namespace kedge::server {
namespace {

std::string BootText(uint64_t boot) {
  ByteBuffer bytes;
  for (int i = 7; i >= 0; --i) bytes.push_back(static_cast<uint8_t>(boot >> (8 * i)));
  return HexEncode(bytes);
}

// Its own evidence tells the device from others: an e-value that e-BH might name.
bool StandsOut(const std::vector<uint8_t>& codes, int64_t steps) {
  const double e_steps = std::clamp(static_cast<double>(steps), 1.0, stats::kHorizonSteps);
  return std::any_of(codes.begin(), codes.end(), [&](uint8_t code) {
    return stats::DecodeEvidence(code) / e_steps >= 1 / kFalseDiscoveryRate;
  });
}

// The device's row after a part of a report, whose sequence is newer than all before.
void Follow(const DecodedReport& report, const stats::ModelReport& part,
            const store::DriftSubject& subject, store::DriftDevice& device) {
  const bool is_new = device.subject.empty();
  if (is_new || device.boot != report.row.boot) {  // its detectors began anew
    device.began = report.row.received - int64_t{part.window_s} * 1000;
    device.steps = device.samples = 0;
  }
  device.subject = subject.id;
  device.key = report.row.key;
  device.boot = report.row.boot;
  device.reported = report.row.received;
  device.steps += StepsOf(part.counts);
  device.samples += static_cast<int64_t>(part.counts.samples);
  device.evidence = EvidenceText(part.evidence);
  if (is_new || !StandsOut(part.evidence, device.steps)) device.epoch = subject.epoch;
}

using CountsPlace = std::tuple<std::string, std::string, std::string, EpochMs>;

}  // namespace

Result<store::StatisticsReport> MakeReportRow(const store::DeviceKey& key, std::string text,
                                              EpochMs now) {
  KEDGE_TRY(const stats::StatisticsReport report, stats::DecodeReportText(text));
  if (report.sequence == 0 || report.sequence > static_cast<uint64_t>(INT64_MAX)) {
    return InvalidArgument("a report's sequence is " + std::to_string(report.sequence));
  }
  return store::StatisticsReport{.key = key,
                                 .boot = BootText(report.boot),
                                 .sequence = static_cast<int64_t>(report.sequence),
                                 .received = now,
                                 .report = std::move(text)};
}

// What one step changes.
struct ReportMerge::Changes {
  struct Part {
    const DecodedReport* report;
    const stats::ModelReport* model;
    std::string subject;
  };
  std::vector<Part> parts;  // of reports that were not merged before
  std::map<std::string, store::DriftSubject> subjects;
  std::map<std::pair<std::string, std::string>, store::DriftDevice> devices;  // subject, device
  std::map<store::DeviceKey, std::vector<store::Tag>> tags;
  std::map<CountsPlace, SubjectCounts> counts;  // to be added
  std::map<std::string, SubjectCounts> pending;
  uint64_t dropped = 0;
  uint64_t duplicates = 0;
  uint64_t samples = 0;
};

Result<LeasedStep> ReportMerge::Step(const store::Lease& lease) {
  std::vector<store::StatisticsReport> rows;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(rows, store::WaitingReports(transaction, kReportsOfStepMax));
    return {};
  }));
  if (rows.empty()) return LeasedStep::kIdle;
  std::vector<DecodedReport> reports;
  reports.reserve(rows.size());
  for (const store::StatisticsReport& row : rows) {
    auto report = stats::DecodeReportText(row.report);
    if (!report) {  // it was one when it came: another version of this program wrote it
      ++totals_.dropped;
      continue;
    }
    for (const stats::ModelReport& part : report->models) {
      KEDGE_TRY_STATUS(baselines_.Learn(part));
    }
    reports.push_back({row, *std::move(report)});
  }
  Changes changes;
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::Fence(transaction, lease));
    KEDGE_TRY_STATUS(Apply(transaction, reports, changes));
    return store::DeleteReports(transaction, rows);
  };
  KEDGE_TRY_STATUS(store_.Write(work));
  totals_.merged += reports.size() - changes.duplicates;
  totals_.duplicates += changes.duplicates;
  totals_.dropped += changes.dropped;
  totals_.samples += changes.samples;
  return static_cast<int64_t>(rows.size()) == kReportsOfStepMax ? LeasedStep::kMore
                                                                : LeasedStep::kIdle;
}

Status ReportMerge::Apply(store::Transaction& transaction,
                          const std::vector<DecodedReport>& reports, Changes& changes) {
  std::vector<store::StatisticsReport> rows;
  rows.reserve(reports.size());
  for (const DecodedReport& report : reports) rows.push_back(report.row);
  KEDGE_TRY(const std::vector<int64_t> merged, store::MergedSequences(transaction, rows));
  for (size_t i = 0; i < reports.size(); ++i) {
    const DecodedReport& report = reports[i];
    if (report.row.sequence <= merged[i]) {
      ++changes.duplicates;
      continue;
    }
    for (const stats::ModelReport& part : report.report.models) {
      if (!baselines_.Fits(part)) {
        ++changes.dropped;
        continue;
      }
      changes.parts.push_back({&report, &part,
                               store::SubjectId(report.row.key.fleet, part.model_name,
                                                part.model_version, HexEncode(part.baseline))});
    }
  }
  KEDGE_TRY_STATUS(LoadSubjects(transaction, changes));
  KEDGE_TRY_STATUS(LoadDevices(transaction, changes));
  KEDGE_TRY_STATUS(AddParts(changes));
  KEDGE_TRY_STATUS(WriteCountsByHour(transaction, changes));
  for (auto& [id, subject] : changes.subjects) {
    if (const auto added = changes.pending.find(id); added != changes.pending.end()) {
      KEDGE_TRY(SubjectCounts pending, ReadCounts(subject.pending));
      KEDGE_TRY_STATUS(pending.Add(added->second));
      subject.pending = WriteCounts(pending);
    }
    KEDGE_TRY_STATUS(store::PutSubject(transaction, subject));
  }
  std::vector<store::DriftDevice> devices;
  for (auto& [place, device] : changes.devices) devices.push_back(std::move(device));
  KEDGE_TRY_STATUS(store::PutDriftDevices(transaction, devices));
  return store::MarkMerged(transaction, rows, clock_.NowMs());
}

Status ReportMerge::LoadSubjects(store::Transaction& transaction, Changes& changes) {
  KEDGE_TRY(int64_t room, store::CountSubjects(transaction));
  room = kSubjectsMax - room;
  std::set<std::string> refused;
  for (const Changes::Part& part : changes.parts) {
    if (changes.subjects.contains(part.subject) || refused.contains(part.subject)) continue;
    KEDGE_TRY(auto subject, store::FindSubject(transaction, part.subject));
    if (!subject && room-- <= 0) {
      refused.insert(part.subject);
      continue;
    }
    if (!subject) {
      subject = {.id = part.subject,
                 .fleet = part.report->row.key.fleet,
                 .model = part.model->model_name,
                 .version = part.model->model_version,
                 .baseline = HexEncode(part.model->baseline),
                 .first = part.report->row.received};
    }
    changes.subjects.emplace(part.subject, *std::move(subject));
  }
  changes.dropped += std::erase_if(
      changes.parts, [&](const Changes::Part& part) { return refused.contains(part.subject); });
  return {};
}

Status ReportMerge::LoadDevices(store::Transaction& transaction, Changes& changes) {
  std::map<std::string, std::vector<std::string>> devices_of;  // subject -> devices
  std::map<std::string, store::DeviceKey> arns;
  for (const Changes::Part& part : changes.parts) {
    const store::DeviceKey& key = part.report->row.key;
    devices_of[part.subject].push_back(key.device);
    arns.emplace(arns_.Device(key.fleet, key.device), key);
  }
  for (auto& [subject, devices] : devices_of) {
    std::sort(devices.begin(), devices.end());
    devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
    KEDGE_TRY(auto found, store::FindDriftDevices(transaction, subject, devices));
    for (store::DriftDevice& device : found) {
      changes.devices.emplace(std::pair(subject, device.key.device), std::move(device));
    }
  }
  std::vector<std::string> names;
  for (const auto& [arn, key] : arns) names.push_back(arn);
  KEDGE_TRY(const auto tags, store::TagsOf(transaction, names));
  for (const store::ResourceTag& tag : tags) {
    std::vector<store::Tag>& of_device = changes.tags[arns.at(tag.resource_arn)];
    if (of_device.size() < kTagsOfDeviceMerged) of_device.push_back(tag.tag);
  }
  return {};
}

Status ReportMerge::AddParts(Changes& changes) {
  for (const Changes::Part& part : changes.parts) {
    const store::StatisticsReport& row = part.report->row;
    store::DriftSubject& subject = changes.subjects.at(part.subject);
    subject.reported = std::max(subject.reported, row.received);
    Follow(*part.report, *part.model, subject, changes.devices[{part.subject, row.key.device}]);
    KEDGE_TRY_STATUS(changes.pending[part.subject].Add(*part.model));
    const EpochMs hour = row.received / kCountsHourMs * kCountsHourMs;
    const auto add = [&](const std::string& key, const std::string& value) {
      return changes.counts[{part.subject, key, value, hour}].Add(*part.model);
    };
    KEDGE_TRY_STATUS(add("", ""));
    for (const store::Tag& tag : changes.tags[row.key]) {
      KEDGE_TRY_STATUS(add(tag.key, tag.value));
    }
    changes.samples += part.model->counts.samples;
  }
  return {};
}

Status ReportMerge::WriteCountsByHour(store::Transaction& transaction, Changes& changes) {
  std::vector<store::DriftCounts> rows;
  std::map<std::pair<std::string, EpochMs>, int64_t> tag_rows;  // of a subject's hour
  for (const auto& [place, added] : changes.counts) {
    const auto& [subject, key, value, hour] = place;
    store::DriftCounts row{.subject = subject, .tag_key = key, .tag_value = value, .hour = hour};
    KEDGE_TRY(const auto found, store::FindCounts(transaction, row));
    if (!found && !key.empty()) {
      const auto [count, first] = tag_rows.try_emplace({subject, hour}, 0);
      if (first) {
        KEDGE_TRY(count->second, store::CountTagsOfSubject(transaction, subject, hour));
      }
      if (count->second++ >= kTagRowsOfHourMax) continue;
    }
    SubjectCounts counts;
    if (found) {
      KEDGE_TRY(counts, ReadCounts(found->counts));
    }
    KEDGE_TRY_STATUS(counts.Add(added));
    row.samples = static_cast<int64_t>(counts.counts.samples);
    row.counts = WriteCounts(counts);
    rows.push_back(std::move(row));
  }
  return store::PutCounts(transaction, rows);
}

}  // namespace kedge::server
