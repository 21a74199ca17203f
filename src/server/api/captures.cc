// Captured inferences in the object store.
//
// Devices' capture folders are copied below the fleet's output location as they are, or uploaded by
// the agents (docs/formats/capture.md), so the keys are
// <prefix>/<fleet>/<handle>/<YYYY>/<MM>/<DD>/<HH>/[<device>.]<32 hex digits>.jsonl and sort by
// model and hour. A page walks these keys and reads the lines of each file; how much of the store
// one call may read is bounded, so a page may end early. SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <ctime>

#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"

namespace kedge::server {
namespace {

constexpr size_t kKeysOfCall = 5000;
constexpr size_t kFilesOfCall = 100;
constexpr uint64_t kFileBytesMax = 16 << 20;
constexpr uint64_t kBytesOfCall = 64 << 20;
constexpr EpochMs kHourMs = 3'600'000;

struct Place {
  std::string bucket;
  std::string prefix;  // of keys, with the fleet; ends with '/'
};

// Where a fleet's captures stand.
Result<Place> PlaceOf(const store::Fleet& fleet, const std::string& folder_prefix) {
  const json::Value output = FromText(fleet.output_config);
  std::string uri = output.StringOr("S3OutputLocation", "");
  const auto append = [&uri](const std::string& part) {
    if (part.empty()) return;
    if (!uri.ends_with('/')) uri += '/';
    uri += part;
  };
  append(folder_prefix);
  append(fleet.name + "/");
  const auto name = blob::ObjectName::Parse(uri);
  if (!name) {
    return InvalidArgument("OutputConfig of fleet " + fleet.name + ": " + name.error().message);
  }
  return Place{name->bucket, name->key};
}

// "handle/2026/11/22/13/file.jsonl" behind the prefix.
struct CaptureKey {
  std::string handle;
  EpochMs hour = 0;
};
std::optional<CaptureKey> ReadKey(std::string_view rest) {
  constexpr std::string_view kEnd = ".jsonl";
  constexpr size_t kTimeLength = sizeof("2026/11/22/13") - 1;
  const size_t slash = rest.find('/');
  if (!rest.ends_with(kEnd) || slash == std::string_view::npos) return std::nullopt;
  const std::string_view time = rest.substr(slash + 1, kTimeLength);
  if (time.size() != kTimeLength || rest.size() <= slash + 1 + kTimeLength ||
      rest[slash + 1 + kTimeLength] != '/' ||
      rest.find('/', slash + 2 + kTimeLength) != std::string_view::npos) {
    return std::nullopt;
  }
  std::string basic;  // "20261122T130000Z"
  for (const size_t at : {0u, 5u, 8u}) basic += time.substr(at, at == 0 ? 4 : 2);
  basic += "T" + std::string(time.substr(11, 2)) + "0000Z";
  const auto hour = ParseBasicIso8601(basic);
  if (!hour) return std::nullopt;
  return CaptureKey{std::string(rest.substr(0, slash)), *hour};
}

// "2026-11-22T13:14:15" as written by the agent, UTC.
std::optional<EpochMs> ReadInferenceTime(const std::string& text) {
  std::string basic;
  for (const char c : text) {
    if (c != '-' && c != ':') basic += c;
  }
  const auto time = ParseBasicIso8601(basic + "Z");
  if (!time) return std::nullopt;
  return *time;
}

struct Filter {
  std::optional<std::string> handle;
  std::optional<std::string> device;
  EpochMs after = 0;
  EpochMs before = INT64_MAX;
};

size_t CountEntries(const json::Value& line, std::initializer_list<const char*> members) {
  size_t count = 0;
  for (const char* member : members) count += Input(line).List(member).size();
  return count;
}

// The summary of a line, or nothing if it does not match or is no capture.
std::optional<json::Value> Summary(const std::string& text, const std::string& location,
                                   const std::string& handle, const Filter& filter) {
  const auto line = json::Parse(text);
  const json::Value* metadata = line ? line->Find("eventMetadata") : nullptr;
  if (metadata == nullptr) return std::nullopt;
  const std::string device = metadata->StringOr("deviceId", "");
  const std::string time_text = metadata->StringOr("inferenceTime", "");
  const auto time = ReadInferenceTime(time_text);
  if (filter.device && device != *filter.device) return std::nullopt;
  if (!time || *time < filter.after || *time >= filter.before) return std::nullopt;
  json::Object summary{
      {"Location", location},
      {"CaptureId", metadata->StringOr("eventId", "")},
      {"DeviceName", device},
      {"ModelHandle", handle},
      {"InferenceTime", time_text},
      {"InputCount", static_cast<int64_t>(
                         CountEntries(*line, {"deviceFleetInputs", "deviceFleetAuxiliaryInputs"}))},
      {"OutputCount", static_cast<int64_t>(CountEntries(
                          *line, {"deviceFleetOutputs", "deviceFleetAuxiliaryOutputs"}))}};
  SetIf(summary, "ModelName", Input(*metadata).TextOrNone("modelName"));
  SetIf(summary, "ModelVersion", Input(*metadata).TextOrNone("modelVersion"));
  SetIf(summary, "CaptureReason", Input(*metadata).TextOrNone("captureReason"));
  const json::Value* probability = metadata->Find("inclusionProbability");
  if (probability != nullptr && probability->IsNumber()) {
    summary.Set("InclusionProbability", probability->NumberOr(0));
  }
  return json::Value(std::move(summary));
}

// One page while it is put together.
class CaptureWalk {
 public:
  CaptureWalk(blob::BlobStore& blobs, Place place, Filter filter, size_t rows_max)
      : blobs_(blobs), place_(std::move(place)), filter_(std::move(filter)), rows_max_(rows_max) {}

