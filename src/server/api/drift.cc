// What is known of drift: models, features with their histograms, evidence over time, devices.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "server/api/drift_json.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "server/drift/baselines.h"
#include "server/drift/counts.h"
#include "server/drift/judge.h"
#include "stats/counts/distance.h"
#include "stats/evidence/alarm_budget.h"
#include "stats/evidence/e_detector.h"
#include "store/tables/drift_devices.h"

namespace kedge::server {
namespace {

constexpr int64_t kHour = 3'600'000;
constexpr int64_t kDefaultHours = 24;
constexpr int64_t kPointsMax = 2'000;
constexpr size_t kDefaultSeries = 5;
constexpr int64_t kAlarmsOfHistory = 100;
constexpr int64_t kDevicesLookedAt = 5'000;  // for one page of a filtered list

json::Value ModelJson(const store::DriftSubject& subject, const Judgement& judgement,
                      const KnownBaseline* baseline, const std::optional<std::string>& alarm) {
  json::Object object{{"DeviceFleetName", subject.fleet},
                      {"ModelName", subject.model},
                      {"ModelVersion", subject.version},
                      {"BaselineId", subject.baseline},
                      {"State", subject.state},
                      {"EvidenceDays", judgement.level * judgement.alarm_days},
                      {"EvidenceLog10", EvidenceLog10(judgement.level, judgement.alarm_days)},
                      {"ThresholdDays", judgement.alarm_days},
                      {"ThresholdLog10", std::log10(judgement.alarm_days)},
                      {"Features", static_cast<int64_t>(judgement.features.size())},
                      {"Devices", judgement.devices},
                      {"AffectedDevices", judgement.named},
                      {"SamplesOfWindow", judgement.samples},
                      {"LatestReportTime", Seconds(subject.reported)}};
  if (const size_t worst = judgement.Worst();
      worst < judgement.features.size() && baseline != nullptr) {
    object.Set("WorstFeature", baseline->baseline.features[worst].name);
    object.Set("WorstEvidenceLog10",
               EvidenceLog10(judgement.features[worst].level(), judgement.alarm_days));
  }
  if (judgement.estimate) object.Set("EstimatedAccuracy", EstimateJson(*judgement.estimate));
  if (alarm) object.Set("AlarmId", *alarm);
  if (subject.judged > 0) object.Set("JudgedTime", Seconds(subject.judged));
  return object;
}

Result<std::optional<std::string>> AlarmIdOf(store::Transaction& transaction,
                                             const std::string& subject) {
  KEDGE_TRY(const auto alarm, store::OpenAlarm(transaction, subject));
  if (!alarm) return std::optional<std::string>();
  return std::optional<std::string>(alarm->id);
}

Judgement JudgementOf(const Context& context, const store::DriftSubject& subject) {
  Judgement judgement = ReadJudgement(subject.judgement);
  if (judgement.alarm_days <= 0) judgement.alarm_days = context.drift_alarm_days;
  return judgement;
}

Result<json::Value> ListDriftModels(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  store::PageOf<store::DriftSubject> subjects;
  std::vector<std::optional<std::string>> alarms;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(subjects, store::ListSubjects(transaction,
                                            {.visible_fleets = call.identity.fleets,
                                             .fleet = input.TextOrNone("DeviceFleetName"),
                                             .model = input.TextOrNone("ModelName"),
                                             .state = input.TextOrNone("State")},
                                            page));
    for (const store::DriftSubject& subject : subjects.items) {
      KEDGE_TRY(auto alarm, AlarmIdOf(transaction, subject.id));
      alarms.push_back(std::move(alarm));
    }
    return {};
  }));
  json::Array models;
  for (size_t i = 0; i < subjects.items.size(); ++i) {
    const store::DriftSubject& subject = subjects.items[i];
    KEDGE_TRY(const auto baseline, context.baselines.Find(subject.baseline));
    models.push_back(ModelJson(subject, JudgementOf(context, subject), baseline.get(), alarms[i]));
  }
  json::Object answer{{"Models", std::move(models)}};
  SetNextToken(answer, call.operation, subjects.next);
  return json::Value(std::move(answer));
}

template <class T>
json::Array Numbers(const T& values) {
  json::Array array;
  for (const auto value : values) array.emplace_back(value);
  return array;
}

