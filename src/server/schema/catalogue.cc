// SPDX-License-Identifier: Apache-2.0
#include "server/schema/catalogue.h"

#include <algorithm>
#include <array>

#include "base/json/json.h"
#include "server/schema/pattern.h"

namespace kedge::server {

extern const std::span<const EmbeddedFile> kOperationFiles;

std::span<const EmbeddedFile> OperationFiles() { return kOperationFiles; }

bool Operation::Names(std::string_view error) const {
  return std::find(errors.begin(), errors.end(), error) != errors.end();
}

namespace {

constexpr std::array<std::pair<std::string_view, Shape::Kind>, 9> kKinds = {{
    {"string", Shape::Kind::kString},
    {"integer", Shape::Kind::kInteger},
    {"long", Shape::Kind::kLong},
    {"double", Shape::Kind::kDouble},
    {"boolean", Shape::Kind::kBoolean},
    {"timestamp", Shape::Kind::kTimestamp},
    {"list", Shape::Kind::kList},
    {"map", Shape::Kind::kMap},
    {"structure", Shape::Kind::kStructure},
}};

// Members a shape or operation may have: a misspelt one must not be silently without effect.
Status CheckMembers(const json::Value& value, std::span<const std::string_view> known) {
  const json::Object* object = value.AsObject();
  if (object == nullptr) return InvalidArgument("must be an object");
  for (const auto& [name, member] : *object) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return InvalidArgument("has an unknown member '" + name + "'");
    }
  }
  return {};
}

// All shapes of one service while they are read.
class ShapeTable {
 public:
  explicit ShapeTable(std::vector<std::unique_ptr<Shape>>& owner) : owner_(owner) {
    for (const auto& [name, kind] : kKinds) {
      if (kind != Shape::Kind::kList && kind != Shape::Kind::kMap &&
          kind != Shape::Kind::kStructure) {
        Declare(std::string(name))->kind = kind;
      }
    }
  }

  Shape* Declare(const std::string& name) {
    owner_.push_back(std::make_unique<Shape>());
    owner_.back()->name = name;
    table_[name] = owner_.back().get();
    return owner_.back().get();
  }

  Result<const Shape*> Find(const std::string& name) const {
    const auto found = table_.find(name);
    if (found == table_.end()) return InvalidArgument("unknown shape '" + name + "'");
    return found->second;
  }

  // Fills a declared shape.
  Status Define(const std::string& name, const json::Value& value);
  Status ReadMembers(const json::Value& value, std::vector<Shape::Member>& members) const;

 private:
  static Status ReadConstraints(const json::Value& value, Shape& shape);

  std::vector<std::unique_ptr<Shape>>& owner_;
  std::map<std::string, Shape*, std::less<>> table_;
};

Status ShapeTable::ReadConstraints(const json::Value& value, Shape& shape) {
  if (const json::Value* min = value.Find("min"); min != nullptr && min->AsInt() != nullptr) {
    shape.min = *min->AsInt();
  }
  if (const json::Value* max = value.Find("max"); max != nullptr && max->AsInt() != nullptr) {
    shape.max = *max->AsInt();
  }
  if (const json::Value* list = value.Find("enum"); list != nullptr && list->AsArray() != nullptr) {
    for (const json::Value& item : *list->AsArray()) {
      if (item.AsString() == nullptr) return InvalidArgument("has an enum value that is no text");
      shape.enumeration.push_back(*item.AsString());
    }
  }
  if (const json::Value* text = value.Find("pattern"); text != nullptr && text->AsString()) {
    KEDGE_TRY(shape.pattern, Pattern::Compile(*text->AsString()));
    shape.example = value.StringOr("example", "");
    if (!shape.pattern->MatchesAll(shape.example)) {
      return InvalidArgument("has an example '" + shape.example + "' that its pattern refuses");
    }
  }
  return {};
}

Status ShapeTable::Define(const std::string& name, const json::Value& value) {
  constexpr std::array<std::string_view, 10> kKnown = {"type", "min", "max",  "pattern", "enum",
                                                       "of",   "key", "docs", "example", "members"};
  KEDGE_TRY_STATUS(CheckMembers(value, kKnown));
  Shape& shape = *table_.find(name)->second;
  const std::string type = value.StringOr("type", "");
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                 [&](const auto& entry) { return entry.first == type; });
  if (kind == kKinds.end()) return InvalidArgument("has unknown type '" + type + "'");
  shape.kind = kind->second;
  KEDGE_TRY_STATUS(ReadConstraints(value, shape));
  if (shape.kind == Shape::Kind::kMap) {
    KEDGE_TRY(shape.key, Find(value.StringOr("key", "")));
  }
  if (shape.kind == Shape::Kind::kList || shape.kind == Shape::Kind::kMap) {
    KEDGE_TRY(shape.element, Find(value.StringOr("of", "")));
  }
  if (shape.kind == Shape::Kind::kStructure) {
    const json::Value* members = value.Find("members");
    if (members == nullptr) return InvalidArgument("is a structure without members");
    return ReadMembers(*members, shape.members);
  }
  return {};
}

Status ShapeTable::ReadMembers(const json::Value& value,
                               std::vector<Shape::Member>& members) const {
  constexpr std::array<std::string_view, 3> kKnown = {"shape", "required", "docs"};
  if (value.AsObject() == nullptr) return InvalidArgument("has members that are no object");
  for (const auto& [name, member] : *value.AsObject()) {
    if (auto status = CheckMembers(member, kKnown); !status) {
      return Wrap(status.error(), "member '" + name + "'");
    }
    const auto shape = Find(member.StringOr("shape", ""));
    if (!shape) return Wrap(shape.error(), "member '" + name + "'");
    members.push_back({name, *shape, member.BoolOr("required", false)});
  }
  return {};
}

