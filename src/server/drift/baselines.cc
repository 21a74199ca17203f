// SPDX-License-Identifier: Apache-2.0
#include "server/drift/baselines.h"

#include <algorithm>
#include <unistd.h>

#include "base/log.h"
#include "package/package.h"
#include "store/tables/drift_subjects.h"
#include "store/tables/jobs.h"
#include "store/tables/models.h"

namespace kedge::server {
namespace {

constexpr int64_t kJobsLookedAt = 64;  // of a model's version

Result<std::string> ReadWhole(int fd, size_t bytes_max) {
  std::string text;
  char piece[64 << 10];
  for (;;) {
    const ssize_t n = pread(fd, piece, sizeof(piece), static_cast<off_t>(text.size()));
    if (n < 0) return Unavailable("reading a baseline failed");
    if (n == 0) return text;
    text.append(piece, static_cast<size_t>(n));
    if (text.size() > bytes_max) return ResourceExhausted("a baseline is too long");
  }
}

// kNotFound: the package has none.
Result<std::string> BaselineOfPackage(blob::BlobStore& blobs, const std::string& uri,
                                      const trust::TrustedRoots& roots) {
  KEDGE_TRY(const blob::ObjectName name, blob::ObjectName::Parse(uri));
  KEDGE_TRY(const auto object, blobs.Open(name));
  KEDGE_TRY(const auto package, package::OpenPackage(object.file.get(), roots));
  KEDGE_TRY(const FileDescriptor file, package.OpenFile(kBaselineFile));
  return ReadWhole(file.get(), stats::kBaselineBytesMax);
}

}  // namespace

Result<std::shared_ptr<const KnownBaseline>> ReadBaseline(const std::string& text) {
  auto known = std::make_shared<KnownBaseline>();
  KEDGE_TRY(known->baseline, stats::ParseBaseline(text));
  known->id = stats::ToHex(stats::BaselineIdOf(text));
  known->shapes = known->baseline.shapes();
  for (const stats::FeatureBaseline& feature : known->baseline.features) {
    const stats::BetTableOptions options{
        .tolerance = feature.tolerance,
        .rows = std::max(1.0, static_cast<double>(feature.values()) / feature.stride)};
    if (feature.categorical) {
      KEDGE_TRY(auto tables, stats::BuildCategoryTables(feature.counts, options));
      known->tables.emplace_back(std::move(tables));
    } else {
      KEDGE_TRY(auto table, stats::BetTable::Build(feature.counts, options));
      known->tables.emplace_back(std::move(table));
    }
  }
  return std::shared_ptr<const KnownBaseline>(std::move(known));
}

Status KeepBaseline(store::Transaction& transaction, const std::string& text, EpochMs now) {
  KEDGE_TRY([[maybe_unused]] const auto known, ReadBaseline(text));
  return store::PutBaseline(
      transaction,
      {.id = stats::ToHex(stats::BaselineIdOf(text)), .artifact = text, .looked = now});
}

std::shared_ptr<const KnownBaseline> Baselines::Cached(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return nullptr;
  found->second.used = ++uses_;
  return found->second.baseline;
}

void Baselines::Remember(const std::string& id, std::shared_ptr<const KnownBaseline> baseline) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kBaselinesInMemory && !entries_.contains(id)) {
    entries_.erase(std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
  }
  entries_[id] = {std::move(baseline), clock_.NowMs(), ++uses_};
}

Result<std::shared_ptr<const KnownBaseline>> Baselines::Find(const std::string& id) {
  if (auto cached = Cached(id)) return cached;
  std::optional<store::DriftBaseline> row;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(row, store::FindBaseline(transaction, id));
    return {};
  }));
  if (!row || row->artifact.empty()) return std::shared_ptr<const KnownBaseline>();
  KEDGE_TRY(auto known, ReadBaseline(row->artifact));
  Remember(id, known);
  return known;
}

Result<std::string> Baselines::FromPackages(const std::string& id, const std::string& model,
                                            const std::string& version) {
  std::vector<std::string> uris;
  KEDGE_TRY_STATUS(store_.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto links, store::ModelLinks(transaction, model, version, kJobsLookedAt));
    for (const store::ModelLink& link : links) {
      if (link.kind != store::ModelLink::Kind::kPackagingJob) continue;
      KEDGE_TRY(const auto job, store::FindPackagingJob(transaction, link.name));
      if (job && !job->artifact_uri.empty()) uris.push_back(job->artifact_uri);
    }
    return {};
  }));
  trust::TrustedRoots roots;
  KEDGE_TRY_STATUS(roots.Add(certificate_pem_));
  for (const std::string& uri : uris) {
    const auto text = BaselineOfPackage(blobs_, uri, roots);
    if (text && stats::ToHex(stats::BaselineIdOf(*text)) == id) return text;
  }
  return std::string();
}

Status Baselines::Learn(const stats::ModelReport& report) {
  const std::string id = stats::ToHex(report.baseline);
  KEDGE_TRY(const auto known, Find(id));
  if (known != nullptr) return {};
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found != entries_.end() && clock_.NowMs() - found->second.looked < kBaselineAgainMs) {
      return {};
    }
  }
  KEDGE_TRY(const std::string text, FromPackages(id, report.model_name, report.model_version));
  auto baseline =
      text.empty() ? Result<std::shared_ptr<const KnownBaseline>>(nullptr) : ReadBaseline(text);
  if (!baseline || *baseline == nullptr) {
    LogWarning("counts of a baseline that no package has are dropped",
               {{"model", report.model_name}, {"version", report.model_version}, {"baseline", id}});
    Remember(id, nullptr);
    return {};
  }
  KEDGE_TRY_STATUS(store_.Write([&](store::Transaction& transaction) {
    return store::PutBaseline(transaction, {.id = id, .artifact = text, .looked = clock_.NowMs()});
  }));
  Remember(id, *baseline);
  return {};
}

bool Baselines::Fits(const stats::ModelReport& report) const {
  const auto known = Cached(stats::ToHex(report.baseline));
  return known != nullptr && known->shapes == report.counts.shapes();
}

}  // namespace kedge::server
