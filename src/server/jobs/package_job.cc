// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/package_job.h"

#include <fcntl.h>

#include "package/package.h"
#include "server/jobs/archive.h"
#include "server/jobs/component.h"
#include "server/jobs/job_files.h"
#include "server/jobs/model_input.h"
#include "server/keys/installed_key.h"
#include "trust/signing.h"

namespace kedge::server {
namespace {

constexpr uint64_t kArtifactBytesMax = uint64_t{4} << 30;
constexpr size_t kArtifactFiles = 4;  // model.so, weights.bin, report.json, baseline.json

struct PackageOrder {
  store::PackagingJob job;
  blob::ObjectName artifact;
  std::string artifact_sha256;
  std::string compile_request;
  std::string location;  // S3OutputLocation
  blob::ObjectName output;
  std::string key_name;      // OutputConfig.KmsKeyId
  std::string resource_key;  // of the job's own files
  bool makes_component = false;
  std::string component_config;  // PresetDeploymentConfig
};

Result<PackageOrder> ReadOrder(const JobContext& context, const std::string& name) {
  PackageOrder order;
  std::string artifact_uri;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(auto job, store::FindPackagingJob(transaction, name));
    if (!job) return NotFound("the job's row is gone");
    order.job = std::move(*job);
    KEDGE_TRY(const auto compiled,
              store::FindCompilationJob(transaction, order.job.compilation_job));
    if (!compiled || compiled->status != store::kJobCompleted) {
      return InvalidArgument("compilation job " + order.job.compilation_job + " is not completed");
    }
    artifact_uri = compiled->artifact_uri;
    order.artifact_sha256 = compiled->artifact_sha256;
    order.compile_request = compiled->request;
    return {};
  }));
  KEDGE_TRY(order.artifact, blob::ObjectName::Parse(artifact_uri));
  KEDGE_TRY(const json::Value request, json::Parse(order.job.request));
  const json::Value* config = request.Find("OutputConfig");
  if (config == nullptr) return Internal("the job's request has no OutputConfig");
  order.location = config->StringOr("S3OutputLocation", "");
  KEDGE_TRY(order.output, ObjectBelow(order.location, order.job.model_name + "-" +
                                                          order.job.model_version + ".tar.gz"));
  order.key_name = config->StringOr("KmsKeyId", "");
  order.resource_key = request.StringOr("ResourceKey", "");
  order.makes_component = config->Find("PresetDeploymentType") != nullptr;
  order.component_config = config->StringOr("PresetDeploymentConfig", "");
  return order;
}

// The baseline that came with the model, if one did (docs/drift.md).
Result<std::string> ReadBaseline(const JobContext& context, const Path& compiled) {
  const Path file = compiled / package::kBaselineFile;
  if (!context.disk.Exists(file)) return std::string();
  KEDGE_TRY(const ByteBuffer text, context.disk.Read(file, package::kBaselineFileBytesMax));
  return std::string(AsText(text));
}

// Reads the package back as a device will, and gives its signature document.
Result<std::string> VerifyAsDevice(const Path& file, const std::string& certificate_pem) {
  trust::TrustedRoots roots;
  KEDGE_TRY_STATUS(roots.Add(certificate_pem));
  KEDGE_TRY(const FileDescriptor descriptor, OpenFile(file, O_RDONLY));
  KEDGE_TRY(const auto verified, package::OpenPackage(descriptor.get(), roots));
  return verified.signature_text();
}

// Stores the component's recipe and gives its resource name.
Result<std::string> MakeComponent(const JobContext& context, const JobRun& run,
                                  const PackageOrder& order, const std::string& sha256,
                                  const Path& scratch) {
  KEDGE_TRY(Component component, ReadComponent(order.component_config, order.job.name));
  KEDGE_TRY(const json::Value request, json::Parse(order.compile_request));
  KEDGE_TRY(const CompileOrder compiled, ReadCompileOrder(request));
  KEDGE_TRY_STATUS(ResolvePlatform(component, compiled.target.target));
  KEDGE_TRY(const blob::ObjectName recipe,
            ObjectBelow(order.location, component.name + "-" + component.version + ".recipe.json"));
  KEDGE_TRY_STATUS(run.hold());
  KEDGE_TRY_STATUS(context.store.Write([&](store::Transaction& transaction) {
    return ClaimComponentVersion(transaction, component, order.job.name, context.clock.NowMs());
  }));
  const std::string text = json::WritePretty(MakeRecipe(
      component, {.uri = order.output.Uri(),
                  .file_name = order.job.model_name + "-" + order.job.model_version + ".tar.gz",
                  .sha256 = sha256}));
  const Path file = scratch / "recipe.json";
  KEDGE_TRY_STATUS(context.disk.WriteAtomically(file, AsBytes(text), 0600));
  run.log.Line("storing " + recipe.Uri());
  KEDGE_TRY([[maybe_unused]] const StoredFile stored,
            StoreFile(context.blobs, file, {recipe, "application/json", order.key_name}, run.hold));
  return "arn:aws:greengrass:" + context.arns.region + ":" + context.arns.account +
         ":components:" + component.name + ":versions:" + component.version;
}

