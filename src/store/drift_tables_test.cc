// The tables of drift on both engines.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "store/tables/alerts.h"
#include "store/tables/drift_alarms.h"
#include "store/tables/drift_devices.h"
#include "store/tables/drift_subjects.h"
#include "store/tables/ground_truth.h"
#include "store/tables/statistics_reports.h"
#include "store/tables/tags.h"
#include "store/testing/engines.h"

namespace kedge::store {
namespace {

class DriftTables : public testing::TestWithParam<EngineUnderTest> {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::Make();
    ASSERT_TRUE(folder);
    folder_ = std::make_unique<TemporaryDirectory>(std::move(*folder));
    const auto database = GetParam().make(folder_->path(), "drift");
    if (!database && database.error().code == Code::kUnimplemented) {
      GTEST_SKIP() << "skipped: " << database.error().message;
    }
    ASSERT_TRUE(database) << database.error().message;
    auto store = GetParam().open(*database, true);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
  }
  void Write(const Work& work) {
    const auto status = store_->Write(work);
    ASSERT_TRUE(status) << status.error().message;
  }

  std::unique_ptr<TemporaryDirectory> folder_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(All, DriftTables, testing::ValuesIn(kEngines),
                         [](const auto& test) { return std::string(test.param.name); });

StatisticsReport ReportOf(const std::string& device, const std::string& boot, int64_t sequence,
                          EpochMs received) {
  return {.key = {"lab", device},
          .boot = boot,
          .sequence = sequence,
          .received = received,
          .report = "r" + std::to_string(sequence)};
}

TEST_P(DriftTables, AReportThatComesTwiceIsOneRow) {
  Write([](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(InsertReports(t, {ReportOf("a", "b1", 1, 10), ReportOf("c", "b1", 1, 5)}));
    return InsertReports(t, {ReportOf("a", "b1", 1, 99), ReportOf("a", "b1", 2, 20)});
  });
  Write([](Transaction& t) -> Status {
    KEDGE_TRY(const auto waiting, WaitingReports(t, 10));
    EXPECT_EQ(waiting.size(), 3u);
    EXPECT_EQ(waiting[0].key.device, "c");
    EXPECT_EQ(waiting[1].received, 10);
    EXPECT_EQ(waiting[2].sequence, 2);
    KEDGE_TRY(const auto first, WaitingReports(t, 1));
    EXPECT_EQ(first.size(), 1u);
    KEDGE_TRY_STATUS(DeleteReports(t, first));
    KEDGE_TRY(const int64_t left, CountWaitingReports(t));
    EXPECT_EQ(left, 2);
    return {};
  });
}

TEST_P(DriftTables, TheLastMergedSequenceOfEachStartIsKept) {
  std::vector<StatisticsReport> reports = {ReportOf("a", "b1", 7, 1), ReportOf("a", "b2", 1, 2)};
  for (int i = 0; i < 150; ++i) reports.push_back(ReportOf("d" + std::to_string(i), "b", i + 1, 3));
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(MarkMerged(t, reports, 100));
    KEDGE_TRY_STATUS(MarkMerged(t, {ReportOf("a", "b1", 3, 1)}, 200));  // a late one
    KEDGE_TRY(const auto merged, MergedSequences(t, reports));
    for (size_t i = 0; i < reports.size(); ++i) EXPECT_EQ(merged[i], reports[i].sequence) << i;
    KEDGE_TRY(const auto other, MergedSequences(t, {ReportOf("a", "b3", 1, 1)}));
    EXPECT_EQ(other, std::vector<int64_t>{0});
    KEDGE_TRY(const int64_t none, DeleteMerged(t, 100, 1000));
    EXPECT_EQ(none, 0);
    KEDGE_TRY(const int64_t deleted, DeleteMerged(t, 101, 1000));
    EXPECT_EQ(deleted, 152);
    return {};
  });
}

