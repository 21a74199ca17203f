// SPDX-License-Identifier: Apache-2.0
#include "cli/inputs.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "tensor/npy.h"

namespace kedge::cli {
namespace {

const std::vector<ring::IoInfo> kInputs = {{"image", DType::kF32, Shape({2}), 8},
                                           {"a=b", DType::kI32, Shape({3}), 12},
                                           {"half", DType::kBf16, Shape({1}), 2}};

TEST(Inputs, AreRandomWhereNotGiven) {
  const auto chosen = ChooseInputs(kInputs, {}, 5);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->random_inputs, (std::vector<std::string>{"image", "a=b", "half"}));
  EXPECT_EQ(ToBuffer(chosen->tensors[1].bytes()),
            ToBuffer(RandomTensor(DType::kI32, Shape({3}), 6).bytes()));
}

TEST(Inputs, AreTakenByNameOrNumber) {
  const auto chosen = ChooseInputs(kInputs, {"1=random:9", "image=random:7"}, 0);
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(chosen->random_inputs, std::vector<std::string>{"half"});
  EXPECT_EQ(ToBuffer(chosen->tensors[0].bytes()),
            ToBuffer(RandomTensor(DType::kF32, Shape({2}), 7).bytes()));
  EXPECT_TRUE(ChooseInputs(kInputs, {"a=b=random:9"}, 0));
}

TEST(Inputs, AreReadFromFiles) {
  const auto directory = TemporaryDirectory::Make();
  PosixFileSystem disk;
  const Path file = directory->path() / "x.npy";
  ASSERT_TRUE(
      disk.WriteAtomically(file, WriteNpy(Tensor::Of<float>(DType::kF32, {2}, {1, 2})), 0644));
  const auto chosen = ChooseInputs(kInputs, {"image=" + file.string()}, 0);
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_EQ(chosen->tensors[0].As<float>()[1], 2);

  const auto wrong = ChooseInputs(kInputs, {"a=b=" + file.string()}, 0);
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("input 'a=b' is i32 3, "), std::string::npos);
  EXPECT_NE(wrong.error().message.find("is f32 2"), std::string::npos);

  const Path one = directory->path() / "one.npy";
  ASSERT_TRUE(
      disk.WriteAtomically(one, WriteNpy(Tensor::Of<float>(DType::kF32, {1}, {1.5f})), 0644));
  const auto half = ChooseInputs(kInputs, {"half=" + one.string()}, 0);
  ASSERT_TRUE(half) << half.error().message;
  EXPECT_EQ(half->tensors[2].As<uint16_t>()[0], FloatToBFloat(1.5f));
}

TEST(Inputs, RefusesWhatNamesNothing) {
  struct Case {
    const char* text;
    Code code;
    const char* message;
  };
  const Case cases[] = {
      {"picture=random:1", Code::kInvalidArgument, "'image', 'a=b', 'half'"},
      {"3=random:1", Code::kInvalidArgument, "names no input"},
      {"image", Code::kInvalidArgument, "names no input"},
      {"image=random:x", Code::kInvalidArgument, "'x' is not a seed"},
      {"image=random:", Code::kInvalidArgument, "not a seed"},
      {"image=/no/such.npy", Code::kNotFound, "/no/such.npy"},
      {"image=/dev/null", Code::kInvalidArgument, "/dev/null"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    const auto chosen = ChooseInputs(kInputs, {c.text}, 0);
    ASSERT_FALSE(chosen);
    EXPECT_EQ(chosen.error().code, c.code);
    EXPECT_NE(chosen.error().message.find(c.message), std::string::npos) << chosen.error().message;
  }
  EXPECT_NE(
      ChooseInputs(kInputs, {"0=random:1", "image=random:1"}, 0).error().message.find("twice"),
      std::string::npos);
}

}  // namespace
}  // namespace kedge::cli
