// The engines that every test of the store's promises runs on.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <ostream>
#include <string>

#include "base/file.h"
#include "store/postgres/postgres_store.h"
#include "store/sqlite/sqlite_store.h"
#include "store/testing/postgres_server.h"

namespace kedge::store {

struct EngineUnderTest {
  const char* name;
  // What a new database of the engine is called: a file in the folder, or a URL. kUnimplemented:
  // the engine is not installed here.
  Result<std::string> (*make)(const Path& folder, const std::string& name);
  Result<std::unique_ptr<Store>> (*open)(const std::string& database, bool migrate);
};

inline constexpr EngineUnderTest kEngines[] = {
    {"sqlite",
     [](const Path& folder, const std::string& name) -> Result<std::string> {
       return (folder / (name + ".db")).string();
     },
     [](const std::string& file, bool migrate) {
       return OpenSqliteStore({.file = file, .migrate = migrate});
     }},
    {"postgres",
     [](const Path&, const std::string&) -> Result<std::string> {
       KEDGE_TRY(PostgresServer* const server, PostgresServer::Shared());
       return server->NewDatabase();
     },
     [](const std::string& url, bool migrate) {
       return OpenPostgresStore({.url = url, .migrate = migrate});
     }}};

inline void PrintTo(const EngineUnderTest& engine, std::ostream* out) { *out << engine.name; }

}  // namespace kedge::store
