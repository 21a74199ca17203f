// SPDX-License-Identifier: Apache-2.0
#include "cli/compare.h"

#include <cmath>
#include <gtest/gtest.h>

namespace kedge::cli {
namespace {

Tensor Floats(const std::vector<float>& values) {
  return Tensor::Of<float>(DType::kF32, {static_cast<int64_t>(values.size())}, values);
}

TEST(Compare, AcceptsWhatIsCloseEnough) {
  EXPECT_TRUE(Compare(Floats({1, 1000, 0}), Floats({1.0009f, 1000.9f, 9e-8f}), {}));
  EXPECT_TRUE(Compare(Floats({NAN, INFINITY, -INFINITY}), Floats({NAN, INFINITY, -INFINITY}), {}));
  EXPECT_TRUE(Compare(Floats({}), Floats({}), {}));
  const auto half = [](float f) {
    return Tensor::Of<uint16_t>(DType::kF16, {1}, {FloatToHalf(f)});
  };
  EXPECT_TRUE(Compare(half(1), half(1.0009765625f), {}));
  EXPECT_FALSE(Compare(half(1), half(1.01f), {}));
}

TEST(Compare, SaysWhatDiffers) {
  struct Case {
    const char* name;
    Tensor got;
    Tensor want;
    const char* message;
  };
  const Case cases[] = {
      {"value", Floats({1, 2, 3}), Floats({1, 2.5f, 3.1f}),
       "2 of 3 elements differ, worst element 1 is 2"},
      {"nan", Floats({NAN}), Floats({1}), "element 0 is nan"},
      {"infinity", Floats({INFINITY}), Floats({-INFINITY}), "element 0 is inf"},
      {"near zero", Floats({0}), Floats({1e-5f}), "element 0"},
      {"shape", Floats({1, 2}), Tensor::Of<float>(DType::kF32, {1, 2}, {1, 2}),
       "f32 2, not f32 1x2"},
      {"type", Floats({1}), Tensor(DType::kI32, {1}), "f32 1, not i32 1"},
      {"integer", Tensor::Of<int32_t>(DType::kI32, {2}, {1, 5}),
       Tensor::Of<int32_t>(DType::kI32, {2}, {1, 6}), "element 1 is 5, not 6"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Status status = Compare(c.got, c.want, {});
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::kDataLoss);
    EXPECT_NE(status.error().message.find(c.message), std::string::npos) << status.error().message;
  }
}

}  // namespace
}  // namespace kedge::cli