  // Goes on behind the cursor: the key of a file, and the last line of it that was looked at.
  Status Run(const std::optional<store::Cursor>& after);
  json::Array TakeCaptures() { return std::move(captures_); }
  const std::optional<store::Cursor>& next() const { return next_; }

 private:
  // True if the page is full.
  Result<bool> ReadFile(const blob::ObjectInfo& object, const std::string& handle,
                        int64_t lines_done);

  blob::BlobStore& blobs_;
  const Place place_;
  const Filter filter_;
  const size_t rows_max_;
  uint64_t bytes_ = 0;
  json::Array captures_;
  std::optional<store::Cursor> next_;
};

Result<bool> CaptureWalk::ReadFile(const blob::ObjectInfo& object, const std::string& handle,
                                   int64_t lines_done) {
  const blob::ObjectName name{place_.bucket, object.key};
  KEDGE_TRY(const ByteBuffer bytes, blob::GetObject(blobs_, name, kFileBytesMax));
  bytes_ += bytes.size();
  const std::string_view text = AsText(bytes);
  int64_t line = 0;
  for (size_t begin = 0; begin < text.size(); ++line) {
    size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) end = text.size();
    if (line >= lines_done) {
      auto summary = Summary(std::string(text.substr(begin, end - begin)),
                             name.Uri() + "#" + std::to_string(line + 1), handle, filter_);
      if (summary && captures_.size() == rows_max_) {
        next_ = store::Cursor{line, object.key};
        return true;
      }
      if (summary) captures_.push_back(std::move(*summary));
    }
    begin = end + 1;
  }
  return false;
}

Status CaptureWalk::Run(const std::optional<store::Cursor>& after) {
  blob::BlobStore::ListOptions options{.prefix = place_.prefix, .max_keys = kKeysOfCall};
  if (filter_.handle) options.prefix += *filter_.handle + "/";
  int64_t lines_done = 0;
  std::string first;
  if (after) {
    first = after->name;
    lines_done = *std::get_if<int64_t>(&after->sort_value);
    // The file itself again, from its line on: the key before it in any order of bytes.
    options.start_after = first.substr(0, first.size() - 1);
  }
  const auto listing = blobs_.List(place_.bucket, options);
  if (!listing && listing.error().code == Code::kNotFound) return {};  // no bucket: no captures
  if (!listing) return listing.error();
  size_t files = 0;
  for (const blob::ObjectInfo& object : listing->objects) {
    if (after && object.key < first) continue;
    const auto key = ReadKey(std::string_view(object.key).substr(place_.prefix.size()));
    if (!key || key->hour + kHourMs <= filter_.after || key->hour >= filter_.before) continue;
    if (object.bytes > kFileBytesMax) continue;
    if (++files > kFilesOfCall || bytes_ + object.bytes > kBytesOfCall) {
      next_ = store::Cursor{int64_t{0}, object.key};
      return {};
    }
    KEDGE_TRY(const bool full, ReadFile(object, key->handle, object.key == first ? lines_done : 0));
    if (full) return {};
  }
  if (listing->truncated) next_ = store::Cursor{int64_t{INT32_MAX}, listing->objects.back().key};
  return {};
}

Result<store::Fleet> ReadFleet(const Context& context, const std::string& name) {
  store::Fleet fleet;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(fleet, NeedFleet(transaction, name));
    return {};
  }));
  return fleet;
}

