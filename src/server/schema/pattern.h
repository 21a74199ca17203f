// Regular expressions of the API's constraints. RE2 inside: a hostile text cannot make it slow or
// exhaust the stack, as backtracking matchers can.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kedge::server {

// Thread-safe.
class Pattern {
 public:
  // kInvalidArgument with RE2's reason.
  static Result<std::shared_ptr<const Pattern>> Compile(const std::string& text);
  ~Pattern();
  bool MatchesAll(std::string_view text) const;
  const std::string& text() const { return text_; }

 private:
  struct Compiled;
  Pattern(std::string text, std::unique_ptr<Compiled> compiled);
  std::string text_;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace kedge::server
