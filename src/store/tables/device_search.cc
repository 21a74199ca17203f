// SPDX-License-Identifier: Apache-2.0
#include "store/tables/device_search.h"

#include <algorithm>

#include "store/tables/device_row.h"
#include "store/tables/fleet_counts.h"

namespace kedge::store {
namespace {

constexpr EpochMs kHourMs = 3'600'000;

// Conditions and their parameters in order.
class Conditions {
 public:
  // `condition` with '?' where the parameter's number goes.
  void Add(std::string_view condition, Value value) {
    parameters_.push_back(std::move(value));
    const size_t mark = condition.find('?');
    sql_ += (sql_.empty() ? " WHERE " : " AND ") + std::string(condition.substr(0, mark)) +
            Number() + std::string(condition.substr(mark + 1));
  }
  void AddRow(std::string_view condition, const Cursor& after) {
    parameters_.push_back(after.sort_value);
    const std::string first = Number();
    parameters_.push_back(after.name);
    sql_ += (sql_.empty() ? " WHERE " : " AND ") + std::string(condition) + " (" + first + ", " +
            Number() + ")";
  }
  std::string Parameter(Value value) {
    parameters_.push_back(std::move(value));
    return Number();
  }
  void Raw(const std::string& condition) {
    sql_ += (sql_.empty() ? " WHERE " : " AND ") + condition;
  }
  const std::string& sql() const { return sql_; }
  const std::vector<Value>& parameters() const { return parameters_; }

