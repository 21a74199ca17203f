// ListDevices against a plain reading of its words, page by page, over fleets of random devices.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <gtest/gtest.h>
#include <random>

#include "base/file.h"
#include "store/sqlite/sqlite_store.h"
#include "store/tables/devices.h"
#include "store/tables/fleet_counts.h"
#include "store/tables/fleets.h"

namespace kedge::store {
namespace {

constexpr int kDevices = 6'000;  // of the large fleet: more than one page looks at
constexpr EpochMs kHour = 3'600'000;

class DeviceList : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::Make();
    ASSERT_TRUE(folder);
    folder_ = std::make_unique<TemporaryDirectory>(std::move(*folder));
    auto store = OpenSqliteStore({.file = folder_->path() / "test.db"});
    ASSERT_TRUE(store);
    store_ = std::move(*store);
    ASSERT_TRUE(store_->Write([this](Transaction& t) { return Fill(t); }));
  }

  Status Fill(Transaction& t) {
    for (const char* fleet : {"yard", "lab", "lab-empty", "lab-small"}) {
      KEDGE_TRY_STATUS(InsertFleet(t, {.name = fleet, .output_config = "{}"}));
    }
    for (int i = 0; i < kDevices; ++i) KEDGE_TRY_STATUS(Add(t, "yard", i));
    for (int i = 0; i < 300; ++i) KEDGE_TRY_STATUS(Add(t, "lab", i));
    for (int i = 0; i < 3; ++i) KEDGE_TRY_STATUS(Add(t, "lab-small", i));
    std::sort(devices_.begin(), devices_.end(),
              [](const DeviceState& a, const DeviceState& b) { return a.key < b.key; });
    return {};
  }

  Status Add(Transaction& t, const std::string& fleet, int number) {
    DeviceState state{.key = {fleet, "device-" + std::to_string(number * 7919 % 100'000)},
                      .revision = 1};
    KEDGE_TRY_STATUS(InsertDevice(t, {.fleet = fleet, .name = state.key.device}));
    const auto draw = [&](unsigned n) { return random_() % n; };
    if (draw(10) > 0) {
      // Nearly all spoke long ago, some lately.
      state.heartbeat_time = (draw(100) == 0 ? 1000 + draw(5) : draw(900)) * kHour + draw(1000) + 1;
      if (draw(2) == 0) state.models.push_back({"common-net", "1.0", 0, 0});
      if (draw(200) == 0) state.models.push_back({"rare-net", "1.0", 0, 0});
      KEDGE_TRY_STATUS(UpdateStates(t, {state}));
      std::vector<DeviceModel> models;
      Counts counts;
      for (const LoadedModel& model : state.models) {
        models.push_back({state.key, model.name, model.version});
      }
      KEDGE_TRY_STATUS(InsertModels(t, models));
      CountDevice(state, +1, counts);
      KEDGE_TRY_STATUS(AddCounts(t, counts, 3));
    }
    devices_.push_back(std::move(state));
    return {};
  }

  std::vector<DeviceKey> Plainly(const DeviceFilter& filter) const {
    std::vector<DeviceKey> keys;
    for (const DeviceState& state : devices_) {
      const bool has_model =
          !filter.model_contains ||
          std::any_of(state.models.begin(), state.models.end(), [&](const LoadedModel& model) {
            return model.name.find(*filter.model_contains) != std::string::npos;
          });
      if (has_model &&
          state.key.fleet.find(filter.fleet_contains.value_or("")) != std::string::npos &&
          state.heartbeat_time > filter.heartbeat_after.value_or(-1)) {
        keys.push_back(state.key);
      }
    }
    return keys;
  }

  std::vector<DeviceKey> Paged(const DeviceFilter& filter, int64_t rows_max) {
    std::vector<DeviceKey> keys;
    Page page{.after = {}, .rows_max = rows_max};
    do {
      const auto status = store_->Read([&](Transaction& t) -> Status {
        KEDGE_TRY(const auto listed, ListDevices(t, filter, page));
        EXPECT_LE(listed.items.size(), static_cast<size_t>(rows_max));
        for (const Device& device : listed.items) keys.push_back({device.fleet, device.name});
        page.after = listed.next;
        return {};
      });
      EXPECT_TRUE(status) << status.error().message;
    } while (page.after);
    return keys;
  }

  std::unique_ptr<TemporaryDirectory> folder_;
  std::unique_ptr<Store> store_;
  std::mt19937 random_{11};
  std::vector<DeviceState> devices_;  // sorted
};

TEST_F(DeviceList, EveryCombinationOfFiltersGivesEachDeviceOnce) {
  const std::optional<std::string> none;
  for (const auto& fleet :
       {none, std::optional<std::string>("lab"), std::optional<std::string>("x")}) {
    for (const auto& model :
         {none, std::optional<std::string>("net"), std::optional<std::string>("rare"),
          std::optional<std::string>("y")}) {
      for (const auto& after :
           {std::optional<EpochMs>(), std::optional<EpochMs>(0),
            std::optional<EpochMs>(1002 * kHour + 500), std::optional<EpochMs>(5000 * kHour)}) {
        const DeviceFilter filter{
            .fleet_contains = fleet, .model_contains = model, .heartbeat_after = after};
        SCOPED_TRACE("fleet " + fleet.value_or("-") + ", model " + model.value_or("-") +
                     ", after " + std::to_string(after.value_or(-1)));
        const auto want = Plainly(filter);
        EXPECT_EQ(Paged(filter, 100), want);
        if (want.size() < 500) {
          EXPECT_EQ(Paged(filter, 7), want);
        }
      }
    }
  }
}

TEST_F(DeviceList, ACallerSeesTheirFleetsOnly) {
  const auto keys = Paged({.visible_fleets = {"lab-*"}}, 100);
  ASSERT_EQ(keys.size(), 3u);
  for (const DeviceKey& key : keys) EXPECT_EQ(key.fleet, "lab-small");
}

}  // namespace
}  // namespace kedge::store
