// SPDX-License-Identifier: Apache-2.0
#include "blob/blob_store.h"

#include <gtest/gtest.h>

namespace kedge::blob {
namespace {

TEST(ObjectName, IsParsedFromAUri) {
  struct Case {
    const char* name;
    std::string uri;
    bool good;
  };
  const Case cases[] = {
      {"plain", "s3://bucket/key", true},
      {"slashes and dots in the key", "s3://abc/../a//b/", true},
      {"UTF-8", "s3://abc/\u1234", true},
      {"longest key", "s3://abc/" + std::string(1024, 'k'), true},
      {"longest bucket", "s3://" + std::string(63, 'b') + "/k", true},
      {"no scheme", "bucket/key", false},
      {"other scheme", "http://bucket/key", false},
      {"no key", "s3://bucket", false},
      {"empty key", "s3://bucket/", false},
      {"long key", "s3://abc/" + std::string(1025, 'k'), false},
      {"NUL in the key", std::string("s3://abc/a\0b", 12), false},
      {"lone continuation byte", "s3://abc/\x80", false},
      {"overlong slash", "s3://abc/\xc0\xaf", false},
      {"surrogate", "s3://abc/\xed\xa0\x80", false},
      {"above Unicode", "s3://abc/\xf4\x90\x80\x80", false},
      {"cut short", "s3://abc/\xe1\x88", false},
      {"short bucket", "s3://ab/k", false},
      {"long bucket", "s3://" + std::string(64, 'b') + "/k", false},
      {"upper case", "s3://Bucket/k", false},
      {"dot first", "s3://.abc/k", false},
      {"dash last", "s3://abc-/k", false},
      {"two dots", "s3://a..b/k", false},
      {"underscore", "s3://a_b/k", false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto name = ObjectName::Parse(c.uri);
    ASSERT_EQ(name.has_value(), c.good);
    if (c.good) {
      EXPECT_EQ(name->Uri(), c.uri);
    } else {
      EXPECT_EQ(name.error().code, Code::kInvalidArgument);
    }
  }
}

}  // namespace
}  // namespace kedge::blob
