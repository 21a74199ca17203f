// How many records and bytes may be captured a day, never exceeded, whenever the agent is killed.
//
// Spending writes nothing: a sixteenth of the day's budget is *claimed* in a file first, and what
// was claimed counts as spent after a restart. So a kill loses at most a sixteenth, and the file is
// written at most sixteen times a day. A day is one of UTC; a clock that is set back to an earlier
// day spends of the later day's budget, since otherwise setting it to and fro would give new ones;
// one that was set back by days was wrong before, and today counts as spent.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

#include "base/clock.h"
#include "base/file.h"

namespace kedge::agent {

struct CaptureAmount {
  int64_t records = 0;
  int64_t bytes = 0;
  friend bool operator==(const CaptureAmount&, const CaptureAmount&) = default;
};

// Thread-safe.
class DayBudget {
 public:
  // Borrows disk. `file` keeps what was claimed; empty: it is forgotten at a restart.
  DayBudget(FileSystem& disk, Path file, CaptureAmount day_max)
      : disk_(disk), file_(std::move(file)), day_max_(day_max) {}

  // Reads the file. A damaged one counts as a day that is spent. Errors of the disk.
  Status Open(EpochMs now);

  // Spends one record of that many bytes; false if the day's budget is spent or the claim could not
  // be written, and then nothing was.
  bool Take(EpochMs now, int64_t bytes);

  CaptureAmount spent() const;  // of the current day

 private:
  // Makes sure that one record of `bytes` fits into what is claimed.
  bool Claim(int64_t bytes);

  FileSystem& disk_;
  const Path file_;
  const CaptureAmount day_max_;

  mutable std::mutex mutex_;
  int64_t day_ = 0;  // since the epoch
  CaptureAmount spent_;
  CaptureAmount claimed_;
};

}  // namespace kedge::agent