json::Array Texts(const std::vector<std::string>& texts) {
  json::Array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

// Distances and the shift of the mean, each from the same counts.
void SetDistances(const stats::FeatureBaseline& feature, std::span<const uint64_t> current,
                  json::Object& object) {
  stats::Comparison comparison{.reference = feature.counts, .current = current};
  std::array<double, stats::kNumericBins> positions{};
  if (!feature.categorical) {
    positions = stats::BinPositions(feature.cuts, feature.min, feature.max, feature.mean,
                                    feature.deviation);
    comparison.positions = positions;
    const stats::Estimate shift = stats::MeanShift(comparison);
    object.Set("EffectSd", shift.value);
    object.Set("EffectLower", shift.low);
    object.Set("EffectUpper", shift.high);
  }
  using stats::Distance;
  const auto of = [&](Distance distance) { return stats::DistanceOf(distance, comparison); };
  object.Set("Distances", json::Object{{"Ks", of(Distance::kKs)},
                                       {"Psi", of(Distance::kPsi)},
                                       {"Js", of(Distance::kJs)},
                                       {"W1", of(Distance::kW1)}});
}

void SetChecks(const stats::FeatureBaseline& feature, const SubjectCounts& counts, size_t place,
               json::Object& object) {
  const bool any = counts.counts.features() > place;
  const auto check = [&](stats::Check one) {
    return any ? static_cast<int64_t>(counts.counts.check(place, one)) : int64_t{0};
  };
  const auto bins = any ? counts.counts.bins(place) : std::span<const uint64_t>();
  object.Set("CurrentCounts",
             any ? Numbers(bins) : Numbers(std::vector<int64_t>(feature.counts.size(), 0)));
  object.Set("Samples", any ? static_cast<int64_t>(counts.counts.values(place)) : int64_t{0});
  object.Set("Nulls", check(stats::Check::kNull));
  object.Set("Nans", check(stats::Check::kNan));
  object.Set("Infinities",
             check(stats::Check::kPositiveInfinity) + check(stats::Check::kNegativeInfinity));
  object.Set("OutOfRange", check(stats::Check::kBelow) + check(stats::Check::kAbove));
  object.Set("Frozen", check(stats::Check::kFrozen));
  object.Set("Unseen", feature.categorical && any ? static_cast<int64_t>(bins.back()) : int64_t{0});
  if (any && counts.counts.values(place) > 0) SetDistances(feature, bins, object);
}

json::Value FeatureJson(const stats::FeatureBaseline& feature, const FeatureJudgement& judgement,
                        const SubjectCounts& counts, size_t place, double alarm_days) {
  json::Object object{{"Name", feature.name},
                      {"Kind", feature.categorical ? "categorical" : "numeric"},
                      {"EvidenceDays", judgement.level() * alarm_days},
                      {"EvidenceLog10", EvidenceLog10(judgement.level(), alarm_days)},
                      {"MergedEvidenceLog10", EvidenceLog10(judgement.merged, alarm_days)},
                      {"MeanEvidenceLog10", EvidenceLog10(judgement.mean, alarm_days)},
                      {"ReferenceCounts", Numbers(feature.counts)},
                      {"AffectedDevices", judgement.affected}};
  if (feature.categorical) {
    std::vector<std::string> categories = feature.categories;
    categories.insert(categories.end(), {"(other)", "(unseen)"});
    object.Set("Categories", Texts(categories));
  } else {
    object.Set("CutPoints", Numbers(feature.cuts));
  }
  SetChecks(feature, counts, place, object);
  if (!judgement.tags.empty()) object.Set("Tags", TagsJson(judgement.tags, alarm_days));
  return object;
}

struct Described {
  store::DriftSubject subject;
  std::optional<std::string> alarm;
  SubjectCounts counts;
};

Result<Described> Describe(const Context& context, const Input& input) {
  const EpochMs now = context.clock.NowMs();
  const int64_t hours = input.Integer("Hours", kDefaultHours);
  const EpochMs since = now / kHour * kHour - (hours - 1) * kHour;
  Described described;
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(described.subject, NeedSubject(transaction, input));
    KEDGE_TRY(described.alarm, AlarmIdOf(transaction, described.subject.id));
    KEDGE_TRY(const auto rows, store::CountsSince(transaction,
                                                  {.subject = described.subject.id,
                                                   .tag_key = input.Text("TagKey"),
                                                   .tag_value = input.Text("TagValue")},
                                                  since, hours + 1));
    for (const store::DriftCounts& row : rows) {
      KEDGE_TRY(const SubjectCounts counts, ReadCounts(row.counts));
      KEDGE_TRY_STATUS(described.counts.Add(counts));
    }
    return {};
  };
  KEDGE_TRY_STATUS(context.store.Read(work));
  return described;
}

