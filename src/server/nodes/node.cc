// SPDX-License-Identifier: Apache-2.0
#include "server/nodes/node.h"

#include "base/bytes.h"
#include "base/crypto/crypto.h"
#include "base/log.h"

namespace kedge::server {
namespace {

constexpr size_t kIdBytes = 8;
constexpr int kBeatsMissedMax = 4;  // then the last look says nothing any more

http::Response TextResponse(int status, const std::string& text) {
  http::Response response;
  response.status = status;
  response.body = text + "\n";
  response.headers.Set("Content-Type", "text/plain; charset=utf-8");
  response.headers.Set("Cache-Control", "no-store");
  return response;
}

}  // namespace

std::string NewNodeId() { return HexEncode(crypto::RandomBytes(kIdBytes)); }

Node::Node(store::Store& store, blob::BlobStore& blobs, const Clock& clock, store::Node row,
           std::chrono::milliseconds beat)
    : store_(store),
      blobs_(blobs),
      clock_(clock),
      beat_(beat),
      row_(std::move(row)),
      looked_(clock.Steady()) {
  row_.started = clock.NowMs();
  problem_ = Look();
  thread_ = std::thread([this] { Run(); });
}

Node::~Node() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  const Status gone = store_.Write(
      [this](store::Transaction& transaction) { return store::DeleteNode(transaction, row_.id); });
  if (!gone) LogWarning("the node's row stays", {{"error", gone.error().message}});
}

void Node::Drain() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  wake_.notify_all();
}

void Node::Run() {
  bool drained = false;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait_for(lock, beat_, [&] { return stopping_ || draining_ != drained; });
    if (stopping_) return;
    row_.draining = drained = draining_;
    lock.unlock();
    std::string problem = Look();
    lock.lock();
    if (problem != problem_) {
      LogInfo(problem.empty() ? "the node is ready" : "the node is not ready", {{"why", problem}});
    }
    problem_ = std::move(problem);
    looked_ = clock_.Steady();
  }
}

std::string Node::Look() {
  row_.seen = clock_.NowMs();
  const Status written = store_.Write([this](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::PutNode(transaction, row_));
    return store::DeleteNodesUnseenSince(transaction, row_.seen - kNodeForgottenMs);
  });
  if (!written) return "the database cannot be written: " + written.error().message;
  const auto buckets = blobs_.ListBuckets();
  if (!buckets) return "the object store does not answer: " + buckets.error().message;
  return "";
}

std::string Node::Why() const {
  const std::lock_guard lock(mutex_);
  if (draining_) return "the node is draining";
  if (store_.failed()) return "the database failed";
  // A look that hangs is as bad as one that fails.
  if (problem_.empty() && clock_.Steady() - looked_ > kBeatsMissedMax * beat_) {
    return "the database or the object store does not answer";
  }
  return problem_;
}

std::optional<http::Response> Node::Answer(const http::Request& request) const {
  if (request.method != "GET" && request.method != "HEAD") return std::nullopt;
  if (request.path() == "/healthz") return TextResponse(200, "ok");
  if (request.path() != "/readyz") return std::nullopt;
  const std::string why = Why();
  if (why.empty()) return TextResponse(200, "ready");
  return TextResponse(503, why);
}

}  // namespace kedge::server
