// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/sqlstate.h"

#include <string>

namespace kedge::store::postgres {
namespace {

struct Mapping {
  std::string_view prefix;  // of the code; the first that fits counts
  Code code;
  std::string_view words;
};

constexpr Mapping kMappings[] = {
    {"23505", Code::kAlreadyExists, "row exists"},
    {"23503", Code::kFailedPrecondition, "row is referred to, or refers to none"},
    {"23", Code::kInternal, "constraint"},
    {"22021", Code::kInvalidArgument, "text is not UTF-8"},
    {"08P01", Code::kInternal, "statement"},  // wrong number of parameters
    {"08", Code::kUnavailable, "the database is not reachable"},
    {"25006", Code::kUnavailable, "the database is read-only (a standby?)"},
    {"25P03", Code::kUnavailable, "the database ended a transaction that stood still"},
    {"28", Code::kPermissionDenied, "the database lets us not in"},
    {"3D", Code::kFailedPrecondition, "no such database"},
    {"40", Code::kUnavailable, "the database undid the transaction"},  // deadlock, serialisation
    {"42501", Code::kPermissionDenied, "the database does not permit it"},
    {"53", Code::kUnavailable, "the database is out of disk, memory or connections"},
    {"55P03", Code::kUnavailable, "another writer holds the database too long"},
    {"57", Code::kUnavailable, "the database is stopping or starting"},  // or a statement timeout
    {"58", Code::kUnavailable, "the database's system failed"},
    {"XX", Code::kUnavailable, "the database failed"},
};

}  // namespace

Error ErrorOf(std::string_view sqlstate, std::string_view message, std::string_view sql) {
  for (const Mapping& mapping : kMappings) {
    if (!sqlstate.starts_with(mapping.prefix)) continue;
    return {mapping.code, std::string(mapping.words) + ": " + std::string(message)};
  }
  return Internal("statement '" + std::string(sql.substr(0, 80)) + "': " + std::string(message));
}

}  // namespace kedge::store::postgres
