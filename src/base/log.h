// One JSON object a line on standard error: {"time":"...","level":"info","message":"...",
// fields...}. Never blocks on anything but standard error itself; a line is written by one
// write(2), so lines of several threads do not mix.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace kedge {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Lines below this level are dropped. Set once in main(); kInfo at start.
void SetLogLevel(LogLevel level);

// Fields are strings; they are escaped. Thread-safe.
void Log(LogLevel level, std::string_view message,
         std::initializer_list<std::pair<std::string_view, std::string>> fields = {});

inline void LogInfo(std::string_view message,
                    std::initializer_list<std::pair<std::string_view, std::string>> fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}
inline void LogWarning(
    std::string_view message,
    std::initializer_list<std::pair<std::string_view, std::string>> fields = {}) {
  Log(LogLevel::kWarning, message, fields);
}
inline void LogError(std::string_view message,
                     std::initializer_list<std::pair<std::string_view, std::string>> fields = {}) {
  Log(LogLevel::kError, message, fields);
}

}  // namespace kedge
