// Tags of resources, as rows. The resource is named by its ARN; who deletes it deletes its tags.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

constexpr int64_t kTagsOfResourceMax = 50;

struct Tag {
  std::string key;
  std::string value;
};

// A key that is there already gets the new value. How many there may be is the caller's to check.
Status PutTag(Transaction& transaction, const std::string& resource_arn, const std::string& key,
              const std::string& value);
// Ordered by key, after `after` (empty: from the first), at most `rows_max`.
Result<std::vector<Tag>> ListTags(Transaction& transaction, const std::string& resource_arn,
                                  const std::string& after, int64_t rows_max);
struct ResourceTag {
  std::string resource_arn;
  Tag tag;
};
// Of those resources, in the order of ARN and key.
Result<std::vector<ResourceTag>> TagsOf(Transaction& transaction,
                                        const std::vector<std::string>& resource_arns);
Result<int64_t> CountTags(Transaction& transaction, const std::string& resource_arn);
// Success if there is none of that key.
Status DeleteTag(Transaction& transaction, const std::string& resource_arn, const std::string& key);
// All tags of a resource.
Status DeleteTags(Transaction& transaction, const std::string& resource_arn);

}  // namespace kedge::store
