// The settings of kedge-server: one struct, declared once for all commands.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/flags.h"
#include "base/log.h"
#include "base/result.h"
#include "http/server.h"
#include "server/api/quotas.h"
#include "server/keys/keyring.h"

namespace kedge::server {

struct Config {
  std::string data;                       // folder of what belongs to this node
  std::string database = "sqlite";        // or a URL of PostgreSQL
  std::string master_key;                 // file; empty: DATA/keys/master.key
  std::string objects;                    // a folder or s3://...; empty: DATA/objects
  std::string s3_host;                    // BUCKET.s3_host is a bucket; empty: path style only
  std::string listen = "127.0.0.1:8080";  // ADDRESS:PORT of the API
  std::string tls_certificate;            // PEM file; empty: the API is plain HTTP
  std::string tls_key;                    // PEM file
  std::string device_listen;              // ADDRESS:PORT of the devices' listener; empty: none
  std::string device_endpoint;           // its URL as devices reach it; from device_listen if empty
  std::string device_tls_certificate;    // PEM file; empty: one of the internal authority
  std::string device_tls_key;            // PEM file
  double certificate_days = 30;          // life of a device's certificate
  double certificate_grace_days = 400;   // after its end: it may still be renewed
  std::string region = "us-east-1";      // in resource names
  std::string account = "000000000000";  // in resource names, 12 digits
  int64_t compile_jobs = 0;              // at a time; set from the cores by DeclareServing
  Quotas quotas;
  int64_t connected_minutes = 15;    // since its last heartbeat a device counts as connected
  int64_t rate_limit = 1000;         // calls a second of one access key; 0: none
  int64_t enrolments_a_minute = 20;  // tries of one address
  bool unsandboxed_jobs = false;
  int64_t lease_ms = 10'000;     // of work that one node does; another goes on after this
  int64_t drain_seconds = 0;     // between SIGTERM, when /readyz says 503, and the last request
  std::string metrics_listen;    // ADDRESS:PORT of GET /metrics; empty: not served
  std::string access_log;        // a file, "-" for standard output; empty: none
  std::string otlp_endpoint;     // "http://host:4318"; empty: no traces
  double trace_fraction = 0.01;  // of traces that begin here
  std::string log_level = "info";
  double drift_alarm_days = 30;    // one false alarm of a model in so many days
  std::string smtp_url;            // "smtp://host:25"; empty: no mails
  std::string smtp_from;           // address that alerts come from
  std::string smtp_user;           // empty: no login
  std::string smtp_password_file;  // its password, the first line
};

// What every command needs: where the installation is.
void DeclareStorage(Flags& flags, Config& config);
// What `serve` needs besides.
void DeclareServing(Flags& flags, Config& config);
// After the last option: all of them may stand in --config FILE and in KEDGE_SERVER_... too.
// `serves`: whether both functions above were called.
void DeclareSettings(Flags& flags, bool serves);

// Whether --objects names an S3 store and no folder.
bool KeepsObjectsInS3(const Config& config);

LogLevel LogLevelOf(const Config& config);

// --database names PostgreSQL, not the file of SQLite.
bool UsesPostgres(const Config& config);

// kInvalidArgument naming the setting, if two settings do not fit or one is malformed.
Status CheckConfig(const Config& config);

// TLS of the API; nothing if it is plain.
std::optional<http::ServerTls> ApiTls(const Config& config, const Keyring& keyring);

// "ADDRESS:PORT" into `options`. kInvalidArgument naming `setting`.
Status ReadListen(const std::string& setting, const std::string& listen,
                  http::ServerOptions& options);

}  // namespace kedge::server
