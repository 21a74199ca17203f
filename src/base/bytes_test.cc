// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <gtest/gtest.h>

namespace kedge {
namespace {

TEST(Bytes, HexGoesThereAndBack) {
  EXPECT_EQ(HexEncode(AsBytes("\x01\xfe z")), "01fe207a");
  EXPECT_EQ(*HexDecode("01FE207a"), ToBuffer(AsBytes("\x01\xfe z")));
  for (const char* bad : {"0", "0g", "zz", " 1"}) EXPECT_FALSE(HexDecode(bad)) << bad;
}

// RFC 4648 section 10.
TEST(Bytes, Base64MatchesTheStandardsCases) {
  const struct {
    const char* plain;
    const char* text;
  } cases[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"}};
  for (const auto& c : cases) {
    EXPECT_EQ(Base64Encode(AsBytes(c.plain)), c.text);
    EXPECT_EQ(AsText(*Base64Decode(c.text)), c.plain);
  }
}

TEST(Bytes, Base64AcceptsOnlyTheCanonicalForm) {
  for (const char* bad :
       {"Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Z===", "====", "Zm9v\n", "Zm-_"}) {
    EXPECT_FALSE(Base64Decode(bad)) << bad;
  }
}

TEST(Bytes, Crc32cMatchesTheKnownCheckValue) {
  EXPECT_EQ(Crc32c(AsBytes("123456789")), 0xE3069283u);
  EXPECT_EQ(Crc32c(AsBytes("6789"), Crc32c(AsBytes("12345"))), 0xE3069283u);
}

TEST(Bytes, Base64UrlHasNoPaddingAndNoForeignDigits) {
  const ByteBuffer bytes = {0xfb, 0xff, 0xfe, 0x00};
  EXPECT_EQ(Base64UrlEncode(bytes), "-__-AA");
  EXPECT_EQ(*Base64UrlDecode("-__-AA"), bytes);
  EXPECT_EQ(*Base64UrlDecode(""), ByteBuffer());
  for (const char* bad : {"+//+AA", "-__-AA==", "-__-A", "-__-AB", "-__-A A"})
    EXPECT_FALSE(Base64UrlDecode(bad)) << bad;
}

}  // namespace
}  // namespace kedge
