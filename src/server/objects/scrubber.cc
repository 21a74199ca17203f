// SPDX-License-Identifier: Apache-2.0
#include "server/objects/scrubber.h"

#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/log.h"

namespace kedge::server {

namespace {

constexpr size_t kPieceBytes = 1u << 20;
constexpr size_t kPageKeysMax = 1000;

enum class Verdict { kGood, kDamaged, kGone, kStopped };

Result<Verdict> Look(blob::BlobStore& store, const blob::ObjectName& name, const ScrubPace& pace,
                     ByteBuffer& piece) {
  const auto opened = store.Open(name);
  if (!opened && opened.error().code == Code::kNotFound) return Verdict::kGone;
  if (!opened && opened.error().code == Code::kDataLoss) return Verdict::kDamaged;
  if (!opened) return opened.error();
  crypto::Hasher sha256;
  uint64_t bytes = 0;
  for (;;) {
    const ssize_t n =
        ::pread(opened->file.get(), piece.data(), piece.size(), static_cast<off_t>(bytes));
    if (n < 0) return Verdict::kDamaged;  // the disk cannot read it
    if (n == 0) break;
    sha256.Update(Bytes(piece).first(static_cast<size_t>(n)));
    bytes += static_cast<uint64_t>(n);
    if (!pace(static_cast<uint64_t>(n))) return Verdict::kStopped;
  }
  const std::string& want = opened->info.sha256;
  const bool good =
      bytes == opened->info.bytes && (want.empty() || HexEncode(sha256.Finish()) == want);
  return good ? Verdict::kGood : Verdict::kDamaged;
}

// False: stopped.
Result<bool> ScrubBucket(blob::BlobStore& store, const std::string& bucket, const ScrubPace& pace,
                         ScrubReport& report) {
  ByteBuffer piece(kPieceBytes);
  blob::BlobStore::ListOptions options{.max_keys = kPageKeysMax};
  for (bool more = true; more;) {
    KEDGE_TRY(const blob::BlobStore::Listing page, store.List(bucket, options));
    for (const blob::ObjectInfo& info : page.objects) {
      const blob::ObjectName name{bucket, info.key};
      const auto verdict = Look(store, name, pace, piece);
      if (!verdict) {
        LogWarning("an object could not be looked at",
                   {{"object", name.Uri()}, {"error", verdict.error().message}});
        continue;
      }
      if (*verdict == Verdict::kStopped) return false;
      if (*verdict == Verdict::kGone) continue;
      ++report.objects;
      report.bytes += info.bytes;
      if (*verdict == Verdict::kGood) continue;
      LogError("an object is damaged: its bytes are not those that were put",
               {{"object", name.Uri()}});
      ++report.damaged_objects;
      if (report.damaged.size() < ScrubReport::kDamagedMax) report.damaged.push_back(name.Uri());
    }
    options.start_after = page.next_start_after;
    more = page.truncated;
  }
  return true;
}

}  // namespace

Result<ScrubReport> Scrub(blob::BlobStore& store, const ScrubPace& pace) {
  ScrubReport report;
  KEDGE_TRY(const std::vector<blob::BucketInfo> buckets, store.ListBuckets());
  for (const blob::BucketInfo& bucket : buckets) {
    const auto done = ScrubBucket(store, bucket.name, pace, report);
    if (!done && done.error().code == Code::kNotFound) continue;  // deleted meanwhile
    if (!done) return done.error();
    if (!*done) return report;
  }
  report.complete = true;
  return report;
}

Scrubber::Scrubber(blob::BlobStore& store, Options options)
    : store_(store), options_(options), thread_([this] { Run(); }) {}

Scrubber::~Scrubber() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool Scrubber::Wait(std::chrono::nanoseconds time) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, time, [this] { return stopping_; });
}

void Scrubber::Run() {
  const auto pace = [this](uint64_t bytes) {
    return Wait(std::chrono::nanoseconds(bytes * 1'000'000'000 / options_.bytes_per_second));
  };
  for (bool go_on = Wait(options_.before_first); go_on; go_on = Wait(options_.between)) {
    const auto report = Scrub(store_, pace);
    if (!report) {
      LogWarning("scrubbing the object store failed", {{"error", report.error().message}});
    } else if (report->complete) {
      LogInfo("all objects were read again",
              {{"objects", std::to_string(report->objects)},
               {"bytes", std::to_string(report->bytes)},
               {"damaged", std::to_string(report->damaged_objects)}});
    }
  }
}

}  // namespace kedge::server
