// TLS of the server against foreign clients: curl's library and the openssl program.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <thread>

#include "base/subprocess.h"
#include "http/client.h"
#include "http/server.h"
#include "http/testing/certificates.h"

namespace kedge::http {
namespace {

using std::chrono::milliseconds;

// One authority for servers, one for devices, made once: each key takes some milliseconds.
class Tls : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TemporaryDirectory>(*TemporaryDirectory::Make());
    servers_ = std::make_unique<TestAuthority>(*TestAuthority::Make(folder_->path(), "servers"));
    devices_ = std::make_unique<TestAuthority>(*TestAuthority::Make(folder_->path(), "devices"));
    server_ = *servers_->Certify({.name = "server"});
    device_ =
        *devices_->Certify({.name = "scanner", .alternative = "URI:urn:kedge:device:f/scanner"});
  }
  static void TearDownTestSuite() {
    devices_.reset();
    servers_.reset();
    folder_.reset();
  }

  static ServerOptions Options(ClientCertificate wanted = ClientCertificate::kNotAsked) {
    ServerOptions options;
    options.handler_threads = 2;
    options.spool_directory = folder_->path();
    options.tls = ServerTls{.certificate_file = server_, .key_file = KeyOf(server_)};
    options.tls->client_certificate = wanted;
    options.tls->client_roots_pem = ReadTextOf(devices_->root());
    return options;
  }

  // Answers with what it knows of the client.
  static std::unique_ptr<Server> Start(const ServerOptions& options) {
    const auto handler = [](const Request& request, const Responder& respond) {
      Response response;
      if (const auto& peer = request.peer_certificate) {
        response.headers.Set("X-Serial", peer->serial);
        response.headers.Set("X-Fingerprint", peer->fingerprint);
        response.headers.Set("X-Not-After", std::to_string(peer->not_after));
        for (const std::string& uri : peer->uris) response.headers.Set("X-Uri", uri);
        response.headers.Set("X-Subject", peer->subject);
      }
      response.body = request.over_tls ? "tls" : "plain";
      if (request.body_bytes > 0) response.body = request.body_sha256;
      respond(std::move(response));
    };
    const auto error_body = [](int, std::string_view message) {
      Response response;
      response.body = message;
      return response;
    };
    auto server = Server::Start(options, handler, error_body);
    EXPECT_TRUE(server) << server.error().message;
    return std::move(*server);
  }

  static Result<Response> Get(const Server& server, const Path& certificate) {
    ClientTls tls{.ca_file = servers_->root()};
    if (!certificate.empty()) {
      tls.certificate_file = certificate;
      tls.key_file = KeyOf(certificate);
    }
    return MakeCurlTransport(tls)->Send({.url = UrlOf(server)});
  }

  static std::string UrlOf(const Server& server) {
    return "https://127.0.0.1:" + std::to_string(server.port()) + "/";
  }

