// NextToken, MaxResults, SortBy and SortOrder of the list operations.
//
// A token is base64 of {"o": operation, "s": sort value, "n": name}: where the former page ended.
// It is opaque to clients and good for ever; a foreign or damaged one is a ValidationException.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/api/input.h"
#include "server/schema/catalogue.h"
#include "store/tables/list_statement.h"

namespace kedge::server {

constexpr int64_t kPageDefault = 100;

Result<store::Page> ReadPage(const Input& input, const Operation& operation);
// Sets NextToken if there is a further page.
void SetNextToken(json::Object& answer, const Operation& operation,
                  const std::optional<store::Cursor>& next);
store::TimeWindow ReadWindow(const Input& input);

}  // namespace kedge::server