Result<json::Value> DescribeDrift(const Context& context, const Call& call) {
  const Input input = call.input();
  if (input.TextOrNone("TagKey").has_value() != input.TextOrNone("TagValue").has_value()) {
    return InvalidArgument("TagKey and TagValue are given together or not at all");
  }
  KEDGE_TRY(const Described described, Describe(context, input));
  KEDGE_TRY(const auto baseline, context.baselines.Find(described.subject.baseline));
  if (baseline == nullptr) {
    return NotFound("Baseline " + described.subject.baseline + " is not known any more");
  }
  Judgement judgement = JudgementOf(context, described.subject);
  const json::Value model =
      ModelJson(described.subject, judgement, baseline.get(), described.alarm);
  judgement.features.resize(baseline->baseline.features.size());
  json::Array features;
  for (const size_t place : judgement.Ranked()) {
    features.push_back(FeatureJson(baseline->baseline.features[place], judgement.features[place],
                                   described.counts, place, judgement.alarm_days));
  }
  return json::Value(json::Object{{"Model", model}, {"Features", std::move(features)}});
}

// Places in the baseline of the features that a request names; the worst ones if it names none.
Result<std::vector<size_t>> FeaturesOf(const Input& input, const KnownBaseline& baseline,
                                       const Judgement& judgement) {
  std::vector<size_t> places;
  for (const std::string& name : input.Texts("FeatureNames")) {
    const size_t place = baseline.baseline.Find(name);
    if (place == baseline.baseline.features.size()) {
      return InvalidArgument("The baseline has no feature '" + name + "'");
    }
    places.push_back(place);
  }
  if (!places.empty()) return places;
  places = judgement.Ranked();
  places.resize(std::min(places.size(), kDefaultSeries));
  return places;
}

json::Value SeriesJson(const std::vector<store::DriftPoint>& points, size_t column,
                       const std::string& name, double alarm_days) {
  json::Array array;
  for (const store::DriftPoint& point : points) {
    const std::vector<double> levels = ReadLevels(point.evidence);
    if (column >= levels.size()) continue;
    array.push_back(json::Object{{"Time", Seconds(point.time)},
                                 {"EvidenceLog10", EvidenceLog10(levels[column], alarm_days)},
                                 {"Samples", point.samples}});
  }
  json::Object object{{"Points", std::move(array)}};
  if (!name.empty()) object.Set("FeatureName", name);
  return object;
}

struct HistoryRows {
  store::DriftSubject subject;
  std::vector<store::DriftPoint> points;
  json::Array alarms;
};

Result<HistoryRows> ReadHistory(const Context& context, const Input& input) {
  constexpr EpochMs kMinutesShown = 3 * kHour;
  constexpr EpochMs kHoursShown = 30 * 24 * kHour;
  const bool by_hour = input.Text("Resolution") == "HOUR";
  const EpochMs end = input.Time("TimeBefore").value_or(context.clock.NowMs() + 1);
  const EpochMs begin =
      input.Time("TimeAfter").value_or(end - (by_hour ? kHoursShown : kMinutesShown));
  HistoryRows history;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(history.subject, NeedSubject(transaction, input));
    KEDGE_TRY(history.points,
              store::ReadPoints(transaction, history.subject.id,
                                store::kDriftSteps[by_hour ? 1 : 0].ms, begin, end, kPointsMax));
    KEDGE_TRY(const auto alarms,
              store::ListAlarms(transaction, {.subject = history.subject.id},
                                {.ascending = false, .rows_max = kAlarmsOfHistory}));
    for (const store::DriftAlarm& alarm : alarms.items) {
      const bool ended = alarm.state == "CLOSED" && alarm.changed < begin;
      if (ended || alarm.opened >= end) continue;
      KEDGE_TRY(json::Value one, ReadAlarmJson(transaction, alarm));
      history.alarms.push_back(std::move(one));
    }
    return {};
  }));
  return history;
}