  // `openssl s_client` with one request on its standard input; all that it prints.
  static std::string SClient(const Server& server, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"/bin/sh", "-c",
                      "printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n' | "
                      "openssl s_client -ign_eof \"$@\" 2>&1",
                      "sh", "-connect", "127.0.0.1:" + std::to_string(server.port())});
    const auto result = RunSubprocess({.arguments = arguments, .timeout = milliseconds(20'000)});
    EXPECT_TRUE(result);
    EXPECT_FALSE(result->timed_out);
    return result->output;
  }

  static std::unique_ptr<TemporaryDirectory> folder_;
  static std::unique_ptr<TestAuthority> servers_;
  static std::unique_ptr<TestAuthority> devices_;
  static Path server_;
  static Path device_;
};

std::unique_ptr<TemporaryDirectory> Tls::folder_;
std::unique_ptr<TestAuthority> Tls::servers_;
std::unique_ptr<TestAuthority> Tls::devices_;
Path Tls::server_;
Path Tls::device_;

size_t Count(const std::string& text, std::string_view what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST_F(Tls, HandlerSeesTheClientsCertificate) {
  const auto server = Start(Options(ClientCertificate::kRequired));
  const auto response = Get(*server, device_);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "tls");
  EXPECT_EQ(response->headers.Get("X-Uri"), "urn:kedge:device:f/scanner");
  EXPECT_EQ(response->headers.Get("X-Subject"), "CN=scanner");
  EXPECT_EQ(response->headers.Get("X-Not-After"), "3786912000000");  // 2090-01-01
  const auto printed = RunSubprocess({.arguments = {"openssl", "x509", "-in", device_, "-noout",
                                                    "-serial", "-fingerprint", "-sha256"}});
  ASSERT_TRUE(printed);
  std::string expected = LowerCase(printed->output);
  std::erase(expected, ':');
  EXPECT_NE(expected.find(response->headers.Get("X-Serial")), std::string::npos) << expected;
  EXPECT_NE(expected.find(response->headers.Get("X-Fingerprint")), std::string::npos) << expected;
}

TEST_F(Tls, RefusesClientsThatItShouldNotTrust) {
  const auto other = *TestAuthority::Make(folder_->path(), "others");
  const struct {
    const char* name;
    Path certificate;
  } cases[] = {
      {"none", ""},
      {"of another authority", *other.Certify({.name = "foreign"})},
      {"RSA", *devices_->Certify({.name = "rsa", .key = "rsa"})},
      {"P-384", *devices_->Certify({.name = "p384", .key = "ec:P-384"})},
      {"expired", *devices_->Certify({.name = "expired", .not_after = "20260102000000Z"})},
      {"not yet valid", *devices_->Certify({.name = "early", .not_before = "20890101000000Z"})},
  };
  const auto server = Start(Options(ClientCertificate::kRequired));
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto response = Get(*server, c.certificate);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, Code::kUnavailable);
  }
  server->Stop(milliseconds(0));
  EXPECT_EQ(server->counts().tls_failed, std::size(cases));
  EXPECT_EQ(server->counts().requests, 0U);
}

TEST_F(Tls, TakesAnExpiredCertificateOnlyWhereThatIsWanted) {
  const Path expired = *devices_->Certify({.name = "offline", .not_after = "20260102000000Z"});
  const Path foreign = *TestAuthority::Make(folder_->path(), "strangers")
                            ->Certify({.name = "stranger", .not_after = "20260102000000Z"});
  ServerOptions options = Options(ClientCertificate::kRequired);
  options.tls->accept_expired = true;
  const auto server = Start(options);
  const auto response = Get(*server, expired);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->headers.Get("X-Not-After"), "1767312000000");  // 2026-01-02
  EXPECT_FALSE(Get(*server, foreign));
}

TEST_F(Tls, CertificateIsOptionalIfSaid) {
  const auto server = Start(Options(ClientCertificate::kIfGiven));
  const auto without = Get(*server, "");
  ASSERT_TRUE(without) << without.error().message;
  EXPECT_EQ(without->headers.Count("X-Uri"), 0U);
  EXPECT_EQ(Get(*server, device_)->headers.Count("X-Uri"), 1U);
}

TEST_F(Tls, ClientRefusesAServerThatItDoesNotTrust) {
  const auto server = Start(Options());
  const auto response =
      MakeCurlTransport({.ca_file = devices_->root()})->Send({.url = UrlOf(*server)});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kUnavailable);
  EXPECT_NE(response.error().message.find("certificate"), std::string::npos);
}

TEST_F(Tls, TextsAreAsGoodAsFiles) {
  ServerOptions options = Options(ClientCertificate::kRequired);
  options.tls->certificate_pem = ReadTextOf(server_);
  options.tls->key_pem = ReadTextOf(KeyOf(server_));
  options.tls->certificate_file.clear();
  options.tls->key_file.clear();
  const auto server = Start(options);
  const ClientTls tls{.ca_pem = ReadTextOf(servers_->root()),
                      .certificate_pem = ReadTextOf(device_),
                      .key_pem = ReadTextOf(KeyOf(device_))};
  const auto response = MakeCurlTransport(tls)->Send({.url = UrlOf(*server)});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->headers.Get("X-Subject"), "CN=scanner");
}

