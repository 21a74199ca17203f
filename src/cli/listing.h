// Lists of the API as lines: one item a line, its members separated by tabs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"
#include "cli/api_client.h"

namespace kedge::cli {

// The named members of an item; "-" for one that is absent, times (members that end in Time) as
// "2026-11-22T07:09:38.123Z", lists separated by commas.
std::string ItemLine(const json::Value& item, std::initializer_list<const char*> members);

// Prints a whole list operation, all its pages, under a line that names the members. Gives the exit
// code.
int PrintList(const char* program, const ApiOptions& api, std::string_view target,
              json::Object body, std::string_view list, std::initializer_list<const char*> members);

json::Value TextArray(const std::vector<std::string>& texts);

}  // namespace kedge::cli
