// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace kedge {

void CheckFailed(const char* file, int line, const char* expression) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, expression);
  std::fflush(stderr);
  std::abort();
}

std::string_view CodeName(Code code) {
  static constexpr std::string_view kNames[] = {"OK",
                                                "CANCELLED",
                                                "UNKNOWN",
                                                "INVALID_ARGUMENT",
                                                "DEADLINE_EXCEEDED",
                                                "NOT_FOUND",
                                                "ALREADY_EXISTS",
                                                "PERMISSION_DENIED",
                                                "RESOURCE_EXHAUSTED",
                                                "FAILED_PRECONDITION",
                                                "ABORTED",
                                                "OUT_OF_RANGE",
                                                "UNIMPLEMENTED",
                                                "INTERNAL",
                                                "UNAVAILABLE",
                                                "DATA_LOSS",
                                                "UNAUTHENTICATED"};
  const auto index = static_cast<size_t>(code);
  return index < std::size(kNames) ? kNames[index] : "UNKNOWN";
}

Error Wrap(Error error, std::string_view outer) {
  error.message = std::string(outer) + ": " + error.message;
  return error;
}

Error InvalidArgument(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }
Error NotFound(std::string message) { return {Code::kNotFound, std::move(message)}; }
Error AlreadyExists(std::string message) { return {Code::kAlreadyExists, std::move(message)}; }
Error PermissionDenied(std::string message) {
  return {Code::kPermissionDenied, std::move(message)};
}
Error ResourceExhausted(std::string message) {
  return {Code::kResourceExhausted, std::move(message)};
}
Error FailedPrecondition(std::string message) {
  return {Code::kFailedPrecondition, std::move(message)};
}
Error Aborted(std::string message) { return {Code::kAborted, std::move(message)}; }
Error OutOfRange(std::string message) { return {Code::kOutOfRange, std::move(message)}; }
Error Unimplemented(std::string message) { return {Code::kUnimplemented, std::move(message)}; }
Error Internal(std::string message) { return {Code::kInternal, std::move(message)}; }
Error Unavailable(std::string message) { return {Code::kUnavailable, std::move(message)}; }
Error DataLoss(std::string message) { return {Code::kDataLoss, std::move(message)}; }
Error DeadlineExceeded(std::string message) {
  return {Code::kDeadlineExceeded, std::move(message)};
}
Error Unauthenticated(std::string message) { return {Code::kUnauthenticated, std::move(message)}; }
Error Cancelled(std::string message) { return {Code::kCancelled, std::move(message)}; }

Error ErrnoError(int error_number, std::string_view what) {
  Code code = Code::kUnknown;
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      code = Code::kNotFound;
      break;
    case EEXIST:
    case ENOTEMPTY:
      code = Code::kAlreadyExists;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
      code = Code::kPermissionDenied;
      break;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EFBIG:
      code = Code::kResourceExhausted;
      break;
    case EINVAL:
    case ENAMETOOLONG:
    case EISDIR:
      code = Code::kInvalidArgument;
      break;
    case EIO:
      code = Code::kDataLoss;
      break;
    case EAGAIN:
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ETXTBSY:
    case EBUSY:
      code = Code::kUnavailable;
      break;
    case ETIMEDOUT:
      code = Code::kDeadlineExceeded;
      break;
    default:
      break;
  }
  return {code, std::string(what) + ": " + std::strerror(error_number)};
}

}  // namespace kedge
