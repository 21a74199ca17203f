// Reading members of a JSON object into plain fields, with errors that name the member's path. Used
// by this folder's codecs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/json/json.h"

namespace kedge::protocol {

// A JSON object while it is read. The first error sticks and later reads do nothing, so that a
// reader is a list of members without a check on each line.
class ObjectReader {
 public:
  // `path` is where the object stands ("Models[2]"), empty for the whole message. Borrows `value`.
  ObjectReader(const json::Value& value, std::string path);

  std::string String(std::string_view name, bool required = false);
  std::optional<EpochMs> Time(std::string_view name);  // epoch seconds -> milliseconds
  double Number(std::string_view name);
  // 0 if absent. Fails outside [min, max].
  int64_t Integer(std::string_view name, int64_t min, int64_t max);
  // The array's elements, each under its own path; none if absent. Fails above `count_max`.
  template <class Read>
  void Array(std::string_view name, size_t count_max, Read read) {
    const json::Array* elements = FindArray(name, count_max);
    if (elements == nullptr) return;
    for (size_t i = 0; i < elements->size() && !failed(); ++i) {
      ObjectReader reader((*elements)[i], PathOf(name) + "[" + std::to_string(i) + "]");
      read(reader);
      Take(reader);
    }
  }
  // The member as an object of its own, or null if absent.
  const json::Value* Object(std::string_view name) { return FindMember(name); }

  // Fails with "<path> <problem>".
  void Fail(std::string_view name, std::string_view problem);
  void Take(const ObjectReader& inner);  // its error becomes ours
  bool failed() const { return error_.has_value(); }
  Status status() const;
  std::string PathOf(std::string_view name) const;

 private:
  const json::Value* FindMember(std::string_view name);
  const json::Array* FindArray(std::string_view name, size_t count_max);

  const json::Value& value_;
  std::string path_;
  std::optional<Error> error_;
};

}  // namespace kedge::protocol