// The files of a job with a ResourceKey: the key must be usable, and they are overwritten at the
// end (docs/formats/envelope.md).
class GuardedFiles {
 public:
  GuardedFiles(Path folder, bool wipe) : folder_(std::move(folder)), wipe_(wipe) {}
  ~GuardedFiles() {
    if (wipe_) WipeFiles(folder_);
  }
  GuardedFiles(const GuardedFiles&) = delete;
  GuardedFiles& operator=(const GuardedFiles&) = delete;

 private:
  const Path folder_;
  const bool wipe_;
};

Status CheckResourceKey(const JobContext& context, const std::string& name) {
  if (name.empty()) return {};
  if (context.keys == nullptr) return PermissionDenied("No key with name: " + name);
  const auto usable = context.keys->NewDataKey(name);
  if (!usable) return Wrap(usable.error(), "ResourceKey");
  return {};
}

// PresetDeploymentOutput. A component that cannot be made does not fail the job: its package is
// good.
Result<std::string> PresetOutput(const Result<std::string>& component) {
  json::Object output{{"Type", "GreengrassV2Component"}};
  if (component) {
    output.Set("Artifact", *component);
    output.Set("Status", "COMPLETED");
    return json::Write(output);
  }
  const Code code = component.error().code;
  if (code != Code::kInvalidArgument && code != Code::kAlreadyExists) return component.error();
  output.Set("Status", "FAILED");
  output.Set("StatusMessage", component.error().message);
  return json::Write(output);
}

}  // namespace

Result<store::JobOutputs> RunPackagingJob(const JobContext& context, const JobRun& run) {
  KEDGE_TRY(const PackageOrder order, ReadOrder(context, run.name));
  KEDGE_TRY_STATUS(CheckResourceKey(context, order.resource_key));
  KEDGE_TRY(const TemporaryDirectory scratch, TemporaryDirectory::Make(context.scratch));
  const GuardedFiles guarded(scratch.path(), !order.resource_key.empty());
  const Path artifact = scratch.path() / "artifact.tar.gz";
  KEDGE_TRY(const std::string digest,
            FetchObject(context.blobs, order.artifact, artifact, kArtifactBytesMax));
  // A later job with the same output, or a client, may have replaced the object.
  if (digest != order.artifact_sha256) {
    return InvalidArgument("'" + order.artifact.Uri() + "' is not what compilation job " +
                           order.job.compilation_job + " made: its SHA-256 is " + digest);
  }
  const Path compiled = scratch.path() / "compiled";
  KEDGE_TRY_STATUS(context.disk.MakeDirectories(compiled, 0700));
  KEDGE_TRY([[maybe_unused]] const auto names,
            UnpackArchive(artifact, compiled, {.files_max = kArtifactFiles}));
  if (run.cancelled) return Cancelled("the job was stopped");
  // Read now: a rotation counts for every package that is signed after it, on every node.
  KEDGE_TRY(const InstalledKey key,
            LoadInstalledKey(context.store, context.keyring, kPackageSigningPurpose));
  KEDGE_TRY(const auto signer, trust::LoadSigner(key.key_pem, key.certificate_pem));
  KEDGE_TRY(std::string baseline, ReadBaseline(context, compiled));
  if (!baseline.empty()) run.log.Line("the package carries the model's baseline.json");
  const Path file = scratch.path() / "package.tar.gz";
  KEDGE_TRY_STATUS(package::WritePackage(context.disk, file,
                                         {.model_name = order.job.model_name,
                                          .model_version = order.job.model_version,
                                          .compiled = {compiled},
                                          .signer = signer.get(),
                                          .baseline = std::move(baseline)}));
  KEDGE_TRY(std::string signature, VerifyAsDevice(file, key.certificate_pem));
  if (run.cancelled) return Cancelled("the job was stopped");
  run.log.Line("storing " + order.output.Uri());
  KEDGE_TRY(
      const StoredFile stored,
      StoreFile(context.blobs, file, {order.output, "application/gzip", order.key_name}, run.hold));
  std::string preset;
  if (order.makes_component) {
    KEDGE_TRY(preset,
              PresetOutput(MakeComponent(context, run, order, stored.sha256, scratch.path())));
    run.log.Line("component: " + preset);
  }
  return store::JobOutputs{.artifact_uri = order.output.Uri(),
                           .artifact_sha1 = stored.sha1,
                           .signature = std::move(signature),
                           .preset = std::move(preset)};
}

}  // namespace kedge::server
