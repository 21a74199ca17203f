// /console/events: what happens, as server-sent events.
//
//   event: feed       data: an Event of Kedge.ListEvents
//   event: overview   data: the answer of Kedge.GetOverview, when it changed
//   id: CURSOR-HASH   where the feed was, and which overview the listener has
//
// A request waits until there is something to tell, or for kLooksMax looks; the answer is a whole
// stream of the events since then, and the browser comes back at once with the last id. So nothing
// is missed between two connections, a session that ended gets nothing more, and no answer is
// without an end. One thread asks the API in each listener's name: it sees exactly what it may see
// by asking. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "server/api/api.h"

namespace kedge::server {

class LiveEvents {
 public:
  static constexpr size_t kListenersMax = 64;  // of this node; above: 503, and the page polls
  static constexpr std::chrono::milliseconds kLook{1'000};
  static constexpr int kLooksOfOverview = 3;  // the overview is looked at each third time
  static constexpr int kLooksMax = 20;        // then the answer is a comment

  // Borrows both. Starts the thread.
  LiveEvents(const Catalogue& catalogue, const Api& api);
  ~LiveEvents();
  LiveEvents(const LiveEvents&) = delete;
  LiveEvents& operator=(const LiveEvents&) = delete;

  // Answers when there is something to tell. `last_id`: the id of the last event that the listener
  // got, or empty, which is answered at once. 503 if too many listen. Thread-safe.
  void Listen(const Identity& identity, const std::string& last_id,
              const http::Responder& responder);
  // Answers all who listen, and from now on everybody at once.
  void Stop();

 private:
  struct Listener {
    Identity identity;
    http::Responder responder;
    std::string cursor;         // of the feed; empty: from now on
    std::string overview_hash;  // of the overview that it has
    int looks = 0;
  };
  void Run();
  // The events to tell; empty: none yet.
  std::string Look(Listener& listener) const;
  std::string Feed(Listener& listener) const;
  std::string Overview(Listener& listener) const;
  // The answer's body, or nothing if it is an error or does not come at once (reads do).
  std::optional<std::string> Ask(const Operation* operation, const Identity& identity,
                                 const std::string& body) const;

  const Api& api_;
  const Operation* const list_events_;
  const Operation* const get_overview_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::list<std::shared_ptr<Listener>> listeners_;
  std::thread thread_;
};

}  // namespace kedge::server
