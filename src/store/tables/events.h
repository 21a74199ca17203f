// The feed of events: what happened in the installation, append-only.
//
// A reader follows the feed by a cursor and must miss nothing. Numbers given by the writers cannot
// promise that: of two transactions the one with the lower number may be committed last, when the
// reader is past it. And one counter that all writers share would make them wait for each other. So
// writers only add rows, and a reader that finds unnumbered ones numbers them first, in a
// transaction that holds the one row of event_feed: what it sees is committed, and later ones get
// higher numbers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

enum class EventKind {
#define KEDGE_EVENT_KIND(name, docs) k##name,
#include "store/tables/event_kinds.inc"
#undef KEDGE_EVENT_KIND
};
std::string_view Name(EventKind kind);
// All kinds in the order of the list.
std::vector<EventKind> EventKinds();

enum class Severity { kInfo, kWarning, kError };
std::string_view Name(Severity severity);  // "INFO", "WARNING", "ERROR"

constexpr size_t kEventMessageBytesMax = 1024;  // longer ones are cut
constexpr int64_t kEventsNumberedMax = 1000;    // at one time
constexpr int64_t kEventsExpiredMax = 1000;     // at one time

struct Event {
  EventKind kind = EventKind::kFleetCreated;
  Severity severity = Severity::kInfo;
  std::string resource;  // ARN or name of what it is about
  std::optional<std::string> fleet;
  std::optional<std::string> device;
  std::string actor;  // who did it, "" for the server itself
  std::string message;
};

// Adds an event to the caller's transaction: it is in the feed if and only if that commits.
Status AddEvent(Transaction& transaction, EpochMs now, const Event& event);

struct StoredEvent {
  int64_t position = 0;
  std::string id;
  EpochMs time = 0;
  std::string kind;
  std::string severity;
  std::string resource;
  std::optional<std::string> fleet;
  std::optional<std::string> device;
  std::string actor;
  std::string message;
};

struct EventFilter {
  std::vector<std::string> visible_fleets;  // names, or prefixes with '*'; empty: all
  std::optional<std::string> kind;
  std::optional<std::string> severity;
  std::optional<std::string> fleet;
  std::optional<std::string> device;
  std::optional<std::string> resource_contains;
  std::optional<EpochMs> after;
  std::optional<EpochMs> before;
};

// Whether there are events without a number.
Result<bool> HasUnnumberedEvents(Transaction& transaction);
// Numbers at most kEventsNumberedMax of them, the oldest first. A write.
Status NumberEvents(Transaction& transaction);
// Events beyond `position`, or before it in a descending list (0: from the end).
Result<std::vector<StoredEvent>> ListEvents(Transaction& transaction, const EventFilter& filter,
                                            int64_t position, bool ascending, int64_t rows_max);
// The number of the newest event, 0 if there is none.
Result<int64_t> LastEventPosition(Transaction& transaction);
// Deletes at most kEventsExpiredMax numbered events older than `before`; how many.
Result<int64_t> ExpireEvents(Transaction& transaction, EpochMs before);

}  // namespace kedge::store