Result<json::Value> GetDriftHistory(const Context& context, const Call& call) {
  KEDGE_TRY(HistoryRows history, ReadHistory(context, call.input()));
  const Judgement judgement = JudgementOf(context, history.subject);
  const double days = judgement.alarm_days;
  json::Array series{SeriesJson(history.points, 0, "", days)};
  KEDGE_TRY(const auto baseline, context.baselines.Find(history.subject.baseline));
  if (baseline != nullptr) {
    KEDGE_TRY(const auto places, FeaturesOf(call.input(), *baseline, judgement));
    for (const size_t place : places) {
      series.push_back(
          SeriesJson(history.points, place + 1, baseline->baseline.features[place].name, days));
    }
  }
  return json::Value(json::Object{{"BaselineId", history.subject.baseline},
                                  {"ThresholdLog10", EvidenceLog10(stats::kAlarmLevel, days)},
                                  {"WatchLog10", EvidenceLog10(stats::kWatchLevel, days)},
                                  {"Series", std::move(series)},
                                  {"Alarms", std::move(history.alarms)}});
}

json::Value DeviceJson(const store::DriftDevice& device, const KnownBaseline& baseline,
                       EpochMs now) {
  const std::vector<uint8_t> codes =
      EvidenceCodes(device.evidence, baseline.baseline.features.size());
  std::vector<size_t> places = NamedPlaces(device.named);
  if (places.empty() && !codes.empty()) {
    places.push_back(
        static_cast<size_t>(std::max_element(codes.begin(), codes.end()) - codes.begin()));
  }
  json::Array features;
  for (const size_t place : places) {
    if (place >= codes.size()) continue;
    const double evidence = stats::DecodeEvidence(codes[place]);
    features.push_back(json::Object{{"Name", baseline.baseline.features[place].name},
                                    {"EvidenceLog10", std::log10(std::max(evidence, 1e-9))}});
  }
  return json::Object{{"DeviceName", device.key.device},
                      {"Named", !device.named.empty()},
                      {"Features", std::move(features)},
                      {"Samples", device.samples},
                      {"LatestReportTime", Seconds(device.reported)},
                      {"CaptureActive", device.capture_until > now}};
}

bool IsNamedFor(const store::DriftDevice& device, size_t place) {
  const std::vector<size_t> places = NamedPlaces(device.named);
  return std::find(places.begin(), places.end(), place) != places.end();
}

Result<json::Value> ListDriftDevices(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(store::Page page, ReadPage(input, call.operation));
  const int64_t wanted = page.rows_max;
  const auto feature = input.TextOrNone("FeatureName");
  store::DriftSubject subject;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(subject, NeedSubject(transaction, input));
    return {};
  }));
  KEDGE_TRY(const auto baseline, context.baselines.Find(subject.baseline));
  if (baseline == nullptr)
    return NotFound("Baseline " + subject.baseline + " is not known any more");
  const size_t place = feature ? baseline->baseline.Find(*feature) : 0;
  if (feature && place == baseline->baseline.features.size()) {
    return InvalidArgument("The baseline has no feature '" + *feature + "'");
  }
  if (feature) page.rows_max = kDevicesLookedAt;
  store::PageOf<store::DriftDevice> devices;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(devices, store::ListDriftDevices(
                           transaction,
                           {.subject = subject.id,
                            .named_only = feature.has_value() || input.Flag("NamedOnly")},
                           page));
    return {};
  }));
  json::Array array;
  for (const store::DriftDevice& device : devices.items) {
    if (feature && !IsNamedFor(device, place)) continue;
    if (static_cast<int64_t>(array.size()) == wanted) {
      break;  // the next page begins behind the last one shown
    }
    array.push_back(DeviceJson(device, *baseline, context.clock.NowMs()));
    if (static_cast<int64_t>(array.size()) == wanted && feature) {
      devices.next = store::Cursor{int64_t{0}, device.key.device};
    }
  }
  json::Object answer{{"Devices", std::move(array)}};
  SetNextToken(answer, call.operation, devices.next);
  return json::Value(std::move(answer));
}

}  // namespace

void AddDriftRoutes(Router& router, const Context& context) {
  using Function = Result<json::Value> (*)(const Context&, const Call&);
  constexpr std::pair<const char*, Function> kRoutes[] = {
      {"ListDriftModels", ListDriftModels},
      {"DescribeDrift", DescribeDrift},
      {"GetDriftHistory", GetDriftHistory},
      {"ListDriftDevices", ListDriftDevices},
  };
  for (const auto& route : kRoutes) {
    router.Add(route.first, [&context, handle = route.second](const Call& call) {
      return handle(context, call);
    });
  }
}

}  // namespace kedge::server