 private:
  std::string Number() const { return "$" + std::to_string(parameters_.size()); }
  std::string sql_;
  std::vector<Value> parameters_;
};

std::string LikeText(const std::string& text) {
  std::string escaped = "%";
  for (const char character : text) {
    if (character == '%' || character == '_' || character == '\\') escaped += '\\';
    escaped += character;
  }
  return escaped + "%";
}

// The fleets that the search may look into, of those that have devices.
void AddFleets(const DeviceSearch& search, Conditions& where) {
  if (search.fleet) where.Add("d.fleet = ?", *search.fleet);
  if (search.visible_fleets.empty()) return;
  std::string any;
  for (const std::string& pattern : search.visible_fleets) {
    const bool is_prefix = pattern.ends_with('*');
    const size_t length = pattern.size() - (is_prefix ? 1 : 0);
    const std::string parameter = where.Parameter(pattern.substr(0, length));
    any += any.empty() ? "(" : " OR ";
    any += is_prefix ? "substr(d.fleet, 1, " + std::to_string(length) + ") = " + parameter
                     : "d.fleet = " + parameter;
  }
  where.Raw(any + ")");
}

void AddFilters(const DeviceSearch& search, Conditions& where) {
  if (search.name_contains) {
    where.Add(R"(d.name LIKE ? ESCAPE '\')", LikeText(*search.name_contains));
  }
  if (search.agent_version) where.Add("s.agent_version = ?", *search.agent_version);
  if (search.heartbeat_from) where.Add("s.heartbeat_ms >= ?", *search.heartbeat_from);
  if (search.heartbeat_before) where.Add("s.heartbeat_ms < ?", *search.heartbeat_before);
  if (!search.model) return;
  const std::string exists =
      "EXISTS (SELECT 1 FROM device_models m WHERE m.fleet = d.fleet AND m.model = " +
      where.Parameter(*search.model) + " AND m.device = d.name";
  const std::string version =
      search.model_version ? " AND m.version = " + where.Parameter(*search.model_version) : "";
  where.Raw(exists + version + ")");
}

bool IsFiltered(const DeviceSearch& search) {
  return search.name_contains || search.model || search.agent_version || search.heartbeat_from ||
         search.heartbeat_before;
}

// The last device that a page may look at; nothing: all that follow.
Result<std::optional<Cursor>> LastExamined(Transaction& transaction, const DeviceSearch& search,
                                           const Page& page) {
  Conditions where;
  AddFleets(search, where);
  const char* const beyond = page.ascending ? "(d.fleet, d.name) >" : "(d.fleet, d.name) <";
  if (page.after) where.AddRow(beyond, *page.after);
  const char* const order = page.ascending ? " ASC" : " DESC";
  const std::string sql = "SELECT d.fleet, d.name FROM devices d" + where.sql() +
                          " ORDER BY d.fleet" + order + ", d.name" + order + " LIMIT 1 OFFSET " +
                          std::to_string(kSearchExaminedMax - 1);
  KEDGE_TRY(const Rows rows, transaction.Query(sql, where.parameters()));
  if (rows.empty()) return std::optional<Cursor>();
  return std::optional<Cursor>(Cursor{rows[0].Text(0), rows[0].Text(1)});
}

Result<PageOf<Device>> SearchByName(Transaction& transaction, const DeviceSearch& search,
                                    const Page& page) {
  std::optional<Cursor> last;
  if (IsFiltered(search)) {
    KEDGE_TRY(last, LastExamined(transaction, search, page));
  }
  Conditions where;
  AddFleets(search, where);
  const bool up = page.ascending;
  if (page.after) where.AddRow(up ? "(d.fleet, d.name) >" : "(d.fleet, d.name) <", *page.after);
  if (last) where.AddRow(up ? "(d.fleet, d.name) <=" : "(d.fleet, d.name) >=", *last);
  AddFilters(search, where);
  const char* const order = up ? " ASC" : " DESC";
  std::string sql = std::string(kSelectDevices) + where.sql() + " ORDER BY d.fleet" + order +
                    ", d.name" + order + " LIMIT " + std::to_string(page.rows_max + 1);
  if (search.skip > 0 && !page.after) sql += " OFFSET " + std::to_string(search.skip);
  KEDGE_TRY(const Rows rows, transaction.Query(sql, where.parameters()));
  auto result = MakePage<Device>(rows, page, ReadDevice, [](const Device& device) {
    return Cursor{device.fleet, device.name};
  });
  if (!result.next) result.next = last;
  return result;
}

Result<PageOf<Device>> SearchByHeartbeat(Transaction& transaction, const DeviceSearch& search,
                                         const Page& page) {
  Conditions registered;
  AddFleets(search, registered);
  registered.Raw("d.kind = '" + std::string(counted::kRegistered) + "'");
  KEDGE_TRY(const Rows count,
            transaction.Query(
                "SELECT CAST(COALESCE(SUM(n), 0) AS bigint) FROM fleet_counts d" + registered.sql(),
                registered.parameters()));
  if (count[0].Integer(0) > kSearchExaminedMax) {
    return InvalidArgument("more than " + std::to_string(kSearchExaminedMax) +
                           " devices are not sorted by heartbeat: name a fleet");
  }
  Conditions where;
  AddFleets(search, where);
  const bool up = page.ascending;
  constexpr std::string_view kKey = "(s.heartbeat_ms, d.fleet || '/' || d.name)";
  if (page.after) where.AddRow(std::string(kKey) + (up ? " >" : " <"), *page.after);
  AddFilters(search, where);
  const char* const order = up ? " ASC" : " DESC";
  std::string sql = std::string(kSelectDevices) + where.sql() + " ORDER BY s.heartbeat_ms" + order +
                    ", d.fleet || '/' || d.name" + order + " LIMIT " +
                    std::to_string(page.rows_max + 1);
  if (search.skip > 0 && !page.after) sql += " OFFSET " + std::to_string(search.skip);
  KEDGE_TRY(const Rows rows, transaction.Query(sql, where.parameters()));
  return MakePage<Device>(rows, page, ReadDevice, [](const Device& device) {
    return Cursor{device.heartbeat_time.value_or(0), device.fleet + "/" + device.name};
  });
}

}  // namespace

Result<PageOf<Device>> SearchDevices(Transaction& transaction, const DeviceSearch& search,
                                     const Page& page) {
  return search.by_heartbeat ? SearchByHeartbeat(transaction, search, page)
                             : SearchByName(transaction, search, page);
}

Result<FleetStates> ReadFleetStates(Transaction& transaction, const FleetStatesQuery& query) {
  const int64_t connected_hour = query.connected_from / kHourMs;
  const int64_t late_hour = query.late_from / kHourMs;
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT device, heartbeat_hour FROM device_state WHERE fleet = $1 "
                              "ORDER BY device LIMIT $2 OFFSET $3",
                              {query.fleet, query.devices_max + 1, query.skip}));
  FleetStates result;
  result.more = static_cast<int64_t>(rows.size()) > query.devices_max;
  const size_t count = std::min(rows.size(), static_cast<size_t>(query.devices_max));
  result.states.assign(count, FleetStates::kOffline);
  if (count == 0) return result;
  bool is_exact = true;
  for (size_t i = 0; i < count; ++i) {
    const int64_t hour = rows[i].Integer(1);
    char& state = result.states[i];
    if (hour == 0) {
      state = FleetStates::kNever;
    } else if (hour > connected_hour) {
      state = FleetStates::kConnected;
    } else if (hour >= late_hour) {
      state = FleetStates::kLate;
    }
    is_exact = is_exact && hour != connected_hour && hour != late_hour;
  }
  if (is_exact) return result;
  KEDGE_TRY(const Rows exact,
            transaction.Query("SELECT device, heartbeat_ms FROM device_state WHERE fleet = $1 AND "
                              "heartbeat_hour IN ($2, $3) AND device >= $4 AND device <= $5 "
                              "ORDER BY device",
                              {query.fleet, connected_hour, late_hour, rows[0].Text(0),
                               rows[count - 1].Text(0)}));
  size_t at = 0;
  for (const Row& row : exact) {
    while (at < count && rows[at].Text(0) < row.Text(0)) ++at;
    if (at == count || rows[at].Text(0) != row.Text(0)) continue;
    const EpochMs time = row.Integer(1);
    if (time == 0) continue;
    result.states[at] = time >= query.connected_from ? FleetStates::kConnected
                        : time >= query.late_from    ? FleetStates::kLate
                                                     : FleetStates::kOffline;
  }
  return result;
}

}  // namespace kedge::store
