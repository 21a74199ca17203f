// SPDX-License-Identifier: Apache-2.0
#include "http/testing/certificates.h"

#include "base/subprocess.h"

namespace kedge::http {
namespace {

Status Openssl(std::vector<std::string> arguments, const Path& folder) {
  arguments.insert(arguments.begin(), "openssl");
  KEDGE_TRY(const SubprocessResult result,
            RunSubprocess({.arguments = arguments,
                           .working_directory = folder,
                           .timeout = std::chrono::milliseconds(60'000)}));
  if (result.exit_code != 0) return Internal("openssl " + arguments[1] + ": " + result.errors);
  return {};
}

std::vector<std::string> NewKey(const std::string& kind, const Path& to) {
  if (kind == "rsa") {
    return {"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", to};
  }
  return {"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + kind.substr(3), "-out",
          to};
}

}  // namespace

Path KeyOf(const Path& certificate) { return Path(certificate).replace_extension(".key"); }

std::string ReadTextOf(const Path& file) {
  PosixFileSystem disk;
  const auto bytes = disk.Read(file, 1 << 20);
  return bytes ? std::string(AsText(*bytes)) : std::string();
}

Result<TestAuthority> TestAuthority::Make(const Path& folder, const std::string& name) {
  const Path root = folder / (name + ".pem");
  KEDGE_TRY_STATUS(Openssl(NewKey("ec:P-256", KeyOf(root)), folder));
  KEDGE_TRY_STATUS(
      Openssl({"req", "-x509", "-new", "-key", KeyOf(root), "-subj", "/CN=" + name, "-days", "3650",
               "-out", root, "-addext", "keyUsage=critical,keyCertSign"},
              folder));
  return TestAuthority(folder, root, KeyOf(root));
}

Result<Path> TestAuthority::Certify(const Issue& issue) const {
  PosixFileSystem disk;
  const Path certificate = folder_ / (issue.name + ".pem");
  const Path request = folder_ / (issue.name + ".csr");
  const Path work = folder_ / ("ca-" + issue.name);
  KEDGE_TRY_STATUS(disk.MakeDirectories(work, 0755));
  const std::string settings =
      "[ca]\ndefault_ca=d\n[d]\ndatabase=" + (work / "index").string() +
      "\nnew_certs_dir=" + work.string() +
      "\nrand_serial=yes\ndefault_md=sha256\npolicy=p\nx509_extensions=e\n" +
      "[p]\ncommonName=supplied\n[e]\nsubjectAltName=" + issue.alternative + "\n";
  KEDGE_TRY_STATUS(disk.WriteAtomically(work / "settings", AsBytes(settings), 0644));
  KEDGE_TRY_STATUS(disk.WriteAtomically(work / "index", {}, 0644));
  KEDGE_TRY_STATUS(Openssl(NewKey(issue.key, KeyOf(certificate)), folder_));
  KEDGE_TRY_STATUS(Openssl(
      {"req", "-new", "-key", KeyOf(certificate), "-subj", "/CN=" + issue.name, "-out", request},
      folder_));
  KEDGE_TRY_STATUS(Openssl({"ca", "-batch", "-notext", "-config", work / "settings", "-cert", root_,
                            "-keyfile", key_, "-startdate", issue.not_before, "-enddate",
                            issue.not_after, "-in", request, "-out", certificate},
                           folder_));
  return certificate;
}

}  // namespace kedge::http
