// PostgreSQL's error codes as ours.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"

namespace kedge::store::postgres {

// `sqlstate` has five characters (PostgreSQL 15 documentation, appendix A); `sql` is the statement,
// for errors that are the statement's fault.
Error ErrorOf(std::string_view sqlstate, std::string_view message, std::string_view sql);

}  // namespace kedge::store::postgres
