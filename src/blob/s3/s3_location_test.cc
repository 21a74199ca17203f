// SPDX-License-Identifier: Apache-2.0
#include "blob/s3/s3_location.h"

#include <gtest/gtest.h>

namespace kedge::blob {
namespace {

std::optional<std::string> Keys(const std::string& name) {
  if (name == "AWS_ACCESS_KEY_ID") return "a:key";
  if (name == "AWS_SECRET_ACCESS_KEY") return "secret";
  return std::nullopt;
}

TEST(S3Location, IsReadFromItsUrl) {
  struct Case {
    const char* uri;
    const char* url_of_key;
  };
  const Case cases[] = {
      {"s3://models", "https://models.s3.us-east-1.amazonaws.com/a%20b/c?x=1"},
      {"s3://models?region=eu-1", "https://models.s3.eu-1.amazonaws.com/a%20b/c?x=1"},
      {"s3://models?style=path", "https://s3.us-east-1.amazonaws.com/models/a%20b/c?x=1"},
      {"s3://models/p?endpoint=http://h:1/", "http://h:1/models/a%20b/c?x=1"},
      {"s3://models/?endpoint=http%3A%2F%2Fh:1&style=virtual", "http://models.h:1/a%20b/c?x=1"},
  };
  PosixFileSystem disk;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.uri);
    const auto location = ReadS3Location(c.uri, Keys, disk);
    ASSERT_TRUE(location) << location.error().message;
    EXPECT_EQ(location->UrlOf("a b/c", "x=1"), c.url_of_key);
    EXPECT_EQ(location->credentials.access_key_id, "a:key");
  }
  EXPECT_EQ(ReadS3Location("s3://models/p/q", Keys, disk)->prefix, "p/q/");
  EXPECT_EQ(ReadS3Location("s3://models/", Keys, disk)->prefix, "");
}

TEST(S3Location, CredentialsComeFromAFile) {
  const auto folder = TemporaryDirectory::Make();
  PosixFileSystem disk;
  const Path file = folder->path() / "keys";
  ASSERT_TRUE(disk.WriteAtomically(
      file, AsBytes("# a comment\nexport AWS_ACCESS_KEY_ID='AK'\r\nAWS_SECRET_ACCESS_KEY=s=1\n"),
      0600));
  const auto location = ReadS3Location("s3://models?credentials=" + file.string(), Keys, disk);
  ASSERT_TRUE(location) << location.error().message;
  EXPECT_EQ(location->credentials.access_key_id, "AK");
  EXPECT_EQ(location->credentials.secret_access_key, "s=1");
}

TEST(S3Location, RefusesWhatItCannotUse) {
  PosixFileSystem disk;
  for (const char* bad :
       {"", "http://h", "s3://", "s3://UPPER", "s3://models?endpoint=ftp://h",
        "s3://models?endpoint=http://h/path", "s3://models?style=other", "s3://models?x=1"}) {
    EXPECT_EQ(ReadS3Location(bad, Keys, disk).error().code, Code::kInvalidArgument) << bad;
  }
  const auto nobody = [](const std::string&) { return std::optional<std::string>(); };
  EXPECT_EQ(ReadS3Location("s3://models", nobody, disk).error().code, Code::kInvalidArgument);
  EXPECT_EQ(ReadS3Location("s3://models?credentials=/nowhere", Keys, disk).error().code,
            Code::kNotFound);
}

}  // namespace
}  // namespace kedge::blob
