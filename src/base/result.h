// Errors as values. A function that can fail for a reason outside the program returns Result<T> or
// Status; the caller must look at it (all three types are [[nodiscard]]). Members are named as in
// std::expected, so that a later swap is one file. Codes are gRPC's canonical ones with their
// numbers: mapping to gRPC is a cast, to HTTP one table.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace kedge {

enum class Code : uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// "INVALID_ARGUMENT" and so on, as gRPC spells them.
std::string_view CodeName(Code code);

// What went wrong: one lower-case sentence that names the thing and the value, for example
// "tensor 'input0' has rank 3, model needs 4". Context is added going up, once per floor, by
// Wrap().
struct [[nodiscard]] Error {
  Code code = Code::kUnknown;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

// Error{code, "outer: " + message}: the same error seen from one floor up.
Error Wrap(Error error, std::string_view outer);

// Ways to make an error in one line: return InvalidArgument("rank is 3, needs 4").
Error InvalidArgument(std::string message);
Error NotFound(std::string message);
Error AlreadyExists(std::string message);
Error PermissionDenied(std::string message);
Error ResourceExhausted(std::string message);
Error FailedPrecondition(std::string message);
Error Aborted(std::string message);
Error OutOfRange(std::string message);
Error Unimplemented(std::string message);
Error Internal(std::string message);
Error Unavailable(std::string message);
Error DataLoss(std::string message);
Error DeadlineExceeded(std::string message);
Error Unauthenticated(std::string message);
Error Cancelled(std::string message);

// The error of a failed system call: code from errno, message "what: strerror".
Error ErrnoError(int error_number, std::string_view what);

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  // NOLINTBEGIN(google-explicit-constructor): `return value;` and `return error;` are the point.
  Result(T value) : storage_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : storage_(std::in_place_index<1>, std::move(error)) {}
  // NOLINTEND(google-explicit-constructor)

  bool has_value() const { return storage_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    KEDGE_CHECK(has_value());
    return *std::get_if<0>(&storage_);
  }
  const T& value() const& {
    KEDGE_CHECK(has_value());
    return *std::get_if<0>(&storage_);
  }
  // By value, so that `for (x : *List())` does not outlive what it iterates.
  T value() && {
    KEDGE_CHECK(has_value());
    return std::move(*std::get_if<0>(&storage_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    KEDGE_CHECK(!has_value());
    return *std::get_if<1>(&storage_);
  }
  Error&& error() && {
    KEDGE_CHECK(!has_value());
    return std::move(*std::get_if<1>(&storage_));
  }
  T value_or(T other) const& { return has_value() ? value() : std::move(other); }

 private:
  std::variant<T, Error> storage_;
};

// A result without a value. Default-constructed it is success: `return Status();` or `return {};`.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  const Error& error() const& {
    KEDGE_CHECK(!has_value());
    return *error_;
  }
  Error&& error() && {
    KEDGE_CHECK(!has_value());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

#define KEDGE_CONCAT_INNER(a, b) a##b
#define KEDGE_CONCAT(a, b) KEDGE_CONCAT_INNER(a, b)

// KEDGE_TRY(auto x, Parse(text)): declares x from the value, or returns the error from this
// function.
#define KEDGE_TRY(declaration, expression) \
  KEDGE_TRY_INNER(KEDGE_CONCAT(kedge_result_, __LINE__), declaration, expression)
#define KEDGE_TRY_INNER(result, declaration, expression)     \
  auto result = (expression);                                \
  if (!result.has_value()) return std::move(result).error(); \
  declaration = std::move(result).value()

// KEDGE_TRY_STATUS(Write(...)): returns the error from this function, if there is one.
#define KEDGE_TRY_STATUS(expression)                                 \
  do {                                                               \
    if (auto kedge_status = (expression); !kedge_status.has_value()) \
      return std::move(kedge_status).error();                        \
  } while (false)

}  // namespace kedge
