// SPDX-License-Identifier: Apache-2.0
#include "server/s3/s3_checksum.h"

#include <gtest/gtest.h>

namespace kedge::server {
namespace {

// The check values of the catalogues: the digest of "123456789".
TEST(S3Checksum, KnownValues) {
  struct Case {
    ChecksumKind kind;
    const char* want;
  };
  const Case cases[] = {
      {ChecksumKind::kMd5, "25f9e794323b453885f5181f1b624d0b"},
      {ChecksumKind::kSha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"},
      {ChecksumKind::kSha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"},
      {ChecksumKind::kCrc32, "cbf43926"},
      {ChecksumKind::kCrc32c, "e3069283"},
      {ChecksumKind::kCrc64Nvme, "ae8b14860a799888"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.want);
    const auto whole = Checksum::Make(c.kind);
    whole->Update(AsBytes("123456789"));
    EXPECT_EQ(HexEncode(whole->Finish()), c.want);
    const auto pieces = Checksum::Make(c.kind);
    for (const char* piece : {"1", "", "2345678", "9"}) pieces->Update(AsBytes(piece));
    EXPECT_EQ(HexEncode(pieces->Finish()), c.want);
  }
}

TEST(S3Checksum, WhatIsSentIsComparedAndNamed) {
  http::Headers headers;
  headers.Set("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==");
  headers.Set("X-Amz-Checksum-Crc32", "y/Q5Jg==");
  headers.Set("x-amz-trailer", "x-amz-checksum-crc64nvme");
  http::Headers trailers;
  trailers.Set("x-amz-checksum-crc64nvme", "rosUhgp5mIg=");
  ClientChecksums good(headers);
  good.Update(AsBytes("123456789"));
  const auto named = good.Check(trailers);
  ASSERT_TRUE(named) << named.error().message;
  ASSERT_EQ(named->size(), 2u);
  EXPECT_EQ(named->at(0).header, "x-amz-checksum-crc32");
  EXPECT_EQ(named->at(1).value, "rosUhgp5mIg=");

  ClientChecksums missing(headers);
  missing.Update(AsBytes("123456789"));
  EXPECT_FALSE(missing.Check({}));
  ClientChecksums other(headers);
  other.Update(AsBytes("123456780"));
  EXPECT_FALSE(other.Check(trailers));
}

}  // namespace
}  // namespace kedge::server
