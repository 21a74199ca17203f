// What the conformance tests of all engines share: a database of the engine under test, and a few
// rows. The suite is instantiated once, in conformance_test.cc.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "base/file.h"
#include "store/tables/devices.h"
#include "store/tables/fleets.h"
#include "store/testing/engines.h"

namespace kedge::store {

class StoreConformance : public testing::TestWithParam<EngineUnderTest> {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::Make();
    ASSERT_TRUE(folder);
    folder_ = std::make_unique<TemporaryDirectory>(std::move(*folder));
    const auto database = GetParam().make(folder_->path(), "test");
    if (!database && database.error().code == Code::kUnimplemented) {
      GTEST_SKIP() << "skipped: " << database.error().message;
    }
    ASSERT_TRUE(database) << database.error().message;
    database_ = *database;
    Open();
  }
  void Open() {
    store_.reset();
    auto store = GetParam().open(database_, true);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
  }
  // Runs the work as a write and expects success.
  void Write(const Work& work) {
    const auto status = store_->Write(work);
    ASSERT_TRUE(status) << status.error().message;
  }
  void Read(const Work& work) {
    const auto status = store_->Read(work);
    ASSERT_TRUE(status) << status.error().message;
  }
  void AddFleet(const std::string& name, EpochMs created = 1000) {
    Write([&](Transaction& t) {
      return InsertFleet(
          t, {.name = name, .output_config = "{}", .created = created, .modified = created});
    });
  }
  void AddDevice(const std::string& fleet, const std::string& name) {
    Write([&](Transaction& t) {
      return InsertDevice(t, {.fleet = fleet, .name = name, .registered = 5});
    });
  }

  std::unique_ptr<TemporaryDirectory> folder_;
  std::string database_;
  std::unique_ptr<Store> store_;
};

}  // namespace kedge::store
