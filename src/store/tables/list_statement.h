// SELECT statements of lists: filters, a stable order, and pages that go on after a row ("keyset"),
// so that page 1,000 costs as much as page 1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/store.h"

namespace kedge::store {

// Where a page ended: the last row's value of the sort column and its name. Equal values are told
// apart by the name.
struct Cursor {
  Value sort_value;
  std::string name;
};

struct Page {
  bool ascending = true;
  std::optional<Cursor> after;  // none: the first page
  int64_t rows_max = 100;
};

template <class T>
struct PageOf {
  std::vector<T> items;
  std::optional<Cursor> next;  // none: the last page
};

// Filters on time that all lists share.
struct TimeWindow {
  std::optional<EpochMs> created_after;
  std::optional<EpochMs> created_before;
  std::optional<EpochMs> modified_after;
  std::optional<EpochMs> modified_before;
};

// "($first, $first+1, ...)" with `n` places of parameters.
std::string Places(size_t first, size_t n);

class ListStatement {
 public:
  // "SELECT a, b FROM t"
  explicit ListStatement(std::string_view select) : sql_(select) {}
  // `condition` with its operator ("created_ms >"); nothing if there is no value.
  void Where(std::string_view condition, const std::optional<int64_t>& value);
  void Where(std::string_view condition, const std::optional<std::string>& value);
  // The column's text holds `text`, whatever characters it has; cases differ.
  void WhereContains(std::string_view column, const std::optional<std::string>& text);
  void Where(const TimeWindow& window);  // on created_ms and modified_ms
  // Names, or prefixes with a final '*', of which the column is one; nothing if there are none.
  void WhereOneOf(std::string_view column, const std::vector<std::string>& patterns);
  // The rows of the page and one more, if there is one.
  Result<Rows> Run(Transaction& transaction, const std::string& sort_column,
                   const std::string& name_column, const Page& page);

 private:
  void Add(std::string_view condition, Value value);

  std::string sql_;
  std::vector<Value> parameters_;
};

// Cuts the one row too many off. `cursor_of` gives the cursor of an item.
template <class T, class Read, class CursorOf>
PageOf<T> MakePage(const Rows& rows, const Page& page, Read read, CursorOf cursor_of) {
  PageOf<T> result;
  for (const Row& row : rows) {
    if (static_cast<int64_t>(result.items.size()) == page.rows_max) {
      result.next = cursor_of(result.items.back());
      break;
    }
    result.items.push_back(read(row));
  }
  return result;
}

}  // namespace kedge::store
