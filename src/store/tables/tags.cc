// SPDX-License-Identifier: Apache-2.0
#include "store/tables/tags.h"

namespace kedge::store {
namespace {

// Resources of one statement.
constexpr size_t kKeysWide = 64;

}  // namespace

Status PutTag(Transaction& transaction, const std::string& resource_arn, const std::string& key,
              const std::string& value) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO tags (resource_arn, name, content) VALUES ($1, $2, $3) "
                "ON CONFLICT (resource_arn, name) DO UPDATE SET content = excluded.content",
                {resource_arn, key, value}));
  return {};
}

Result<std::vector<Tag>> ListTags(Transaction& transaction, const std::string& resource_arn,
                                  const std::string& after, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT name, content FROM tags WHERE resource_arn = $1 AND name > "
                              "$2 ORDER BY name LIMIT $3",
                              {resource_arn, after, rows_max}));
  std::vector<Tag> tags;
  for (const Row& row : rows) tags.push_back({.key = row.Text(0), .value = row.Text(1)});
  return tags;
}

Result<std::vector<ResourceTag>> TagsOf(Transaction& transaction,
                                        const std::vector<std::string>& resource_arns) {
  static const std::string kWide =
      "SELECT resource_arn, name, content FROM tags WHERE resource_arn IN " + Places(1, kKeysWide) +
      " ORDER BY resource_arn, name";
  std::vector<ResourceTag> tags;
  for (size_t begin = 0; begin < resource_arns.size(); begin += kKeysWide) {
    std::vector<Value> parameters;
    for (size_t i = begin; i < resource_arns.size() && i - begin < kKeysWide; ++i) {
      parameters.emplace_back(resource_arns[i]);
    }
    parameters.resize(kKeysWide, resource_arns[begin]);
    KEDGE_TRY(const Rows rows, transaction.Query(kWide, parameters));
    for (const Row& row : rows) tags.push_back({row.Text(0), {row.Text(1), row.Text(2)}});
  }
  return tags;
}

Result<int64_t> CountTags(Transaction& transaction, const std::string& resource_arn) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT COUNT(*) FROM tags WHERE resource_arn = $1", {resource_arn}));
  return rows.at(0).Integer(0);
}

Status DeleteTag(Transaction& transaction, const std::string& resource_arn,
                 const std::string& key) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("DELETE FROM tags WHERE resource_arn = $1 AND name = $2",
                                {resource_arn, key}));
  return {};
}

Status DeleteTags(Transaction& transaction, const std::string& resource_arn) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("DELETE FROM tags WHERE resource_arn = $1", {resource_arn}));
  return {};
}

}  // namespace kedge::store