TEST_F(Tls, LargeBodiesGoBothWaysOnAKeptConnection) {
  ServerOptions options = Options(ClientCertificate::kRequired);
  options.body_in_memory_max = 1000;
  const std::string content(3'000'000, 'x');
  const auto handler = [&](const Request& request, const Responder& respond) {
    Response response;
    response.headers.Set("X-Sha256", request.body_sha256);
    PosixFileSystem disk;
    const Path file = folder_->path() / "large";
    EXPECT_TRUE(disk.WriteAtomically(file, AsBytes(content), 0600));
    response.file = std::make_shared<FileDescriptor>(*OpenFile(file, O_RDONLY));
    response.file_bytes = content.size();
    respond(std::move(response));
  };
  const auto server =
      Server::Start(options, handler, [](int, std::string_view) { return Response(); });
  ASSERT_TRUE(server);
  const auto transport = MakeCurlTransport(
      {.ca_file = servers_->root(), .certificate_file = device_, .key_file = KeyOf(device_)});
  for (int i = 0; i < 3; ++i) {
    const auto response =
        transport->Send({.method = "PUT", .url = UrlOf(**server), .body = content});
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_TRUE(response->body == content);
    EXPECT_EQ(response->headers.Get("X-Sha256").size(), 64U);
  }
  EXPECT_EQ((*server)->counts().connections_accepted, 1U);
}

TEST_F(Tls, SessionsWithClientCertificatesAreResumedAtAnyNode) {
  ServerOptions options = Options(ClientCertificate::kRequired);
  options.tls->ticket_secret.fill(7);
  const auto first = Start(options);
  const auto second = Start(options);
  const Path session = folder_->path() / "session";
  const std::vector<std::string> identity = {"-cert", device_, "-key", KeyOf(device_)};
  for (const char* protocol : {"-tls1_2", "-tls1_3"}) {
    SCOPED_TRACE(protocol);
    auto keep = identity;
    keep.insert(keep.end(), {protocol, "-sess_out", session});
    EXPECT_NE(SClient(*first, keep).find("HTTP/1.1 200"), std::string::npos);
    for (const Server* node : {first.get(), second.get()}) {
      const std::string again = SClient(*node, {protocol, "-sess_in", session});
      EXPECT_NE(again.find("Reused, TLSv1"), std::string::npos) << again;
      EXPECT_NE(again.find("X-Uri: urn:kedge:device:f/scanner"), std::string::npos) << again;
    }
  }
  EXPECT_EQ(first->counts().tls_full, 2U);
  EXPECT_EQ(first->counts().tls_resumed, 2U);
  EXPECT_EQ(second->counts().tls_full, 0U);
  EXPECT_EQ(second->counts().tls_resumed, 2U);

  auto reconnect = identity;
  reconnect.insert(reconnect.end(), {"-tls1_2", "-reconnect"});
  EXPECT_EQ(Count(SClient(*first, reconnect), "Reused, TLSv1.2"), 5U);
}

TEST_F(Tls, SessionsEndWithTheRootsThatVouchedForThem) {
  ServerOptions options = Options(ClientCertificate::kRequired);
  options.tls->ticket_secret.fill(7);
  const Path session = folder_->path() / "session-of-before";
  SClient(*Start(options),
          {"-tls1_3", "-cert", device_, "-key", KeyOf(device_), "-sess_out", session});
  options.tls->client_roots_pem = ReadTextOf(servers_->root());
  const auto server = Start(options);
  const std::string answer = SClient(*server, {"-tls1_3", "-sess_in", session});
  EXPECT_EQ(answer.find("HTTP/1.1 200"), std::string::npos) << answer;
  EXPECT_EQ(server->counts().tls_resumed, 0U);
}

TEST_F(Tls, SaysGoodbyeBeforeItCloses) {
  const auto server = Start(Options());
  const std::string output = SClient(*server, {"-tls1_3"});
  EXPECT_NE(output.find("HTTP/1.1 200"), std::string::npos);
  EXPECT_EQ(output.find("unexpected eof"), std::string::npos) << output;
}

TEST_F(Tls, RefusesOldProtocolsAndPlainText) {
  const auto server = Start(Options());
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}, {"-alpn", "h2"}}) {
    EXPECT_EQ(SClient(*server, arguments).find("HTTP/1.1 200"), std::string::npos) << arguments[0];
  }
  EXPECT_NE(SClient(*server, {"-alpn", "h2,http/1.1"}).find("ALPN protocol: http/1.1"),
            std::string::npos);
  const auto plain = MakeCurlTransport()->Send(
      {.url = "http://127.0.0.1:" + std::to_string(server->port()) + "/"});
  EXPECT_FALSE(plain);
  server->Stop(milliseconds(0));
  EXPECT_EQ(server->counts().tls_failed, 3U);
  EXPECT_EQ(server->counts().requests, 1U);
}

