// New access keys.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/access_keys.h"

namespace kedge::server {

// "KEDG" and 16 characters of A-Z2-7 (80 random bits), and a secret of 40 characters (240 random
// bits): the lengths that AWS tools expect. The role is left to the caller.
store::AccessKey NewAccessKey(EpochMs now);

}  // namespace kedge::server
