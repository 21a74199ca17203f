// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cerrno>
#include <gtest/gtest.h>

namespace kedge {
namespace {

Result<int> Half(int x) {
  if (x % 2 != 0) return InvalidArgument(std::to_string(x) + " is odd");
  return x / 2;
}

Result<int> Quarter(int x) {
  KEDGE_TRY(const int half, Half(x));
  KEDGE_TRY(const int quarter, Half(half));
  return quarter;
}

Status Check(int x) {
  KEDGE_TRY_STATUS([&]() -> Status {
    if (x < 0) return OutOfRange("negative");
    return {};
  }());
  return {};
}

TEST(Result, TryReturnsTheFirstError) {
  EXPECT_EQ(*Quarter(12), 3);
  const auto failed = Quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error(), InvalidArgument("3 is odd"));
  EXPECT_TRUE(Check(1));
  EXPECT_EQ(Check(-1).error().code, Code::kOutOfRange);
}

TEST(Result, WrapAddsContextInFront) {
  EXPECT_EQ(Wrap(NotFound("x"), "reading y").message, "reading y: x");
}

TEST(Result, ErrnoMapsToCodes) {
  const struct {
    int number;
    Code code;
  } cases[] = {{ENOENT, Code::kNotFound},         {ENOSPC, Code::kResourceExhausted},
               {EACCES, Code::kPermissionDenied}, {EIO, Code::kDataLoss},
               {EEXIST, Code::kAlreadyExists},    {ECONNREFUSED, Code::kUnavailable}};
  for (const auto& c : cases) EXPECT_EQ(ErrnoError(c.number, "x").code, c.code) << c.number;
}

TEST(Result, CodeNamesAreGrpcs) {
  EXPECT_EQ(CodeName(Code::kFailedPrecondition), "FAILED_PRECONDITION");
  EXPECT_EQ(CodeName(Code::kUnauthenticated), "UNAUTHENTICATED");
}

}  // namespace
}  // namespace kedge
