// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/crypto.h"

#include <gtest/gtest.h>

namespace kedge::crypto {
namespace {

// FIPS 180-2 appendix B.1, FIPS 180-1 appendix A, RFC 4231 case 2, RFC 1321 appendix A.5.
TEST(Crypto, MatchesTheStandardsCases) {
  EXPECT_EQ(Sha256Hex(AsBytes("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexEncode(Sha1(AsBytes("abc"))), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(HexEncode(HmacSha256(AsBytes("Jefe"), AsBytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  Hasher md5(Hasher::Kind::kMd5);
  md5.Update(AsBytes("message "));
  md5.Update(AsBytes("digest"));
  EXPECT_EQ(HexEncode(md5.Finish()), "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST(Crypto, AcceptsAnEmptyKey) {
  EXPECT_EQ(HexEncode(HmacSha256({}, {})),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

// RFC 4231 case 6 with its key of 131 bytes, and keys round the digest's block.
TEST(Crypto, AcceptsKeysOfAnyLength) {
  const struct {
    size_t key_bytes;
    const char* want;
  } cases[] = {
      {63, "b9f6d3205603dddcfb871b8132f698f2fc3b0cf9765fed0113231d1e6739d728"},
      {64, "84332a7580ed3cf75de83c644c8d2c1c262ad90e0190e5c5ae4b82b2102e8e75"},
      {65, "c62955a96944ff68deabbc0eab6192065c1c55bb8ddee16151ed5337f911eab9"},
      {131, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.key_bytes);
    const ByteBuffer key(one.key_bytes, 0xaa);
    EXPECT_EQ(HexEncode(HmacSha256(
                  key, AsBytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
              one.want);
  }
}

TEST(Crypto, ComparesInConstantTime) {
  EXPECT_TRUE(EqualConstantTime(AsBytes("same"), AsBytes("same")));
  EXPECT_FALSE(EqualConstantTime(AsBytes("same"), AsBytes("sama")));
  EXPECT_FALSE(EqualConstantTime(AsBytes("same"), AsBytes("sam")));
}

TEST(Crypto, RandomBytesDiffer) { EXPECT_NE(RandomBytes(16), RandomBytes(16)); }

}  // namespace
}  // namespace kedge::crypto
