// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensor.h"

#include <cmath>
#include <gtest/gtest.h>

#include "tensor/npy.h"

namespace kedge {
namespace {

TEST(Shape, ParsesItsOwnText) {
  const struct {
    std::string_view text;
    std::vector<int64_t> want;
  } cases[] = {
      {"1x3x224x224", {1, 3, 224, 224}}, {"7", {7}}, {"", {}}, {"scalar", {}}, {"0x2", {0, 2}}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const auto shape = ParseShape(c.text);
    ASSERT_TRUE(shape);
    EXPECT_EQ(shape->dims, c.want);
    EXPECT_EQ(*ParseShape(ToString(*shape)), *shape);
  }
}

TEST(Shape, RefusesWhatIsNoShape) {
  for (const char* bad : {"x", "1x", "x1", "-1", "1x-2", "1 x 2", "1x2x3x4x5x6x7x8x9",
                          "99999999999999999999", "1000000000x1000000000", "a"}) {
    EXPECT_FALSE(ParseShape(bad)) << bad;
  }
}

TEST(Tensor, NpyGoesThereAndBack) {
  for (int i = 1; i <= 13; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype == DType::kBf16) continue;
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{2, 3}, Shape{0, 4}, Shape{1, 2, 3, 4}}) {
      SCOPED_TRACE(std::string(DTypeName(dtype)) + " " + ToString(shape));
      const Tensor tensor = RandomTensor(dtype, shape, 1);
      const auto back = ParseNpy(WriteNpy(tensor));
      ASSERT_TRUE(back) << back.error().message;
      EXPECT_EQ(back->dtype(), dtype);
      EXPECT_EQ(back->shape(), shape);
      EXPECT_TRUE(std::equal(back->bytes().begin(), back->bytes().end(), tensor.bytes().begin(),
                             tensor.bytes().end()));
    }
  }
}

TEST(Tensor, RefusesBrokenNpy) {
  const ByteBuffer good = WriteNpy(RandomTensor(DType::kF32, {2, 3}, 1));
  for (size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(ParseNpy(Bytes(good).first(n))) << n;
  ByteBuffer longer = good;
  longer.push_back(0);
  EXPECT_FALSE(ParseNpy(longer));
}

TEST(Tensor, HalfMatchesItsDefinitionForEveryValue) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = HalfToFloat(half);
    if (std::isnan(value)) continue;
    EXPECT_EQ(FloatToHalf(value), half);
  }
  EXPECT_EQ(FloatToHalf(65519.0f), 0x7BFF);
  EXPECT_EQ(FloatToHalf(65520.0f), 0x7C00);
  EXPECT_EQ(FloatToHalf(1.0f + 0x1p-11f), 0x3C00);  // a tie goes to even
  EXPECT_EQ(FloatToBFloat(1.0f + 0x1p-8f), 0x3F80);
}

TEST(Tensor, FromBytesNamesBothSizes) {
  const auto wrong = Tensor::FromBytes(DType::kF32, {2, 2}, AsBytes("123"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "tensor of f32 2x2 needs 16 bytes, got 3");
}

}  // namespace
}  // namespace kedge
