// SPDX-License-Identifier: Apache-2.0
#include "server/schema/pattern.h"

#include <re2/re2.h>

namespace kedge::server {

struct Pattern::Compiled {
  re2::RE2 expression;
};

Pattern::Pattern(std::string text, std::unique_ptr<Compiled> compiled)
    : text_(std::move(text)), compiled_(std::move(compiled)) {}
Pattern::~Pattern() = default;

Result<std::shared_ptr<const Pattern>> Pattern::Compile(const std::string& text) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  std::unique_ptr<Compiled> compiled(new Compiled{re2::RE2(text, options)});
  if (!compiled->expression.ok()) {
    return InvalidArgument("pattern '" + text + "': " + compiled->expression.error());
  }
  return std::shared_ptr<const Pattern>(new Pattern(text, std::move(compiled)));
}

bool Pattern::MatchesAll(std::string_view text) const {
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), compiled_->expression);
}

}  // namespace kedge::server
