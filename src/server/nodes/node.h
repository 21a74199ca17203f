// This server as one node of an installation: its row in `nodes`, and whether it should get
// requests.
//
//   GET /healthz   200 while the process answers; for a supervisor that restarts it
//   GET /readyz    200 if the database can be written, the object store answers and the node does
//                  not drain, otherwise 503 with the reason; for a load balancer
//
// Both need no signature, so they cost nothing: a thread tries database and objects every beat and
// the answers tell what it found last.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "blob/blob_store.h"
#include "http/http.h"
#include "store/store.h"
#include "store/tables/nodes.h"

namespace kedge::server {

constexpr std::chrono::milliseconds kNodeBeat{3'000};
constexpr EpochMs kNodeForgottenMs = 3'600'000;  // a node that died is listed for an hour

// New with every start: 16 hexadecimal digits.
std::string NewNodeId();

// Thread-safe.
class Node {
 public:
  // Borrows all three.
  Node(store::Store& store, blob::BlobStore& blobs, const Clock& clock, store::Node row,
       std::chrono::milliseconds beat = kNodeBeat);
  ~Node();  // takes the row away

  // The answer to GET /healthz and /readyz; nothing for other requests.
  std::optional<http::Response> Answer(const http::Request& request) const;
  // From now on the node is not ready; its row says so.
  void Drain();

  const std::string& id() const { return row_.id; }

 private:
  void Run();
  // Empty: ready.
  std::string Look();
  std::string Why() const;

  store::Store& store_;
  blob::BlobStore& blobs_;
  const Clock& clock_;
  const std::chrono::milliseconds beat_;
  store::Node row_;  // the thread's, but for the id

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool draining_ = false;
  std::string problem_ = "the node is starting";
  std::chrono::steady_clock::time_point looked_;

  std::thread thread_;
};

}  // namespace kedge::server
