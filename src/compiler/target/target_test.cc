// SPDX-License-Identifier: Apache-2.0
#include "compiler/target/target.h"

#include <gtest/gtest.h>

namespace kedge::compiler {
namespace {

TEST(Target, EveryNameIsFound) {
  for (const std::string& name : TargetNames()) {
    SCOPED_TRACE(name);
    auto target = FindTarget(name);
    ASSERT_TRUE(target);
    EXPECT_EQ(target->name, name);
    EXPECT_GE(target->VectorFloats(), 4);
  }
}

TEST(Target, NativeIsOneOfThem) {
  auto target = FindTarget("native");
  ASSERT_TRUE(target);
  EXPECT_TRUE(FindTarget(target->name));
}

TEST(Target, UnknownNameNamesTheKnownOnes) {
  auto target = FindTarget("riscv64");
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code, Code::kInvalidArgument);
  EXPECT_EQ(target.error().message,
            "target 'riscv64' is not one of x86-64-v2, x86-64-v3, x86-64-v4, aarch64, native");
}

}  // namespace
}  // namespace kedge::compiler
