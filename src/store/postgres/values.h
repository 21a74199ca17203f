// Values as PostgreSQL's text format, both ways.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "store/store.h"

struct pg_result;

namespace kedge::store::postgres {

// The parameters of one statement as libpq wants them; the pointers are valid as long as this
// object and the values live.
class Parameters {
 public:
  explicit Parameters(std::span<const Value> values);
  const char* const* texts() const { return texts_.data(); }
  int count() const { return static_cast<int>(texts_.size()); }

 private:
  std::vector<std::string> numbers_;
  std::vector<const char*> texts_;
};

// All rows of a result. bigint and its smaller kin, boolean and numeric without a fraction (the sum
// of bigints) are integers; float and numeric with a fraction are doubles; all else is text.
Rows ReadRows(const pg_result* result);

}  // namespace kedge::store::postgres
