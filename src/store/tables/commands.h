// Commands to devices and how far each device is with them, as rows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

struct DeviceCommand {
  std::string id;
  std::string kind;
  std::string parameters = "{}";  // JSON object
  std::string fleet;
  std::string actor;
  EpochMs created = 0;
  EpochMs expires = 0;
};

// QUEUED -> SENT -> SUCCEEDED | FAILED; QUEUED, SENT -> CANCELLED, EXPIRED.
constexpr std::string_view kCommandQueued = "QUEUED";
constexpr std::string_view kCommandSent = "SENT";
constexpr std::string_view kCommandSucceeded = "SUCCEEDED";
constexpr std::string_view kCommandFailed = "FAILED";
constexpr std::string_view kCommandCancelled = "CANCELLED";
constexpr std::string_view kCommandExpired = "EXPIRED";

struct CommandDevice {
  DeviceCommand command;
  std::string device;
  std::string status;
  std::string message;
  std::string output;
  EpochMs changed = 0;
};

struct CommandFilter {
  std::optional<std::string> id;
  std::optional<std::string> fleet;
  std::optional<std::string> device;
  std::optional<std::string> status;
};

Status InsertCommand(Transaction& transaction, const DeviceCommand& command);
// kFailedPrecondition if there is no such device.
Status InsertCommandDevices(Transaction& transaction, const DeviceCommand& command,
                            const std::vector<std::string>& devices);
// Newest first; ordered by id and device.
Result<PageOf<CommandDevice>> ListCommands(Transaction& transaction, const CommandFilter& filter,
                                           const Page& page);
Result<std::optional<DeviceCommand>> FindCommand(Transaction& transaction, const std::string& id);
// What waits for one device, oldest first, at most `rows_max`: QUEUED and SENT that are not over.
Result<std::vector<CommandDevice>> WaitingCommands(Transaction& transaction,
                                                   const std::string& fleet,
                                                   const std::string& device, EpochMs now,
                                                   int64_t rows_max);
// QUEUED -> SENT. False if it is not QUEUED.
Result<bool> MarkCommandSent(Transaction& transaction, const std::string& id,
                             const std::string& device, EpochMs now);

struct CommandEnd {
  std::string id;
  std::string fleet;
  std::string device;
  std::string status;
  std::string message;
  std::string output;
  EpochMs time = 0;
};
// How a device ended a command. False if it waits for no such one: the first report counts.
Result<bool> EndCommand(Transaction& transaction, const CommandEnd& end);
// QUEUED and SENT -> CANCELLED for all its devices; how many.
Result<int64_t> CancelCommand(Transaction& transaction, const std::string& id, EpochMs now);
// QUEUED and SENT of commands that are over -> EXPIRED, at most `rows_max`; how many.
Result<int64_t> ExpireCommands(Transaction& transaction, EpochMs now, int64_t rows_max);
// Deletes at most `rows_max` commands made before `before`; how many.
Result<int64_t> DeleteCommands(Transaction& transaction, EpochMs before, int64_t rows_max);
// Commands of a fleet that some device has not ended.
Result<int64_t> CountWaitingCommands(Transaction& transaction, const std::string& fleet,
                                     EpochMs now);

}  // namespace kedge::store
