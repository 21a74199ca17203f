// SPDX-License-Identifier: Apache-2.0
#include "server/api/paging.h"

#include "base/bytes.h"

namespace kedge::server {
namespace {

Result<store::Cursor> ReadToken(const std::string& token, const Operation& operation) {
  const Error invalid = InvalidArgument("NextToken is not one that " + operation.name + " gave");
  const auto bytes = Base64Decode(token);
  if (!bytes) return invalid;
  const auto value = json::Parse(AsText(*bytes));
  if (!value || value->StringOr("o", "") != operation.name) return invalid;
  const json::Value* sort = value->Find("s");
  const json::Value* name = value->Find("n");
  if (sort == nullptr || name == nullptr || name->AsString() == nullptr) return invalid;
  if (sort->AsInt() != nullptr) return store::Cursor{*sort->AsInt(), *name->AsString()};
  if (sort->AsString() != nullptr) return store::Cursor{*sort->AsString(), *name->AsString()};
  return invalid;
}

}  // namespace

Result<store::Page> ReadPage(const Input& input, const Operation& operation) {
  store::Page page;
  page.rows_max = input.Integer("MaxResults", kPageDefault);
  page.ascending = input.Text("SortOrder") != "Descending";
  if (const auto token = input.TextOrNone("NextToken"); token && !token->empty()) {
    KEDGE_TRY(page.after, ReadToken(*token, operation));
  }
  return page;
}

void SetNextToken(json::Object& answer, const Operation& operation,
                  const std::optional<store::Cursor>& next) {
  if (!next) return;
  json::Object token{{"o", operation.name}, {"n", next->name}};
  if (const auto* number = std::get_if<int64_t>(&next->sort_value)) token.Set("s", *number);
  if (const auto* text = std::get_if<std::string>(&next->sort_value)) token.Set("s", *text);
  answer.Set("NextToken", Base64Encode(AsBytes(json::Write(json::Value(std::move(token))))));
}

store::TimeWindow ReadWindow(const Input& input) {
  return {.created_after = input.Time("CreationTimeAfter"),
          .created_before = input.Time("CreationTimeBefore"),
          .modified_after = input.Time("LastModifiedTimeAfter"),
          .modified_before = input.Time("LastModifiedTimeBefore")};
}

}  // namespace kedge::server
