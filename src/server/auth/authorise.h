// What a caller may do, from the operation's description alone: the least role (`access`), and
// which fleets a call touches (`fleets`). Handlers decide nothing but what a list shows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json/json.h"
#include "server/auth/identity.h"
#include "server/schema/catalogue.h"
#include "store/store.h"

namespace kedge::server {

// What can be told before the body is read. kPermissionDenied: the role is too low.
Status AuthoriseRole(const Identity& identity, const Operation& operation);

// kPermissionDenied: the role is too low; a device calls for another one; a caller restricted to
// fleets names another fleet (by name, by a plan of it, or by an ARN), or names none in an
// operation that does not say that this is harmless. The store is read for the last only.
Status Authorise(store::Store& store, const Identity& identity, const Operation& operation,
                 const json::Value& body);

}  // namespace kedge::server