struct ServiceText {
  std::string target_prefix;
  std::vector<std::pair<std::string, json::Value>> documents;  // file name, content
};

Result<std::map<std::string, ServiceText>> ReadFiles(std::span<const EmbeddedFile> files) {
  std::map<std::string, ServiceText> services;
  for (const EmbeddedFile& file : files) {
    auto document = json::Parse(file.text);
    if (!document) return Wrap(document.error(), file.name);
    const std::string service = document->StringOr("service", "");
    if (service.empty()) return InvalidArgument(std::string(file.name) + ": names no service");
    ServiceText& text = services[service];
    if (document->Find("target_prefix"))
      text.target_prefix = document->StringOr("target_prefix", "");
    text.documents.emplace_back(file.name, std::move(*document));
  }
  return services;
}

template <class Each>
Status ForEachMember(const ServiceText& service, std::string_view member, Each each) {
  for (const auto& [file, document] : service.documents) {
    const json::Value* found = document.Find(member);
    if (found == nullptr || found->AsObject() == nullptr) continue;
    for (const auto& [name, value] : *found->AsObject()) {
      Status status = each(name, value);
      if (!status) return Wrap(status.error(), file + ": '" + name + "'");
    }
  }
  return {};
}

// Who may call it, and what of it is written down.
Status ReadAccess(const json::Value& value, Operation& operation) {
  const std::string access = value.StringOr("access", "");
  const auto role = ParseRole(access);
  if (!role) return InvalidArgument("has no role as its access, but '" + access + "'");
  operation.access = *role;
  const std::string fleets = value.StringOr("fleets", "named");
  if (fleets == "filtered") {
    operation.fleets = Operation::Fleets::kFiltered;
  } else if (fleets == "none") {
    operation.fleets = Operation::Fleets::kNone;
  } else if (fleets != "named") {
    return InvalidArgument("has unknown fleets '" + fleets + "'");
  }
  constexpr std::array<std::string_view, 4> kReading = {"Describe", "Get", "List", "WhoAmI"};
  operation.mutates = *role != Role::kDevice &&
                      std::none_of(kReading.begin(), kReading.end(), [&](std::string_view verb) {
                        return operation.name.starts_with(verb);
                      });
  return {};
}

Status ReadOperation(const std::string& name, const json::Value& value, const ShapeTable& shapes,
                     Operation& operation) {
  constexpr std::array<std::string_view, 7> kKnown = {"docs",  "access", "fleets", "path",
                                                      "input", "output", "errors"};
  KEDGE_TRY_STATUS(CheckMembers(value, kKnown));
  operation.name = name;
  operation.path = value.StringOr("path", "");
  KEDGE_TRY_STATUS(ReadAccess(value, operation));
  if (value.StringOr("docs", "").empty()) return InvalidArgument("has no docs");
  const json::Value* input = value.Find("input");
  if (input == nullptr) return InvalidArgument("has no input");
  operation.input.name = name + "Request";
  operation.input.kind = Shape::Kind::kStructure;
  KEDGE_TRY_STATUS(shapes.ReadMembers(*input, operation.input.members));
  if (const json::Value* output = value.Find("output"); output != nullptr && !output->is_null()) {
    std::vector<Shape::Member> members;  // read only to find mistakes
    KEDGE_TRY_STATUS(shapes.ReadMembers(*output, members));
    operation.has_output = true;
  }
  if (const json::Value* errors = value.Find("errors"); errors != nullptr && errors->AsArray()) {
    for (const json::Value& error : *errors->AsArray()) {
      if (error.AsString() != nullptr) operation.errors.push_back(*error.AsString());
    }
  }
  return {};
}

}  // namespace

Result<Catalogue> Catalogue::Load(std::span<const EmbeddedFile> files) {
  KEDGE_TRY(const auto services, ReadFiles(files));
  Catalogue catalogue;
  for (const auto& [service_name, text] : services) {
    ShapeTable shapes(catalogue.shapes_);
    KEDGE_TRY_STATUS(
        ForEachMember(text, "shapes", [&](const std::string& name, const json::Value&) -> Status {
          if (shapes.Find(name)) return InvalidArgument("is defined already");
          shapes.Declare(name);
          return {};
        }));
    KEDGE_TRY_STATUS(
        ForEachMember(text, "shapes", [&](const std::string& name, const json::Value& value) {
          return shapes.Define(name, value);
        }));
    const auto add = [&](const std::string& name, const json::Value& value) -> Status {
      auto operation = std::make_unique<Operation>();
      operation->service = service_name;
      KEDGE_TRY_STATUS(ReadOperation(name, value, shapes, *operation));
      if (operation->path.empty()) operation->target = text.target_prefix + "." + name;
      const bool is_new =
          operation->path.empty()
              ? catalogue.by_target_.emplace(operation->target, operation.get()).second
              : catalogue.by_path_.emplace(operation->path, operation.get()).second;
      if (!is_new) return InvalidArgument("is defined already");
      catalogue.operations_.push_back(std::move(operation));
      return {};
    };
    KEDGE_TRY_STATUS(ForEachMember(text, "operations", add));
  }
  return catalogue;
}

const Operation* Catalogue::FindByTarget(std::string_view target) const {
  const auto found = by_target_.find(target);
  return found == by_target_.end() ? nullptr : found->second;
}

const Operation* Catalogue::FindByPath(std::string_view path) const {
  const auto found = by_path_.find(path);
  return found == by_path_.end() ? nullptr : found->second;
}

}  // namespace kedge::server
