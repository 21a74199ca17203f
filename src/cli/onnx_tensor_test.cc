// SPDX-License-Identifier: Apache-2.0
#include "cli/onnx_tensor.h"

#include <gtest/gtest.h>

namespace kedge::cli {
namespace {

ByteBuffer Message(std::string_view bytes) { return ToBuffer(AsBytes(bytes)); }
template <size_t n>
ByteBuffer Message(const char (&bytes)[n]) {
  return Message(std::string_view(bytes, n - 1));
}

TEST(OnnxTensor, ReadsEveryWayOfStoringElements) {
  struct Case {
    const char* name;
    ByteBuffer file;
    Tensor want;
  };
  const Case cases[] = {
      {"raw f32, packed dims", Message("\x0a\x01\x02\x10\x01\x4a\x08\0\0\x80\x3f\0\0\0\x40"),
       Tensor::Of<float>(DType::kF32, {2}, {1, 2})},
      {"float_data, single dims", Message("\x08\x02\x10\x01\x22\x08\0\0\x80\x3f\0\0\0\x40"),
       Tensor::Of<float>(DType::kF32, {2}, {1, 2})},
      {"float_data, not packed", Message("\x08\x02\x10\x01\x25\0\0\x80\x3f\x25\0\0\0\x40"),
       Tensor::Of<float>(DType::kF32, {2}, {1, 2})},
      {"int64_data, negative",
       Message("\x08\x01\x10\x07\x3a\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
       Tensor::Of<int64_t>(DType::kI64, {1}, {-1})},
      {"int32_data of i8",
       Message("\x08\x02\x10\x03\x2a\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x05"),
       Tensor::Of<int8_t>(DType::kI8, {2}, {-1, 5})},
      {"int32_data of bool", Message("\x08\x02\x10\x09\x2a\x02\x01\x00"),
       Tensor::Of<uint8_t>(DType::kBool, {2}, {1, 0})},
      {"int32_data of f16", Message("\x08\x01\x10\x0a\x2a\x02\x80\x78"),
       Tensor::Of<uint16_t>(DType::kF16, {1}, {0x3c00})},
      {"double_data", Message("\x08\x01\x10\x0b\x52\x08\0\0\0\0\0\0\xf0\x3f"),
       Tensor::Of<double>(DType::kF64, {1}, {1})},
      {"scalar", Message("\x10\x06\x4a\x04\x07\0\0\0"), Tensor::Of<int32_t>(DType::kI32, {}, {7})},
      {"empty", Message("\x08\x00\x10\x01"), Tensor(DType::kF32, {0})},
      {"unknown fields", Message("\x08\x01\x10\x02\x4a\x01\x09\x9a\x06\x02hi\xa0\x06\x05"),
       Tensor::Of<uint8_t>(DType::kU8, {1}, {9})},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto read = ReadOnnxTensor(c.file);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->tensor.dtype(), c.want.dtype());
    EXPECT_EQ(read->tensor.shape(), c.want.shape());
    EXPECT_EQ(ToBuffer(read->tensor.bytes()), ToBuffer(c.want.bytes()));
  }
}

TEST(OnnxTensor, ReadsTheName) {
  EXPECT_EQ(ReadOnnxTensor(Message("\x08\x01\x10\x02\x42\x01y\x4a\x01\x09"))->name, "y");
}

TEST(OnnxTensor, RefusesWhatDoesNotFit) {
  struct Case {
    const char* name;
    ByteBuffer file;
    Code code;
  };
  const Case cases[] = {
      {"strings", Message("\x08\x01\x10\x08\x32\x01x"), Code::kUnimplemented},
      {"complex", Message("\x08\x01\x10\x0e"), Code::kUnimplemented},
      {"no type", Message("\x08\x01"), Code::kUnimplemented},
      {"other file", Message("\x08\x01\x10\x01\x70\x01"), Code::kUnimplemented},
      {"too few bytes", Message("\x08\x02\x10\x01\x4a\x04\0\0\0\0"), Code::kInvalidArgument},
      {"too few elements", Message("\x08\x02\x10\x01\x25\0\0\0\0"), Code::kInvalidArgument},
      {"odd packed floats", Message("\x08\x01\x10\x01\x22\x03\0\0\0"), Code::kInvalidArgument},
      {"negative size", Message("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x01"),
       Code::kInvalidArgument},
      {"length beyond the end", Message("\x08\x01\x10\x01\x4a\x7f\0"), Code::kInvalidArgument},
      {"endless varint", Message("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
       Code::kInvalidArgument},
      {"group", Message("\x0b"), Code::kInvalidArgument},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto read = ReadOnnxTensor(c.file);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, c.code) << read.error().message;
  }
}

// A field of length-delimited kind.
std::string Sub(char key, const std::string& bytes) {
  return std::string{key, static_cast<char>(bytes.size())} + bytes;
}

TEST(OnnxModel, ListsInputsThatHaveNoInitializer) {
  const std::string dim_2 = Sub(0x0a, "\x08\x02");
  const std::string dim_n = Sub(0x0a, Sub(0x12, "n"));
  const auto type = [](const std::string& dims) {
    return Sub(0x12, Sub(0x0a, std::string("\x08\x01") + Sub(0x12, dims)));
  };
  const std::string graph =
      Sub(0x2a, Sub(0x42, "w")) + Sub(0x5a, Sub(0x0a, "x") + type(dim_2 + dim_2)) +
      Sub(0x5a, Sub(0x0a, "w") + type(dim_2)) + Sub(0x5a, Sub(0x0a, "y") + type(dim_2 + dim_n)) +
      Sub(0x5a, Sub(0x0a, "z"));
  const auto inputs = ReadOnnxInputs(Message(Sub(0x3a, graph)));
  ASSERT_TRUE(inputs) << inputs.error().message;
  ASSERT_EQ(inputs->size(), 3u);
  EXPECT_EQ((*inputs)[0].name, "x");
  EXPECT_TRUE((*inputs)[0].static_shape);
  EXPECT_EQ((*inputs)[1].name, "y");
  EXPECT_FALSE((*inputs)[1].static_shape);
  EXPECT_FALSE((*inputs)[2].static_shape);
  EXPECT_EQ(ReadOnnxInputs({}).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace kedge::cli
