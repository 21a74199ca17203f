// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/aead.h"

#include <gtest/gtest.h>

namespace kedge::crypto {
namespace {

AeadKey KeyOf(uint8_t fill) {
  AeadKey key;
  key.fill(fill);
  return key;
}

TEST(Aead, OpensWhatItSealed) {
  const std::string texts[] = {"", "a", std::string(5'000, 'x')};
  for (const std::string& text : texts) {
    SCOPED_TRACE(text.size());
    const ByteBuffer sealed = AeadSeal(KeyOf(1), AsBytes(text), AsBytes("purpose"));
    EXPECT_EQ(sealed.size(), text.size() + kAeadOverheadBytes);
    const auto opened = AeadOpen(KeyOf(1), sealed, AsBytes("purpose"));
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(AsText(*opened), text);
  }
}

TEST(Aead, NeverSealsTheSameTwice) {
  EXPECT_NE(AeadSeal(KeyOf(1), AsBytes("a"), {}), AeadSeal(KeyOf(1), AsBytes("a"), {}));
}

TEST(Aead, RefusesEveryFlippedBitAndEveryCut) {
  const ByteBuffer sealed = AeadSeal(KeyOf(1), AsBytes("secret"), AsBytes("purpose"));
  for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    ByteBuffer flipped = sealed;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(AeadOpen(KeyOf(1), flipped, AsBytes("purpose"))) << bit;
  }
  for (size_t bytes = 0; bytes < sealed.size(); ++bytes) {
    const auto opened = AeadOpen(KeyOf(1), Bytes(sealed).first(bytes), AsBytes("purpose"));
    ASSERT_FALSE(opened) << bytes;
    EXPECT_EQ(opened.error().code, Code::kDataLoss);
  }
}

TEST(Aead, RefusesAnotherKeyAndOtherAssociatedData) {
  const ByteBuffer sealed = AeadSeal(KeyOf(1), AsBytes("secret"), AsBytes("purpose"));
  EXPECT_FALSE(AeadOpen(KeyOf(2), sealed, AsBytes("purpose")));
  EXPECT_FALSE(AeadOpen(KeyOf(1), sealed, AsBytes("other")));
}

}  // namespace
}  // namespace kedge::crypto
