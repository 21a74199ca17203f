// SPDX-License-Identifier: Apache-2.0
#include "agent/update/commands.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace kedge::agent {
namespace {

class CommandsTest : public testing::Test {
 protected:
  SystemClock clock_;
  Registry registry_{{.clock = &clock_}};
  Doorbell bell_;
  CommandRunner runner_{registry_, bell_};
  bool Rung() { return bell_.WaitUntil(std::chrono::steady_clock::now()); }
};

TEST_F(CommandsTest, ReportNowRingsForAHeartbeat) {
  const protocol::CommandReport report = runner_.Run({.id = "1", .kind = "REPORT_NOW"});
  EXPECT_TRUE(report.succeeded);
  EXPECT_TRUE(Rung());
}

TEST_F(CommandsTest, ACommandThatComesAgainIsReportedAgainAndNotCarriedOut) {
  const protocol::DeviceCommand command{.id = "1", .kind = "REPORT_NOW"};
  const protocol::CommandReport first = runner_.Run(command);
  EXPECT_TRUE(Rung());
  EXPECT_EQ(runner_.Run(command), first);
  EXPECT_FALSE(Rung());
}

TEST_F(CommandsTest, WhatCannotBeDoneIsSaid) {
  const struct {
    protocol::DeviceCommand command;
    const char* message;
  } cases[] = {
      {{.id = "1", .kind = "FLY"}, "this agent does not know the command 'FLY'"},
      {{.id = "2", .kind = "RESTART_MODEL", .model_handle = "digits"},
       "no model is loaded as 'digits'"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.command.kind);
    const protocol::CommandReport report = runner_.Run(c.command);
    EXPECT_FALSE(report.succeeded);
    EXPECT_EQ(report.message, c.message);
  }
}

TEST_F(CommandsTest, DescribesTheLoadedModels) {
  EXPECT_EQ(runner_.Run({.id = "1", .kind = "DESCRIBE_MODELS"}).output, R"({"Models":[]})");
}

}  // namespace
}  // namespace kedge::agent
