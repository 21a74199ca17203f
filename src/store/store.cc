// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <future>

namespace kedge::store {

Value Optional(const std::optional<std::string>& text) {
  return text ? Value(*text) : Value(std::monostate());
}

Value Optional(const std::optional<int64_t>& number) {
  return number ? Value(*number) : Value(std::monostate());
}

Status CheckParameters(std::span<const Value> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    const auto* text = std::get_if<std::string>(&values[i]);
    if (text != nullptr && text->find('\0') != std::string::npos) {
      return InvalidArgument("parameter $" + std::to_string(i + 1) + " holds a zero byte");
    }
  }
  return {};
}

const Value& Row::At(size_t column) const {
  KEDGE_CHECK(column < values_.size());
  return values_[column];
}

bool Row::IsNull(size_t column) const {
  KEDGE_CHECK(column < values_.size());
  return std::holds_alternative<std::monostate>(values_[column]);
}

const std::string& Row::Text(size_t column) const {
  KEDGE_CHECK(column < values_.size());
  const auto* text = std::get_if<std::string>(&values_[column]);
  KEDGE_CHECK(text != nullptr);
  return *text;
}

int64_t Row::Integer(size_t column) const {
  KEDGE_CHECK(column < values_.size());
  const auto* number = std::get_if<int64_t>(&values_[column]);
  KEDGE_CHECK(number != nullptr);
  return *number;
}

double Row::Real(size_t column) const {
  KEDGE_CHECK(column < values_.size());
  const auto* number = std::get_if<double>(&values_[column]);
  KEDGE_CHECK(number != nullptr);
  return *number;
}

std::optional<std::string> Row::TextOrNull(size_t column) const {
  if (IsNull(column)) return std::nullopt;
  return Text(column);
}

std::optional<int64_t> Row::IntegerOrNull(size_t column) const {
  if (IsNull(column)) return std::nullopt;
  return Integer(column);
}

Result<int64_t> Transaction::ExecuteMany(std::string_view sql,
                                         std::span<const std::vector<Value>> rows) {
  int64_t changed = 0;
  for (const std::vector<Value>& row : rows) {
    KEDGE_TRY(const int64_t count, Execute(sql, row));
    changed += count;
  }
  return changed;
}

Status Store::Write(Work work) {
  std::promise<Status> promise;
  std::future<Status> answer = promise.get_future();
  WriteLater(std::move(work), [&promise](Status status) { promise.set_value(std::move(status)); });
  return answer.get();
}

}  // namespace kedge::store
