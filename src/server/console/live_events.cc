// SPDX-License-Identifier: Apache-2.0
#include "server/console/live_events.h"

#include <algorithm>

#include "base/crypto/crypto.h"
#include "base/json/json.h"
#include "server/api/wire.h"
#include "server/console/assets.h"

namespace kedge::server {
namespace {

constexpr int kEventsOfLook = 100;
constexpr size_t kHashDigits = 16;
constexpr char kAtOnce[] = "retry: 100\n\n";

// One line of JSON: the writer puts no line end into it.
std::string Message(std::string_view event, const std::string& data) {
  return "event: " + std::string(event) + "\ndata: " + data + "\n";
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.size() <= 18 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

http::Response StreamOf(std::string body) {
  http::Response response;
  response.headers.Set("Content-Type", "text/event-stream");
  response.headers.Set("Cache-Control", "no-store");
  response.body = kAtOnce + std::move(body);
  SetPageHeaders(response);
  return response;
}

}  // namespace

LiveEvents::LiveEvents(const Catalogue& catalogue, const Api& api)
    : api_(api),
      list_events_(catalogue.FindByTarget("Kedge.ListEvents")),
      get_overview_(catalogue.FindByTarget("Kedge.GetOverview")) {
  thread_ = std::thread([this] { Run(); });
}

LiveEvents::~LiveEvents() {
  Stop();
  thread_.join();
}

void LiveEvents::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

void LiveEvents::Listen(const Identity& identity, const std::string& last_id,
                        const http::Responder& responder) {
  auto listener = std::make_shared<Listener>();
  listener->identity = identity;
  listener->responder = responder;
  const size_t dash = last_id.find('-');
  if (dash != std::string::npos && IsNumber(std::string_view(last_id).substr(0, dash))) {
    listener->cursor = last_id.substr(0, dash);
    listener->overview_hash = last_id.substr(dash + 1);
  }
  bool is_full = false;
  {
    const std::lock_guard lock(mutex_);
    is_full = stopping_ || listeners_.size() >= kListenersMax;
    if (!is_full) listeners_.push_back(std::move(listener));
  }
  if (is_full) {
    return responder(ErrorResponse(
        {503, "ServiceUnavailable", "this node tells no further listener"}, NewRequestId()));
  }
  changed_.notify_all();
}

void LiveEvents::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto listeners = listeners_;
    lock.unlock();
    for (const auto& listener : listeners) {
      std::string events = Look(*listener);
      if (events.empty() && listener->looks < kLooksMax) continue;
      lock.lock();  // its place is free before it knows of its answer, and may come again
      listeners_.remove(listener);
      lock.unlock();
      listener->responder(StreamOf(events.empty() ? ": nothing new\n\n" : std::move(events)));
    }
    lock.lock();
    const bool none = listeners_.empty();
    if (none) changed_.wait(lock, [this] { return stopping_ || !listeners_.empty(); });
    // Those who came since the look, as a page that was just opened, do not wait for the next one.
    const auto news = [&] {
      return stopping_ || std::any_of(listeners_.begin(), listeners_.end(),
                                      [](const auto& known) { return known->looks == 0; });
    };
    if (!none) changed_.wait_for(lock, kLook, news);
  }
  const auto listeners = std::move(listeners_);
  listeners_.clear();
  lock.unlock();
  for (const auto& listener : listeners) listener->responder(StreamOf(": the server stops\n\n"));
}

std::string LiveEvents::Look(Listener& listener) const {
  const bool looks_at_overview = listener.looks % kLooksOfOverview == 0;
  ++listener.looks;
  std::string events = Feed(listener);
  if (looks_at_overview) events += Overview(listener);
  return events;
}

std::optional<std::string> LiveEvents::Ask(const Operation* operation, const Identity& identity,
                                           const std::string& body) const {
  if (operation == nullptr) return std::nullopt;
  // Shared, as the answer of a read that waits for a write may come after this function's end.
  const auto answer = std::make_shared<std::pair<std::mutex, std::optional<std::string>>>();
  api_.Call(*operation, body, identity, [answer](const http::Response& response) {
    const std::lock_guard lock(answer->first);
    if (response.status == 200) answer->second = response.body;
  });
  const std::lock_guard lock(answer->first);
  return answer->second;
}

std::string LiveEvents::Feed(Listener& listener) const {
  const bool begins = listener.cursor.empty();
  const std::string body = begins ? R"({"SortOrder":"Descending","MaxResults":1})"
                                  : R"({"Since":")" + listener.cursor + R"(","MaxResults":)" +
                                        std::to_string(kEventsOfLook) + "}";
  const auto text = Ask(list_events_, listener.identity, body);
  const auto answer = json::Parse(text.value_or(""));
  if (!answer) return "";
  std::string events;
  const json::Value* const list = answer->Find("Events");
  if (!begins && list != nullptr && list->AsArray() != nullptr) {
    for (const json::Value& event : *list->AsArray()) {
      events += Message("feed", json::Write(event)) +
                "id: " + std::to_string(event.IntOr("Position", 0)) + "-" + listener.overview_hash +
                "\n\n";
    }
  }
  const std::string cursor = answer->StringOr("Cursor", "");
  if (!cursor.empty()) listener.cursor = cursor;
  return events;
}

std::string LiveEvents::Overview(Listener& listener) const {
  const auto text = Ask(get_overview_, listener.identity, "{}");
  const auto answer = json::Parse(text.value_or(""));
  if (!answer || answer->AsObject() == nullptr) return "";
  json::Object without_time = *answer->AsObject();
  without_time.Set("Time", int64_t{0});
  const std::string written = json::Write(without_time);
  std::string hash = HexEncode(crypto::Sha256(AsBytes(written))).substr(0, kHashDigits);
  if (hash == listener.overview_hash) return "";
  listener.overview_hash = std::move(hash);
  const std::string cursor = listener.cursor.empty() ? "0" : listener.cursor;
  return Message("overview", json::Write(*answer)) + "id: " + cursor + "-" +
         listener.overview_hash + "\n\n";
}

}  // namespace kedge::server