TEST_F(Tls, SilentClientsAreCutAndCannotHoldAllHandshakes) {
  ServerOptions options = Options();
  options.tls->handshakes_max = 1;
  options.tls->handshake_timeout = milliseconds(300);
  const auto server = Start(options);
  const auto connect = [&] {
    return RunSubprocess(
        {.arguments = {"/bin/bash", "-c",
                       "exec 3<>/dev/tcp/127.0.0.1/" + std::to_string(server->port()) +
                           "; timeout 10 cat <&3; echo ended $?"}});
  };
  std::string first_output;
  std::thread first([&] { first_output = connect()->output; });
  while (server->counts().connections_open == 0) std::this_thread::yield();
  EXPECT_FALSE(Get(*server, ""));
  EXPECT_EQ(server->counts().connections_refused, 1U);
  first.join();
  EXPECT_EQ(first_output, "ended 0\n");
  EXPECT_TRUE(Get(*server, ""));
}

TEST_F(Tls, NewCertificatesAreTakenWithoutDroppingConnections) {
  PosixFileSystem disk;
  const Path renewed = *servers_->Certify({.name = "renewed"});
  const Path certificate = folder_->path() / "current.pem";
  const auto put = [&](const Path& source, const Path& key) {
    ASSERT_TRUE(disk.WriteAtomically(certificate, AsBytes(ReadTextOf(source)), 0644));
    ASSERT_TRUE(disk.WriteAtomically(KeyOf(certificate), AsBytes(ReadTextOf(key)), 0600));
  };
  put(server_, KeyOf(server_));
  ServerOptions options = Options();
  options.tls->certificate_file = certificate;
  options.tls->key_file = KeyOf(certificate);
  options.tls->file_poll = milliseconds(3'600'000);
  const auto server = Start(options);
  const auto kept = MakeCurlTransport({.ca_file = servers_->root()});
  ASSERT_TRUE(kept->Send({.url = UrlOf(*server)}));

  put(renewed, KeyOf(server_));
  const Status mismatch = server->ReloadTls();
  ASSERT_FALSE(mismatch);
  EXPECT_EQ(mismatch.error().code, Code::kInvalidArgument);
  EXPECT_NE(SClient(*server, {}).find("CN = server"), std::string::npos);

  put(renewed, KeyOf(renewed));
  ASSERT_TRUE(server->ReloadTls());
  EXPECT_NE(SClient(*server, {}).find("CN = renewed"), std::string::npos);
  ASSERT_TRUE(kept->Send({.url = UrlOf(*server)}));
  EXPECT_EQ(server->counts().connections_accepted, 3U);

  options.tls->file_poll = milliseconds(5);
  const auto watching = Start(options);
  put(server_, KeyOf(server_));
  std::string seen;
  for (int i = 0; i < 200 && seen.find("CN = server\n") == std::string::npos; ++i) {
    seen = SClient(*watching, {});
  }
  EXPECT_NE(seen.find("CN = server\n"), std::string::npos);
}

TEST_F(Tls, UnusableCertificatesEndTheStart) {
  const struct {
    const char* name;
    Path certificate;
    Path key;
    Code code;
  } cases[] = {
      {"absent", "/nonexistent.pem", KeyOf(server_), Code::kNotFound},
      {"no certificate", KeyOf(server_), KeyOf(server_), Code::kInvalidArgument},
      {"no key", server_, server_, Code::kInvalidArgument},
      {"another key", server_, KeyOf(device_), Code::kInvalidArgument},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    ServerOptions options = Options();
    options.tls->certificate_file = c.certificate;
    options.tls->key_file = c.key;
    const auto server = Server::Start(options, {}, {});
    ASSERT_FALSE(server);
    EXPECT_EQ(server.error().code, c.code);
  }
  ServerOptions options = Options(ClientCertificate::kRequired);
  options.tls->client_roots_pem = "none";
  EXPECT_FALSE(Server::Start(options, {}, {}));
}

}  // namespace
}  // namespace kedge::http