DriftSubject SubjectOf(const std::string& fleet, const std::string& model,
                       const std::string& baseline, EpochMs reported) {
  return {.id = SubjectId(fleet, model, "1", baseline),
          .fleet = fleet,
          .model = model,
          .version = "1",
          .baseline = baseline,
          .first = 1,
          .reported = reported};
}

TEST_P(DriftTables, SubjectsAreFoundListedAndJudgedInTurn) {
  Write([](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(PutSubject(t, SubjectOf("lab", "m", "b1", 100)));
    KEDGE_TRY_STATUS(PutSubject(t, SubjectOf("lab", "m", "b2", 200)));
    KEDGE_TRY_STATUS(PutSubject(t, SubjectOf("roof", "n", "b1", 300)));
    DriftSubject judged = SubjectOf("lab", "m", "b1", 100);
    judged.judged = 150;
    judged.state = "ALARM";
    return PutSubject(t, judged);
  });
  Write([](Transaction& t) -> Status {
    KEDGE_TRY(const auto latest, LatestSubject(t, {.fleet = "lab", .model = "m", .version = "1"}));
    EXPECT_EQ(latest->baseline, "b2");
    KEDGE_TRY(const auto older, LatestSubject(t, {.fleet = "lab", .model = "m", .baseline = "b1"}));
    EXPECT_EQ(older->state, "ALARM");
    KEDGE_TRY(const auto lab, ListSubjects(t, {.visible_fleets = {"la*"}}, {.rows_max = 1}));
    EXPECT_EQ(lab.items.size(), 1u);
    EXPECT_TRUE(lab.next);
    KEDGE_TRY(const auto rest, ListSubjects(t, {.visible_fleets = {"la*"}}, {.after = lab.next}));
    EXPECT_EQ(rest.items.size(), 1u);
    EXPECT_FALSE(rest.next);
    // b2 and the roof have reports that are not judged; b1 is due when it was judged long ago.
    KEDGE_TRY(const auto due, SubjectsToJudge(t, {.judged_before = 400, .rows_max = 9}));
    EXPECT_EQ(due.size(), 2u);
    KEDGE_TRY(const auto quiet, SubjectsToJudge(t, {.judged_before = 0,
                                                    .quiet_judged_before = 150,
                                                    .reported_since = 100,
                                                    .rows_max = 9}));
    EXPECT_EQ(quiet.size(), 3u);
    KEDGE_TRY(const int64_t count, CountSubjects(t));
    EXPECT_EQ(count, 3);
    KEDGE_TRY([[maybe_unused]] const int64_t deleted, DeleteSubjects(t, 200, 10));
    KEDGE_TRY(const int64_t left, CountSubjects(t));
    EXPECT_EQ(left, 2);
    return {};
  });
}

