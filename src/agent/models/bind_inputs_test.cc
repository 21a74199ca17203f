// SPDX-License-Identifier: Apache-2.0
#include "agent/models/bind_inputs.h"

#include <gtest/gtest.h>

namespace kedge::agent {
namespace {

const std::vector<ring::IoInfo> kInputs = {{"image", DType::kF32, Shape({1, 3}), 12},
                                           {"scale", DType::kI8, Shape({2}), 2}};
const std::string kImage(12, 'i'), kScale(2, 's'), kShort(11, 'x');
const int32_t kImageShape[] = {1, 3};
const int32_t kOtherShape[] = {3, 1};
const int32_t kScaleShape[] = {2};

RequestTensor Image(std::string_view name) {
  return {name, WireType::kFloat32, kImageShape, AsBytes(kImage)};
}
RequestTensor Scale(std::string_view name) {
  return {name, WireType::kUint8, kScaleShape, AsBytes(kScale)};
}

TEST(BindInputs, PutsNamedTensorsInTheModelsOrder) {
  const RequestTensor tensors[] = {Scale("scale"), Image("image")};
  const auto bound = BindInputs(kInputs, tensors);
  ASSERT_TRUE(bound) << bound.error().message;
  EXPECT_EQ(AsText((*bound)[0]), kImage);
  EXPECT_EQ(AsText((*bound)[1]), kScale);
}

TEST(BindInputs, TakesTensorsWithoutNamesByPosition) {
  const RequestTensor tensors[] = {Image(""), Scale("")};
  ASSERT_TRUE(BindInputs(kInputs, tensors));
}

TEST(BindInputs, TakesATensorWithoutMetadataByItsSize) {
  const RequestTensor tensors[] = {{"", WireType::kUint8, {}, AsBytes(kImage)}, Scale("")};
  ASSERT_TRUE(BindInputs(kInputs, tensors));
}

TEST(BindInputs, RefusalsNameTheTensorAndBothSides) {
  struct Case {
    const char* name;
    std::vector<RequestTensor> tensors;
    const char* want;
  };
  const Case cases[] = {
      {"too few",
       {Image("image")},
       "the request has 1 tensors, the model needs 2: 'image', 'scale'"},
      {"unknown name",
       {Image("picture"), Scale("scale")},
       "tensor 'picture' is no input of the model, its inputs are 'image', 'scale'"},
      {"unprintable name",
       {Image("\x01\xff"), Scale("scale")},
       "tensor '?"
       "?' is no input of the model, its inputs are 'image', 'scale'"},
      {"twice", {Image("image"), Image("image")}, "tensor 'image' is given twice"},
      {"some without a name",
       {Image("image"), Scale("")},
       "tensor '' is no input of the model, its inputs are 'image', 'scale'"},
      {"type",
       {{"image", WireType::kInt32, kImageShape, AsBytes(kImage)}, Scale("scale")},
       "tensor 'image' is INT32 1x3, the model needs FLOAT32 1x3"},
      {"shape",
       {{"image", WireType::kFloat32, kOtherShape, AsBytes(kImage)}, Scale("scale")},
       "tensor 'image' is FLOAT32 3x1, the model needs FLOAT32 1x3"},
      {"no shape",
       {{"image", WireType::kFloat32, {}, AsBytes(kImage)}, Scale("scale")},
       "tensor 'image' is FLOAT32 scalar, the model needs FLOAT32 1x3"},
      {"size",
       {{"image", WireType::kFloat32, kImageShape, AsBytes(kShort)}, Scale("scale")},
       "tensor 'image' has 11 bytes, FLOAT32 1x3 needs 12"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto bound = BindInputs(kInputs, c.tensors);
    ASSERT_FALSE(bound);
    EXPECT_EQ(bound.error().code, Code::kInvalidArgument);
    EXPECT_EQ(bound.error().message, c.want);
  }
}

TEST(WireType, HasTheWidthOfTheModelsType) {
  for (int number = 1; number <= 13; ++number) {
    const auto dtype = static_cast<DType>(number);
    SCOPED_TRACE(DTypeName(dtype));
    EXPECT_EQ(WireTypeSize(WireTypeOf(dtype)), DTypeSize(dtype));
  }
}

}  // namespace
}  // namespace kedge::agent
