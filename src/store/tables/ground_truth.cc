// SPDX-License-Identifier: Apache-2.0
#include "store/tables/ground_truth.h"

namespace kedge::store {
namespace {

Value OptionalReal(const std::optional<double>& value) {
  return value ? Value(*value) : Value(std::monostate());
}

std::optional<double> RealOrNull(const Row& row, size_t column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Real(column);
}

}  // namespace

Status PutGroundTruth(Transaction& transaction, const std::vector<GroundTruth>& records) {
  std::vector<std::vector<Value>> rows;
  rows.reserve(records.size());
  for (const GroundTruth& one : records) {
    rows.push_back({one.fleet, one.model, one.version, one.inference, one.time, one.received,
                    one.device, one.label, one.prediction, OptionalReal(one.score),
                    OptionalReal(one.label_value), OptionalReal(one.prediction_value)});
  }
  KEDGE_TRY(
      [[maybe_unused]] const int64_t changed,
      transaction.ExecuteMany(
          "INSERT INTO ground_truth (fleet, model, version, inference, time_ms, received_ms, "
          "device, label, prediction, score, label_value, prediction_value) VALUES ($1, $2, $3, "
          "$4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (fleet, model, version, inference) "
          "DO UPDATE SET time_ms = excluded.time_ms, received_ms = excluded.received_ms, device = "
          "excluded.device, label = excluded.label, prediction = excluded.prediction, score = "
          "excluded.score, label_value = excluded.label_value, prediction_value = "
          "excluded.prediction_value",
          rows));
  return {};
}

Result<std::vector<GroundTruth>> ReadGroundTruth(Transaction& transaction,
                                                 const GroundTruthFilter& filter,
                                                 int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(
                "SELECT inference, time_ms, received_ms, device, label, prediction, "
                "score, label_value, prediction_value FROM ground_truth WHERE "
                "fleet = $1 AND model = $2 AND version = $3 AND time_ms >= $4 AND "
                "time_ms < $5 ORDER BY time_ms DESC, inference LIMIT $6",
                {filter.fleet, filter.model, filter.version, filter.begin, filter.end, rows_max}));
  std::vector<GroundTruth> records;
  records.reserve(rows.size());
  for (const Row& row : rows) {
    records.push_back({.fleet = filter.fleet,
                       .model = filter.model,
                       .version = filter.version,
                       .inference = row.Text(0),
                       .time = row.Integer(1),
                       .received = row.Integer(2),
                       .device = row.Text(3),
                       .label = row.Text(4),
                       .prediction = row.Text(5),
                       .score = RealOrNull(row, 6),
                       .label_value = RealOrNull(row, 7),
                       .prediction_value = RealOrNull(row, 8)});
  }
  return records;
}

Result<int64_t> CountGroundTruth(Transaction& transaction, const GroundTruthFilter& filter) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT COUNT(*) FROM ground_truth WHERE fleet = $1 AND model = $2 "
                              "AND version = $3",
                              {filter.fleet, filter.model, filter.version}));
  return rows.at(0).Integer(0);
}

Result<int64_t> TrimGroundTruth(Transaction& transaction, const GroundTruthFilter& filter,
                                int64_t rows_max) {
  return transaction.Execute(
      "DELETE FROM ground_truth WHERE fleet = $1 AND model = $2 AND version = $3 AND inference IN "
      "(SELECT inference FROM ground_truth WHERE fleet = $4 AND model = $5 AND version = $6 "
      "ORDER BY time_ms, inference LIMIT $7)",
      {filter.fleet, filter.model, filter.version, filter.fleet, filter.model, filter.version,
       rows_max});
}

Result<int64_t> DeleteGroundTruth(Transaction& transaction, EpochMs received_before,
                                  int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT MAX(received_ms) FROM (SELECT received_ms FROM ground_truth "
                              "WHERE received_ms < $1 ORDER BY received_ms LIMIT $2) AS oldest",
                              {received_before, rows_max}));
  if (rows.at(0).IsNull(0)) return int64_t{0};
  return transaction.Execute("DELETE FROM ground_truth WHERE received_ms <= $1",
                             {rows[0].Integer(0)});
}

}  // namespace kedge::store