TEST_P(DriftTables, CountsPointsAndBaselinesAreReplacedAndExpire) {
  Write([](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(PutCounts(t, {{"s", "", "", 0, 5, "c0"},
                                   {"s", "site", "north", 0, 2, "n0"},
                                   {"s", "", "", 3'600'000, 6, "c1"}}));
    KEDGE_TRY_STATUS(PutCounts(t, {{"s", "", "", 0, 7, "c0b"}}));
    KEDGE_TRY(const auto found, FindCounts(t, {.subject = "s"}));
    EXPECT_EQ(found->counts, "c0b");
    KEDGE_TRY(const auto all, CountsSince(t, {.subject = "s"}, 0, 10));
    EXPECT_EQ(all.size(), 2u);
    KEDGE_TRY(const int64_t tags, CountTagsOfSubject(t, "s", 0));
    EXPECT_EQ(tags, 1);
    KEDGE_TRY(const int64_t deleted, DeleteCounts(t, 1, 10));
    EXPECT_EQ(deleted, 2);

    KEDGE_TRY_STATUS(PutPoint(t, "s", 60'000, {0, 5, "1 2"}));
    KEDGE_TRY_STATUS(PutPoint(t, "s", 60'000, {60'000, 6, "3 4"}));
    KEDGE_TRY_STATUS(PutPoint(t, "s", 60'000, {60'000, 9, "5 6"}));
    KEDGE_TRY(const auto points, ReadPoints(t, "s", 60'000, 0, 100'000, 1));
    EXPECT_EQ(points.size(), 1u);
    EXPECT_EQ(points[0].evidence, "5 6");
    KEDGE_TRY(const auto point, FindPoint(t, "s", 60'000, 0));
    EXPECT_EQ(point->samples, 5);
    KEDGE_TRY(const int64_t gone, DeletePoints(t, 60'000, 60'000, 10));
    EXPECT_EQ(gone, 1);

    KEDGE_TRY_STATUS(PutBaseline(t, {"b", "", 1}));
    KEDGE_TRY_STATUS(PutBaseline(t, {"b", "text", 2}));
    KEDGE_TRY(const auto baseline, FindBaseline(t, "b"));
    EXPECT_EQ(baseline->artifact, "text");
    KEDGE_TRY(const auto none, FindBaseline(t, "c"));
    EXPECT_FALSE(none);
    return {};
  });
}

DriftDevice DeviceOf(const std::string& name, EpochMs reported) {
  return {.subject = "s",
          .key = {"lab", name},
          .boot = "b",
          .began = 1,
          .reported = reported,
          .steps = 60,
          .samples = 60,
          .evidence = "2030"};
}

TEST_P(DriftTables, NamesOfDevicesOutliveTheirReports) {
  Write([](Transaction& t) -> Status {
    std::vector<DriftDevice> devices;
    for (int i = 0; i < 100; ++i) devices.push_back(DeviceOf("d" + std::to_string(100 + i), i));
    KEDGE_TRY_STATUS(PutDriftDevices(t, devices));
    DriftDevice named = DeviceOf("d150", 50);
    named.named = "1 0";
    named.capture_until = 5'000;
    KEDGE_TRY_STATUS(NameDevices(t, {named}));
    KEDGE_TRY_STATUS(PutDriftDevices(t, {DeviceOf("d150", 99)}));
    KEDGE_TRY(const auto first, ListDriftDevices(t, {.subject = "s"}, {.rows_max = 2}));
    EXPECT_EQ(first.items[0].key.device, "d150");
    EXPECT_EQ(first.items[0].named, "1 0");
    EXPECT_EQ(first.items[0].reported, 99);
    EXPECT_EQ(first.items[1].key.device, "d100");
    KEDGE_TRY(const auto second,
              ListDriftDevices(t, {.subject = "s"}, {.after = first.next, .rows_max = 2}));
    EXPECT_EQ(second.items[0].key.device, "d101");
    KEDGE_TRY(const auto only, ListDriftDevices(t, {.subject = "s", .named_only = true}, {}));
    EXPECT_EQ(only.items.size(), 1u);
    KEDGE_TRY(const auto count, CountDriftDevices(t, "s", 90));
    EXPECT_EQ(count.reporting, 11);
    EXPECT_EQ(count.named, 1);
    std::vector<std::string> names;
    for (const DriftDevice& device : devices) names.push_back(device.key.device);
    KEDGE_TRY(const auto found, FindDriftDevices(t, "s", names));
    EXPECT_EQ(found.size(), 100u);
    KEDGE_TRY(const auto page, DriftDevicesSince(t, "s", 98, "d149", 10));
    EXPECT_EQ(page.size(), 3u);
    KEDGE_TRY(const int64_t deleted, DeleteDriftDevices(t, 90, 1000));
    EXPECT_EQ(deleted, 89);
    return {};
  });
}

TEST_P(DriftTables, DevicesThatAreToCaptureAreListedUntilTheirTimeIsOver) {
  Write([](Transaction& t) -> Status {
    DriftSubject subject = SubjectOf("lab", "m", "b1", 100);
    KEDGE_TRY_STATUS(PutSubject(t, subject));
    DriftDevice device = DeviceOf("d", 1);
    device.subject = subject.id;
    KEDGE_TRY_STATUS(PutDriftDevices(t, {device}));
    device.named = "3";
    device.capture_until = 500;
    KEDGE_TRY_STATUS(NameDevices(t, {device}));
    KEDGE_TRY(const auto active, ActiveCaptures(t, 499, 10));
    EXPECT_EQ(active.size(), 1u);
    EXPECT_EQ(active[0].model, "m");
    EXPECT_EQ(active[0].named, "3");
    KEDGE_TRY(const auto over, ActiveCaptures(t, 500, 10));
    EXPECT_TRUE(over.empty());
    return {};
  });
}

DriftAlarm AlarmOf(const std::string& id, const std::string& state, EpochMs opened) {
  return {.id = id,
          .subject = "s",
          .fleet = "lab",
          .model = "m",
          .version = "1",
          .baseline = "b",
          .state = state,
          .opened = opened,
          .changed = opened,
          .evidence = 2,
          .threshold = 30,
          .features = "[]",
          .tags = "[]"};
}

TEST_P(DriftTables, AnAlarmKeepsItsHistoryAndDevicesUntilItIsDeleted) {
  Write([](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(PutAlarm(t, AlarmOf("01", "CLOSED", 1)));
    KEDGE_TRY_STATUS(PutAlarm(t, AlarmOf("02", "ALARM", 2)));
    KEDGE_TRY(auto open, OpenAlarm(t, "s"));
    EXPECT_EQ(open->id, "02");
    open->state = "ACKNOWLEDGED";
    open->actor = "user/ann";
    KEDGE_TRY_STATUS(PutAlarm(t, *open));
    for (const char* state : {"WATCH", "ALARM"}) {
      KEDGE_TRY_STATUS(AddAlarmChange(t, "02", {.time = 3, .state = state, .evidence = 0.5}));
    }
    KEDGE_TRY(const auto changes, AlarmChanges(t, "02", 10));
    EXPECT_EQ(changes.size(), 2u);
    EXPECT_EQ(changes[1].state, "ALARM");
    std::vector<std::string> names;
    for (int i = 0; i < 150; ++i) names.push_back("d" + std::to_string(1000 + i));
    KEDGE_TRY_STATUS(AddAlarmDevices(t, *open, {names[0], names[1]}));
    KEDGE_TRY_STATUS(AddAlarmDevices(t, *open, names));
    KEDGE_TRY(const auto devices, AlarmDevices(t, "02"));
    EXPECT_LE(devices.size(), static_cast<size_t>(kAlarmDevicesMax));
    EXPECT_GE(devices.size(), 98u);
    KEDGE_TRY(const auto listed, ListAlarms(t, {.open_only = true}, {.ascending = false}));
    EXPECT_EQ(listed.items.size(), 1u);
    EXPECT_EQ(listed.items[0].actor, "user/ann");
    KEDGE_TRY(const int64_t deleted, DeleteAlarms(t, 100, 10));
    EXPECT_EQ(deleted, 1);
    KEDGE_TRY(const auto gone, FindAlarm(t, "01"));
    EXPECT_FALSE(gone);
    KEDGE_TRY(const auto stays, FindAlarm(t, "02"));
    EXPECT_TRUE(stays);
    return {};
  });
}

TEST_P(DriftTables, TheOutboxIsBoundedAndCountsWhatItDrops) {
  Write([](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(PutTarget(t, {.name = "hook", .address = "https://h", .created = 1}));
    for (int64_t i = 0; i <= kAlertsWaitingMax; ++i) {
      KEDGE_TRY_STATUS(QueueAlert(t, {.id = std::to_string(10'000 + i),
                                      .target = "hook",
                                      .kind = "DriftAlarm",
                                      .body = "{}",
                                      .created = 1,
                                      .next = i}));
    }
    KEDGE_TRY(auto due, AlertsToSend(t, 1, 10));
    EXPECT_EQ(due.size(), 2u);
    KEDGE_TRY_STATUS(EndAttempt(t, {.alert = due[0], .end = AlertEnd::kDelivered, .time = 7}));
    due[1].attempts = 1;
    due[1].next = 1'000'000;
    KEDGE_TRY_STATUS(
        EndAttempt(t, {.alert = due[1], .end = AlertEnd::kAgain, .error = "status 500"}));
    KEDGE_TRY(const auto target, FindTarget(t, "hook"));
    EXPECT_EQ(target->delivered, 1);
    EXPECT_EQ(target->dropped, 1);
    EXPECT_EQ(target->last_error, "status 500");
    KEDGE_TRY(const int64_t waiting, CountAlerts(t, "hook"));
    EXPECT_EQ(waiting, kAlertsWaitingMax - 1);
    KEDGE_TRY_STATUS(PutTarget(t, {.name = "hook", .address = "https://i", .created = 2}));
    KEDGE_TRY(const auto replaced, FindTarget(t, "hook"));
    EXPECT_EQ(replaced->address, "https://i");
    EXPECT_EQ(replaced->delivered, 1);
    KEDGE_TRY(const bool deleted, DeleteTarget(t, "hook"));
    EXPECT_TRUE(deleted);
    KEDGE_TRY(const bool again, DeleteTarget(t, "hook"));
    EXPECT_FALSE(again);
    KEDGE_TRY(const auto none, AlertsToSend(t, 1'000'000'000, 10));
    EXPECT_TRUE(none.empty());
    return {};
  });
}

TEST_P(DriftTables, LabelsOfOneInferenceAreReplacedAndTheOldestGoFirst) {
  const GroundTruthFilter filter{.fleet = "lab", .model = "m", .version = "1", .end = 1'000};
  Write([&](Transaction& t) -> Status {
    std::vector<GroundTruth> records;
    for (int i = 0; i < 5; ++i) {
      records.push_back({.fleet = "lab",
                         .model = "m",
                         .version = "1",
                         .inference = std::to_string(i),
                         .time = 10 * i,
                         .received = 100 + i,
                         .label = "cat",
                         .prediction = "dog",
                         .score = 0.5});
    }
    KEDGE_TRY_STATUS(PutGroundTruth(t, records));
    records[0].label = "dog";
    records[0].score.reset();
    KEDGE_TRY_STATUS(PutGroundTruth(t, {records[0]}));
    KEDGE_TRY(const int64_t count, CountGroundTruth(t, filter));
    EXPECT_EQ(count, 5);
    KEDGE_TRY(auto read, ReadGroundTruth(t, filter, 10));
    EXPECT_EQ(read.back().label, "dog");
    EXPECT_FALSE(read.back().score);
    EXPECT_EQ(read.front().score, 0.5);
    KEDGE_TRY(const int64_t trimmed, TrimGroundTruth(t, filter, 2));
    EXPECT_EQ(trimmed, 2);
    KEDGE_TRY(read, ReadGroundTruth(t, filter, 10));
    EXPECT_EQ(read.back().inference, "2");
    KEDGE_TRY(const int64_t deleted, DeleteGroundTruth(t, 104, 10));
    EXPECT_EQ(deleted, 2);
    return {};
  });
}

TEST_P(DriftTables, TagsOfManyResourcesAreReadTogether) {
  Write([](Transaction& t) -> Status {
    std::vector<std::string> arns;
    for (int i = 0; i < 130; ++i) arns.push_back("arn/lab/device/d" + std::to_string(100 + i));
    for (const std::string& arn : arns) {
      KEDGE_TRY_STATUS(PutTag(t, arn, "site", "north"));
      KEDGE_TRY_STATUS(PutTag(t, arn, "lot", "7"));
    }
    KEDGE_TRY_STATUS(PutTag(t, "arn/roof/device/x", "site", "south"));
    KEDGE_TRY(const auto tags, TagsOf(t, arns));
    EXPECT_EQ(tags.size(), 260u);
    EXPECT_EQ(tags[0].tag.key, "lot");
    EXPECT_EQ(tags[1].tag.value, "north");
    return {};
  });
}

}  // namespace
}  // namespace kedge::store
