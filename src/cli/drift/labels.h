// The true classes of the rows of a data set.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/drift/data_set.h"

namespace kedge::cli {

struct Labels {
  std::vector<uint32_t> classes;   // one a row; empty: no labels
  std::vector<std::string> names;  // by number; empty: unknown
};

// `source`: "" no labels; "folders": the name of each file's folder; "column:NAME": a column, which
// is taken out of the data; otherwise a file with a label a line. A label is a class's number or
// name; names that `names` does not have are numbered in the order of their bytes, if it is empty.
// kInvalidArgument for labels that are not one a row or not known.
Result<Labels> ReadLabels(const std::string& source, std::vector<std::string> names, DataSet& data);

// Lines of a file.
Result<std::vector<std::string>> ReadLines(const Path& file);

}  // namespace kedge::cli
