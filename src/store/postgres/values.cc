// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/values.h"

#include <charconv>
#include <libpq-fe.h>

namespace kedge::store::postgres {
namespace {

// Type numbers of pg_type.dat: fixed for built-in types.
constexpr Oid kBool = 16;
constexpr Oid kInt8 = 20;
constexpr Oid kInt2 = 21;
constexpr Oid kInt4 = 23;
constexpr Oid kFloat4 = 700;
constexpr Oid kFloat8 = 701;
constexpr Oid kNumeric = 1700;

template <class Number>
Value ParseNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::string(text);
  return number;
}

Value ReadValue(Oid type, std::string_view text) {
  switch (type) {
    case kBool:
      return int64_t{text == "t"};
    case kInt8:
    case kInt4:
    case kInt2:
      return ParseNumber<int64_t>(text);
    case kNumeric:
      if (text.find_first_of(".N") == std::string_view::npos) return ParseNumber<int64_t>(text);
      return ParseNumber<double>(text);
    case kFloat4:
    case kFloat8:
      return ParseNumber<double>(text);
    default:
      return std::string(text);
  }
}

template <class Number>
std::string PrintNumber(Number number) {
  char text[32];
  const auto [end, error] = std::to_chars(std::begin(text), std::end(text), number);
  KEDGE_CHECK(error == std::errc());
  return {text, end};
}

}  // namespace

Parameters::Parameters(std::span<const Value> values) {
  numbers_.reserve(values.size());  // so that no pointer moves
  texts_.reserve(values.size());
  for (const Value& value : values) {
    if (const auto* text = std::get_if<std::string>(&value)) {
      texts_.push_back(text->c_str());
      continue;
    }
    if (std::holds_alternative<std::monostate>(value)) {
      texts_.push_back(nullptr);
      continue;
    }
    const auto* integer = std::get_if<int64_t>(&value);
    numbers_.push_back(integer != nullptr ? PrintNumber(*integer)
                                          : PrintNumber(std::get<double>(value)));
    texts_.push_back(numbers_.back().c_str());
  }
}

Rows ReadRows(const PGresult* result) {
  const int columns = PQnfields(result);
  std::vector<Oid> types;
  for (int column = 0; column < columns; ++column) types.push_back(PQftype(result, column));
  Rows rows;
  rows.reserve(static_cast<size_t>(PQntuples(result)));
  for (int row = 0; row < PQntuples(result); ++row) {
    std::vector<Value> values;
    values.reserve(types.size());
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(result, row, column) != 0) {
        values.emplace_back(std::monostate());
        continue;
      }
      const std::string_view text(PQgetvalue(result, row, column),
                                  static_cast<size_t>(PQgetlength(result, row, column)));
      values.push_back(ReadValue(types[static_cast<size_t>(column)], text));
    }
    rows.emplace_back(std::move(values));
  }
  return rows;
}

}  // namespace kedge::store::postgres
