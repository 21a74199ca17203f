// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/uploader.h"

#include <random>

#include "base/log.h"

namespace kedge::agent {

Uploader::Uploader(Parts parts)
    : parts_(std::move(parts)),
      backoff_(std::max(kRetryWaitFirst, parts_.period), std::max(kRetryWaitMax, parts_.period),
               std::random_device()()),
      thread_([this] { Run(); }) {}

Uploader::~Uploader() {
  bell_.Stop();
  thread_.join();
}

Status Uploader::Trim() {
  KEDGE_TRY(const size_t removed, TrimSpool(parts_.disk, parts_.spool));
  if (removed == 0) return {};
  dropped_ += removed;
  LogWarning("the oldest captures were dropped: the folder is full",
             {{"files", std::to_string(removed)}});
  return {};
}

Status Uploader::Put(const std::string& url, const ObjectBody& body) {
  KEDGE_TRY(const ObjectName object, ParseS3Url(url));
  uint64_t bytes = body.bytes.size();
  if (!body.file.empty()) {
    KEDGE_TRY(bytes, parts_.disk.Size(body.file));
  }
  if (parts_.budget != nullptr &&
      !parts_.budget->Take(parts_.clock.NowMs(), static_cast<int64_t>(bytes))) {
    return ResourceExhausted("the day's budget of uploads is spent");
  }
  return parts_.client->WriteObject(object, body);
}

Status Uploader::Once() {
  KEDGE_TRY_STATUS(Trim());
  SpoolOptions spool = parts_.spool;
  if (parts_.client != nullptr) spool.location = parts_.location();
  if (spool.location.empty()) return {};
  const PutObject put = [this](const std::string& url, const ObjectBody& body) {
    return Put(url, body);
  };
  KEDGE_TRY(const auto hours, ListHours(parts_.disk, spool.root));
  for (const SpoolHour& hour : hours) {
    KEDGE_TRY(const auto batches, ListBatches(parts_.disk, hour));
    for (const Path& batch : batches) {
      if (bell_.stopped()) return {};
      KEDGE_TRY(const uint64_t sent, UploadBatch(parts_.disk, spool, batch, put, progress_));
      if (sent > 0) ++batches_;
      bytes_ += sent;
    }
  }
  SweepSpool(parts_.disk, spool, parts_.clock.NowMs());
  return {};
}

void Uploader::Run() {
  while (!bell_.stopped()) {
    const uint64_t before = batches_.load();
    const Status status = Once();
    // A network that fails now and then must not slow down what gets through it.
    if (status || batches_.load() > before) backoff_.Reset();
    const std::string why = status ? "" : status.error().message;
    if (!why.empty() && why != told_) LogWarning("captures are not uploaded now", {{"why", why}});
    told_ = why;
    bell_.WaitUntil(std::chrono::steady_clock::now() + (status ? parts_.period : backoff_.Next()));
  }
}

UploaderCounters Uploader::counters() const {
  return {batches_.load(), bytes_.load(), dropped_.load()};
}

}  // namespace kedge::agent
