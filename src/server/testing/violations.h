// Requests made from the operation descriptions: sound ones, and for every constraint some that
// violate it and, where that is possible, nothing else.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/json/json.h"
#include "server/schema/catalogue.h"

namespace kedge::server {

// A value that passes every constraint of the shape; with optional members only if `all`.
json::Value ValidValue(const Shape& shape, bool all);

struct Violation {
  std::string name;   // "Devices: [] DeviceName: too long"
  json::Value value;  // of the whole shape
  std::string path;   // of what is wrong, as AWS writes it: "devices.1.member.deviceName"
  std::string words;  // that the message holds: "length less than or equal to 63"
};

// Violations of constraints: refused with a ValidationException.
std::vector<Violation> ConstraintViolations(const Shape& shape);
// Members of the wrong JSON type: refused with a SerializationException.
std::vector<Violation> TypeViolations(const Shape& shape);

}  // namespace kedge::server
