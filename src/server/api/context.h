// What handlers work with, and the table that leads a request to its handler.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "blob/blob_store.h"
#include "server/api/input.h"
#include "server/api/quotas.h"
#include "server/auth/audit.h"
#include "server/auth/authentication.h"
#include "server/auth/identity.h"
#include "server/drift/alert_outbox.h"
#include "server/drift/baselines.h"
#include "server/drift/capture_orders.h"
#include "server/ingest/heartbeats.h"
#include "server/keys/keyring.h"
#include "server/schema/catalogue.h"
#include "store/store.h"
#include "trust/signing.h"

namespace kedge::server {

// Amazon resource names. Region and account are the installation's, whatever region a client signs
// for.
struct Arns {
  std::string region;
  std::string account;  // 12 digits
  std::string Fleet(const std::string& fleet) const;
  std::string Device(const std::string& fleet, const std::string& device) const;
  std::string RoleAlias(const std::string& fleet) const;
  std::string CompilationJob(const std::string& name) const;
  std::string PackagingJob(const std::string& name) const;
  std::string Plan(const std::string& name) const;
  // "arn:aws:sagemaker:REGION:ACCOUNT:" and the resource.
  std::string SageMaker(const std::string& resource) const;
};

// The job runner as handlers see it. Thread-safe.
class JobSignals {
 public:
  virtual ~JobSignals() = default;
  virtual void JobQueued() = 0;                           // call after the row is committed
  virtual void StopRunning(const std::string& name) = 0;  // ends the named job's process, if any
};

// Everything is borrowed and outlives the handlers; everything is thread-safe.
struct Context {
  store::Store& store;
  blob::BlobStore& blobs;
  const Clock& clock;
  const Authenticator& authenticator;
  const Arns& arns;
  const Quotas& quotas;
  int64_t connected_minutes;  // a device heard of within them is connected
  const Keyring& keyring;
  const trust::Signer& signer;
  const std::string& signing_certificate_pem;
  JobSignals& compilation_jobs;
  JobSignals& packaging_jobs;
  JobSignals& monitoring_jobs;
  Heartbeats& heartbeats;
  const AlertSender& alerts;
  Baselines& baselines;
  CaptureOrders& capture_orders;
  double drift_alarm_days;  // one false alarm of a model in so many days
};

// One validated call.
struct Call {
  const Operation& operation;
  const json::Value& body;  // validated
  const Identity& identity;
  AuditTrail* audit = nullptr;  // null: the call is not audited
  Input input() const { return Input(body); }
  // store.Write(work) with the call's audit record in the same transaction. How handlers write.
  Status Write(store::Store& store, const store::Work& work) const {
    return audit == nullptr ? store.Write(work) : audit->WriteWith(store, work);
  }
};

// Gives the answer (null: empty) or an error, see ToAws.
using Handler = std::function<Result<json::Value>(const Call&)>;
using Reply = std::function<void(Result<json::Value>)>;
// For what waits for a group commit without holding a thread. The call is the handler's only while
// it runs; the reply is called once, at once or later.
using LaterHandler = std::function<void(const Call&, Reply)>;

class Router {
 public:
  void Add(const std::string& operation, Handler handler);
  void AddLater(const std::string& operation, LaterHandler handler);
  // Null if nobody handles it.
  const LaterHandler* Find(const std::string& operation) const;

 private:
  std::map<std::string, LaterHandler> handlers_;
};

// One function a resource file.
void AddAccessKeyRoutes(Router& router, const Context& context);
void AddUserRoutes(Router& router, const Context& context);
void AddAuditRoutes(Router& router, const Context& context);
void AddAlertTargetRoutes(Router& router, const Context& context);
void AddDriftAlarmRoutes(Router& router, const Context& context);
void AddDriftRoutes(Router& router, const Context& context);
void AddModelQualityRoutes(Router& router, const Context& context);
void AddDeviceFleetRoutes(Router& router, const Context& context);
void AddFleetReportRoutes(Router& router, const Context& context);
void AddTagRoutes(Router& router, const Context& context);
void AddCaptureRoutes(Router& router, const Context& context);
void AddDeviceCommandRoutes(Router& router, const Context& context);
void AddEventRoutes(Router& router, const Context& context);
void AddImportRoutes(Router& router, const Context& context);
void AddModelRoutes(Router& router, const Context& context);
void AddServerStatusRoutes(Router& router, const Context& context);
void AddDeviceRoutes(Router& router, const Context& context);
void AddSigningKeyRoutes(Router& router, const Context& context);
void AddErasureRoutes(Router& router, const Context& context);
void AddEnrolmentRoutes(Router& router, const Context& context);
void AddClaimTokenRoutes(Router& router, const Context& context);
void AddDeviceCertificateRoutes(Router& router, const Context& context);
void AddCompilationJobRoutes(Router& router, const Context& context);
void AddPackagingJobRoutes(Router& router, const Context& context);
void AddEncryptionKeyRoutes(Router& router, const Context& context);
void AddJobLogRoutes(Router& router, const Context& context);
void AddDeploymentRoutes(Router& router, const Context& context);
void AddStageChoiceRoutes(Router& router, const Context& context);
void AddDevicePlaneRoutes(Router& router, const Context& context);
void AddMonitoringDefinitionRoutes(Router& router, const Context& context);
void AddMonitoringScheduleRoutes(Router& router, const Context& context);
void AddMonitoringExecutionRoutes(Router& router, const Context& context);
void AddMetricRoutes(Router& router, const Context& context);

}  // namespace kedge::server
