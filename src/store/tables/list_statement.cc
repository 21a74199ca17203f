// SPDX-License-Identifier: Apache-2.0
#include "store/tables/list_statement.h"

namespace kedge::store {
namespace {

// For LIKE ... ESCAPE '\\': both engines take the character after it as it is.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char character : text) {
    if (character == '%' || character == '_' || character == '\\') escaped += '\\';
    escaped += character;
  }
  return escaped;
}

}  // namespace

void ListStatement::Add(std::string_view condition, Value value) {
  sql_ += parameters_.empty() ? " WHERE " : " AND ";
  parameters_.push_back(std::move(value));
  sql_ += std::string(condition) + " $" + std::to_string(parameters_.size());
}

std::string Places(size_t first, size_t n) {
  std::string places;
  for (size_t i = 0; i < n; ++i) places += (i == 0 ? "($" : ", $") + std::to_string(first + i);
  return places + ")";
}

void ListStatement::Where(std::string_view condition, const std::optional<int64_t>& value) {
  if (value) Add(condition, *value);
}

void ListStatement::Where(std::string_view condition, const std::optional<std::string>& value) {
  if (value) Add(condition, *value);
}

void ListStatement::WhereContains(std::string_view column, const std::optional<std::string>& text) {
  if (!text) return;
  Add(std::string(column) + " LIKE", "%" + Escaped(*text) + "%");
  sql_ += R"( ESCAPE '\')";
}

void ListStatement::Where(const TimeWindow& window) {
  Where("created_ms >", window.created_after);
  Where("created_ms <", window.created_before);
  Where("modified_ms >", window.modified_after);
  Where("modified_ms <", window.modified_before);
}

void ListStatement::WhereOneOf(std::string_view column, const std::vector<std::string>& patterns) {
  if (patterns.empty()) return;
  sql_ += parameters_.empty() ? " WHERE (" : " AND (";
  for (size_t i = 0; i < patterns.size(); ++i) {
    const std::string& pattern = patterns[i];
    const std::string parameter = "$" + std::to_string(parameters_.size() + 1);
    sql_ += i > 0 ? " OR " : "";
    if (pattern.ends_with('*')) {
      // Not LIKE: a '_' in a prefix would be any character.
      const size_t length = pattern.size() - 1;
      sql_ +=
          "substr(" + std::string(column) + ", 1, " + std::to_string(length) + ") = " + parameter;
      parameters_.push_back(pattern.substr(0, length));
    } else {
      sql_ += std::string(column) + " = " + parameter;
      parameters_.push_back(pattern);
    }
  }
  sql_ += ")";
}

Result<Rows> ListStatement::Run(Transaction& transaction, const std::string& sort_column,
                                const std::string& name_column, const Page& page) {
  const std::string direction = page.ascending ? " ASC" : " DESC";
  const std::string beyond = page.ascending ? " > " : " < ";
  if (page.after) {
    sql_ += parameters_.empty() ? " WHERE " : " AND ";
    parameters_.push_back(page.after->sort_value);
    parameters_.push_back(page.after->name);
    const size_t n = parameters_.size();
    sql_ += "(" + sort_column + ", " + name_column + ")" + beyond + "($" + std::to_string(n - 1) +
            ", $" + std::to_string(n) + ")";
  }
  parameters_.push_back(page.rows_max + 1);
  sql_ += " ORDER BY " + sort_column + direction + ", " + name_column + direction + " LIMIT $" +
          std::to_string(parameters_.size());
  return transaction.Query(sql_, parameters_);
}

}  // namespace kedge::store
