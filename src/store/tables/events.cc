// SPDX-License-Identifier: Apache-2.0
#include "store/tables/events.h"

#include <chrono>

#include "base/crypto/crypto.h"

namespace kedge::store {
namespace {

// Sorts by time; rows that one thread adds in the same millisecond keep their order.
std::string NewEventId(EpochMs now) {
  const auto tick = std::chrono::steady_clock::now().time_since_epoch();
  ByteBuffer bytes;
  const auto append = [&](uint64_t value, int size) {
    for (int i = size - 1; i >= 0; --i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  append(static_cast<uint64_t>(now), 6);
  append(static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(tick).count()),
         8);
  const ByteBuffer random = crypto::RandomBytes(4);
  bytes.insert(bytes.end(), random.begin(), random.end());
  return HexEncode(bytes);
}

// At most `bytes_max` bytes, cut between characters.
std::string Shortened(const std::string& text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

StoredEvent ReadEvent(const Row& row) {
  return {.position = row.Integer(0),
          .id = row.Text(1),
          .time = row.Integer(2),
          .kind = row.Text(3),
          .severity = row.Text(4),
          .resource = row.Text(5),
          .fleet = row.TextOrNull(6),
          .device = row.TextOrNull(7),
          .actor = row.Text(8),
          .message = row.Text(9)};
}

}  // namespace

std::string_view Name(EventKind kind) {
  switch (kind) {
#define KEDGE_EVENT_KIND(name, docs) \
  case EventKind::k##name:           \
    return #name;
#include "store/tables/event_kinds.inc"
#undef KEDGE_EVENT_KIND
  }
  return {};
}

std::vector<EventKind> EventKinds() {
  return {
#define KEDGE_EVENT_KIND(name, docs) EventKind::k##name,
#include "store/tables/event_kinds.inc"
#undef KEDGE_EVENT_KIND
  };
}

std::string_view Name(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "INFO";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kError:
      break;
  }
  return "ERROR";
}

Status AddEvent(Transaction& transaction, EpochMs now, const Event& event) {
  KEDGE_TRY(
      [[maybe_unused]] const int64_t rows,
      transaction.Execute(
          "INSERT INTO events (id, position, time_ms, kind, severity, resource, fleet, "
          "device, actor, message) VALUES ($1, 0, $2, $3, $4, $5, $6, $7, $8, $9)",
          {NewEventId(now), now, std::string(Name(event.kind)), std::string(Name(event.severity)),
           event.resource, Optional(event.fleet), Optional(event.device), event.actor,
           Shortened(event.message, kEventMessageBytesMax)}));
  return {};
}

Result<bool> HasUnnumberedEvents(Transaction& transaction) {
  KEDGE_TRY(const Rows rows, transaction.Query("SELECT id FROM events WHERE position = 0 LIMIT 1"));
  return !rows.empty();
}

Status NumberEvents(Transaction& transaction) {
  // The row is changed first, so that on an engine with concurrent writers only one numbers.
  KEDGE_TRY([[maybe_unused]] const int64_t locked,
            transaction.Execute("UPDATE event_feed SET next_position = next_position WHERE id = $1",
                                {int64_t{1}}));
  KEDGE_TRY(const Rows feed, transaction.Query("SELECT next_position FROM event_feed"));
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT id FROM events WHERE position = 0 ORDER BY id LIMIT $1",
                              {kEventsNumberedMax}));
  int64_t next = feed.at(0).Integer(0);
  std::vector<std::vector<Value>> updates;
  for (const Row& row : rows) updates.push_back({next++, row.Text(0)});
  KEDGE_TRY([[maybe_unused]] const int64_t numbered,
            transaction.ExecuteMany("UPDATE events SET position = $1 WHERE id = $2", updates));
  KEDGE_TRY([[maybe_unused]] const int64_t moved,
            transaction.Execute("UPDATE event_feed SET next_position = $1", {next}));
  return {};
}

Result<std::vector<StoredEvent>> ListEvents(Transaction& transaction, const EventFilter& filter,
                                            int64_t position, bool ascending, int64_t rows_max) {
  ListStatement statement(
      "SELECT position, id, time_ms, kind, severity, resource, fleet, device, actor, message "
      "FROM events");
  statement.Where("position >", std::optional<int64_t>(0));
  statement.WhereOneOf("fleet", filter.visible_fleets);
  statement.Where("kind =", filter.kind);
  statement.Where("severity =", filter.severity);
  statement.Where("fleet =", filter.fleet);
  statement.Where("device =", filter.device);
  statement.WhereContains("resource", filter.resource_contains);
  statement.Where("time_ms >", filter.after);
  statement.Where("time_ms <", filter.before);
  Page page{.ascending = ascending, .rows_max = rows_max - 1};
  if (position > 0) page.after = Cursor{position, ascending ? "~" : ""};
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "position", "id", page));
  std::vector<StoredEvent> events;
  for (const Row& row : rows) events.push_back(ReadEvent(row));
  return events;
}

Result<int64_t> LastEventPosition(Transaction& transaction) {
  KEDGE_TRY(const Rows rows, transaction.Query("SELECT next_position - 1 FROM event_feed"));
  return rows.at(0).Integer(0);
}

Result<int64_t> ExpireEvents(Transaction& transaction, EpochMs before) {
  return transaction.Execute(
      "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < $1 AND position > 0 "
      "ORDER BY id LIMIT $2)",
      {NewEventId(before).substr(0, 12), kEventsExpiredMax});
}

}  // namespace kedge::store
