// Comma-separated values as RFC 4180 has them: fields may be quoted, a quote inside is doubled, a
// quoted field may hold commas and line breaks. Lines end with LF or CRLF; a byte order mark and
// empty lines are skipped.
//
//   DeviceName,Description
//   camera-1,"roof, left"
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kedge::cli {

struct CsvRecord {
  size_t line = 0;  // of its first character, from 1
  std::vector<std::string> fields;
};

// kInvalidArgument naming the line: a quote that is not closed, text after a closing quote, a quote
// inside a field that is not quoted.
Result<std::vector<CsvRecord>> ParseCsv(std::string_view text);

}  // namespace kedge::cli