Result<json::Value> ListCaptures(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  if (page.after && std::get_if<int64_t>(&page.after->sort_value) == nullptr) {
    return InvalidArgument("NextToken is not one that ListCaptures gave");
  }
  KEDGE_TRY(const store::Fleet fleet, ReadFleet(context, input.Text("DeviceFleetName")));
  KEDGE_TRY(Place place, PlaceOf(fleet, input.Text("FolderPrefix")));
  if (page.after && !page.after->name.starts_with(place.prefix)) {
    return InvalidArgument("NextToken is not one that ListCaptures gave for this fleet");
  }
  CaptureWalk walk(context.blobs, std::move(place),
                   {.handle = input.TextOrNone("ModelHandle"),
                    .device = input.TextOrNone("DeviceName"),
                    .after = input.Time("TimeAfter").value_or(0),
                    .before = input.Time("TimeBefore").value_or(INT64_MAX)},
                   static_cast<size_t>(page.rows_max));
  KEDGE_TRY_STATUS(walk.Run(page.after));
  json::Object answer{{"Captures", walk.TakeCaptures()}};
  SetNextToken(answer, call.operation, walk.next());
  return json::Value(std::move(answer));
}

Result<json::Value> GetCapture(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Fleet fleet, ReadFleet(context, input.Text("DeviceFleetName")));
  const std::string location = input.Text("Location");
  const size_t hash = location.rfind('#');
  KEDGE_TRY(const auto name, blob::ObjectName::Parse(location.substr(0, hash)));
  // Any folder prefix: the fleet's own folder must be a part of the key, below its location.
  KEDGE_TRY(const Place place, PlaceOf(fleet, ""));
  const std::string root = place.prefix.substr(0, place.prefix.size() - fleet.name.size() - 1);
  const bool below =
      name.bucket == place.bucket && name.key.starts_with(root) &&
      ("/" + name.key.substr(root.size())).find("/" + fleet.name + "/") != std::string::npos;
  if (!below || !name.key.ends_with(".jsonl")) {
    return InvalidArgument("Location is not a capture of fleet " + fleet.name);
  }
  int64_t wanted = 0;
  const char* const end_of_text = location.data() + location.size();
  std::from_chars(location.data() + hash + 1, end_of_text, wanted);
  KEDGE_TRY(const ByteBuffer bytes, blob::GetObject(context.blobs, name, kFileBytesMax));
  const std::string_view text = AsText(bytes);
  size_t begin = 0;
  for (int64_t line = 1; begin < text.size(); ++line) {
    size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) end = text.size();
    if (line == wanted) {
      const std::string folder = name.Uri().substr(0, name.Uri().rfind('/') + 1);
      return json::Value(json::Object{{"Record", std::string(text.substr(begin, end - begin))},
                                      {"RawPrefix", folder + "raw-data/"}});
    }
    begin = end + 1;
  }
  return NotFound("No capture at: " + location);
}

}  // namespace

void AddCaptureRoutes(Router& router, const Context& context) {
  router.Add("ListCaptures", [&context](const Call& call) { return ListCaptures(context, call); });
  router.Add("GetCapture", [&context](const Call& call) { return GetCapture(context, call); });
}

}  // namespace kedge::server
