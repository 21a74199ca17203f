// What backup, restore and move say while they work and at their end.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "store/backup/backup.h"

namespace kedge::server {

// One line on standard error that is written over, if that is a terminal; nothing otherwise.
store::BackupProgress ProgressLine();

// One line on `stream`: a sentence ("restored 14 tables ..."), or one JSON object.
void PrintCounts(FILE* stream, bool as_json, std::string_view done,
                 const store::BackupCounts& counts);

}  // namespace kedge::server
