// The feed of events.
// SPDX-License-Identifier: Apache-2.0
#include "store/tables/events.h"

#include <charconv>

#include "server/api/context.h"
#include "server/api/paging.h"
#include "server/api/wire.h"

namespace kedge::server {
namespace {

constexpr EpochMs kEventsKeptMs = EpochMs{90} * 24 * 3600 * 1000;

// New events get their place in the feed when somebody reads it.
Status BringUpToDate(const Context& context) {
  bool waiting = false;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(waiting, store::HasUnnumberedEvents(transaction));
    return {};
  }));
  if (!waiting) return {};
  const EpochMs before = context.clock.NowMs() - kEventsKeptMs;
  return context.store.Write([before](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::NumberEvents(transaction));
    KEDGE_TRY([[maybe_unused]] const int64_t expired, store::ExpireEvents(transaction, before));
    return {};
  });
}

store::EventFilter ReadFilter(const Call& call) {
  const Input input = call.input();
  return {.visible_fleets = call.identity.fleets,
          .kind = input.TextOrNone("Kind"),
          .severity = input.TextOrNone("Severity"),
          .fleet = input.TextOrNone("DeviceFleetName"),
          .device = input.TextOrNone("DeviceName"),
          .resource_contains = input.TextOrNone("ResourceContains"),
          .after = input.Time("TimeAfter"),
          .before = input.Time("TimeBefore")};
}

// Where the page begins: behind the token, else behind Since, else at the end of the list.
Result<int64_t> ReadPosition(const Input& input, const store::Page& page) {
  if (page.after) {
    const auto* number = std::get_if<int64_t>(&page.after->sort_value);
    if (number != nullptr && *number > 0) return *number;
    return InvalidArgument("NextToken is not one that ListEvents gave");
  }
  const std::string since = input.Text("Since");
  int64_t position = 0;
  const auto [end, error] = std::from_chars(since.data(), since.data() + since.size(), position);
  if (!since.empty() && error != std::errc()) {
    return InvalidArgument("Since '" + since + "' is not a cursor that ListEvents gave");
  }
  return position;
}

json::Value ToJson(const store::StoredEvent& event) {
  json::Object object{{"EventId", event.id},
                      {"Position", event.position},
                      {"Time", Seconds(event.time)},
                      {"Kind", event.kind},
                      {"Severity", event.severity}};
  const auto set = [&](const char* member, const std::string& text) {
    if (!text.empty()) object.Set(member, text);
  };
  set("Resource", event.resource);
  SetIf(object, "DeviceFleetName", event.fleet);
  SetIf(object, "DeviceName", event.device);
  set("Actor", event.actor);
  set("Message", event.message);
  return object;
}

Result<json::Value> ListEvents(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  KEDGE_TRY(const int64_t position, ReadPosition(input, page));
  KEDGE_TRY_STATUS(BringUpToDate(context));
  std::vector<store::StoredEvent> events;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(events, store::ListEvents(transaction, ReadFilter(call), position, page.ascending,
                                        page.rows_max + 1));
    return {};
  }));
  const bool more = static_cast<int64_t>(events.size()) > page.rows_max;
  if (more) events.pop_back();
  const int64_t cursor = events.empty() ? position : events.back().position;
  json::Array array;
  for (const store::StoredEvent& event : events) array.push_back(ToJson(event));
  json::Object answer{{"Events", std::move(array)}, {"Cursor", std::to_string(cursor)}};
  if (more) SetNextToken(answer, call.operation, store::Cursor{cursor, ""});
  return json::Value(std::move(answer));
}

}  // namespace

void AddEventRoutes(Router& router, const Context& context) {
  router.Add("ListEvents", [&context](const Call& call) { return ListEvents(context, call); });
}

}  // namespace kedge::server
