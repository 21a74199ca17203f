// Checks a request against its description, as AWS does it: first the JSON types (one wrong type is
// a SerializationException), then every constraint, all violations in one message.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/json/json.h"
#include "base/result.h"
#include "server/schema/catalogue.h"

namespace kedge::server {

// The members that the description knows, with the right JSON types; null members are left out.
// kInvalidArgument names the member whose type is wrong: a SerializationException.
Result<json::Value> ReadTyped(const Shape& shape, json::Value value);

// kInvalidArgument with AWS's text: "2 validation errors detected: Value '...' at 'deviceFleetName'
// failed to satisfy constraint: Member must have length less than or equal to 63; Value null at
// ...". `value` comes from ReadTyped.
Status CheckConstraints(const Shape& shape, const json::Value& value);

}  // namespace kedge::server
