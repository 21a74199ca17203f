// The operation descriptions of api/operations/ as objects. They are compiled into the program and
// read once at start; api/operations/README.md describes their form.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/embedded.h"
#include "base/result.h"
#include "server/auth/role.h"

namespace kedge::server {

class Pattern;  // a compiled regular expression; matches in time linear in the text

struct Shape {
  enum class Kind {
    kString,
    kInteger,
    kLong,
    kDouble,
    kBoolean,
    kTimestamp,
    kList,
    kMap,
    kStructure
  };
  struct Member {
    std::string name;
    const Shape* shape = nullptr;
    bool required = false;
  };

  std::string name;
  Kind kind = Kind::kString;
  std::optional<int64_t> min;  // characters, value or elements
  std::optional<int64_t> max;
  std::shared_ptr<const Pattern> pattern;  // shared with copies of the shape; null: none
  std::vector<std::string> enumeration;    // empty: any
  std::string example;
  const Shape* element = nullptr;  // kList, kMap: of the values
  const Shape* key = nullptr;      // kMap
  std::vector<Member> members;     // kStructure
};

struct Operation {
  std::string service;
  std::string name;    // "CreateDeviceFleet"
  std::string target;  // "SageMaker.CreateDeviceFleet", empty if it has a path
  std::string path;    // "/SendHeartbeat", or empty
  // How a caller that is restricted to some fleets is held to them.
  enum class Fleets {
    kNamed,     // by the fleets that the request names; naming none is refused
    kFiltered,  // the handler leaves out what belongs to other fleets
    kNone,      // nothing in it belongs to a fleet
  };

  Role access = Role::kOperator;  // the least role; kDevice: a device too, for itself
  Fleets fleets = Fleets::kNamed;
  bool mutates = false;  // audited: all but Describe..., List..., Get... and the device operations
  Shape input;
  bool has_output = false;
  std::vector<std::string> errors;
  bool Names(std::string_view error) const;
};

// Thread-safe once loaded.
class Catalogue {
 public:
  // kInvalidArgument names the file and what is wrong in it.
  static Result<Catalogue> Load(std::span<const EmbeddedFile> files);
  // Null if there is none.
  const Operation* FindByTarget(std::string_view target) const;
  const Operation* FindByPath(std::string_view path) const;
  const std::vector<std::unique_ptr<Operation>>& operations() const { return operations_; }

 private:
  // Shapes point to each other; they live here for ever and never move.
  std::vector<std::unique_ptr<Shape>> shapes_;
  std::vector<std::unique_ptr<Operation>> operations_;
  std::map<std::string, const Operation*, std::less<>> by_target_;
  std::map<std::string, const Operation*, std::less<>> by_path_;
};

// The descriptions of this build.
std::span<const EmbeddedFile> OperationFiles();

}  // namespace kedge::server
