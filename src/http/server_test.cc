// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <arpa/inet.h>
#include <condition_variable>
#include <fcntl.h>
#include <future>
#include <gtest/gtest.h>
#include <mutex>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/subprocess.h"
#include "http/client.h"

namespace kedge::http {
namespace {

using std::chrono::milliseconds;

// A client that writes exactly the bytes it is told.
class RawConnection {
 public:
  explicit RawConnection(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;  // the server has closed: what it said is read by the caller
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  void EndOfSending() { ::shutdown(socket_.get(), SHUT_WR); }
  // Everything until the server closes.
  std::string ReadAllOf() {
    std::string all;
    while (ReadSome(all)) {
    }
    return all;
  }
  // Until `text` has arrived, or the end.
  std::string ReadUntil(std::string_view text) {
    std::string all;
    while (all.find(text) == std::string::npos && ReadSome(all)) {
    }
    return all;
  }

 private:
  bool ReadSome(std::string& all) {
    char piece[4096];
    const ssize_t n = ::recv(socket_.get(), piece, sizeof piece, 0);
    if (n > 0) all.append(piece, static_cast<size_t>(n));
    return n > 0;
  }
  FileDescriptor socket_;
};

Response ErrorBodyOf(int status, std::string_view message) {
  Response response;
  response.body = "error " + std::to_string(status) + ": " + std::string(message);
  return response;
}

// Says what it received.
void Echo(const Request& request, const Responder& respond) {
  Response response;
  response.headers.Set("X-Sha256", request.body_sha256);
  response.headers.Set("X-Spooled", request.body_file.empty() ? "no" : "yes");
  response.body = request.method + " " + request.target + " " + std::to_string(request.body_bytes);
  respond(std::move(response));
}

std::unique_ptr<Server> StartServer(const ServerOptions& options, Handler handler = Echo) {
  auto server = Server::Start(options, std::move(handler), ErrorBodyOf);
  EXPECT_TRUE(server) << server.error().message;
  return std::move(server).value();
}

ServerOptions SmallOptions() {
  ServerOptions options;
  options.handler_threads = 2;
  return options;
}

std::string UrlOf(const Server& server, const std::string& target) {
  return "http://127.0.0.1:" + std::to_string(server.port()) + target;
}

TEST(Server, AnswersRequestsOnAKeptConnection) {
  const auto server = StartServer(SmallOptions());
  const auto transport = MakeCurlTransport();
  for (const char* method : {"GET", "POST", "PUT", "DELETE", "PATCH"}) {
    SCOPED_TRACE(method);
    ClientRequest request;
    request.method = method;
    request.url = UrlOf(*server, "/a/../b?c=%20");
    request.body = std::string(method) == "GET" ? "" : "12345";
    const auto response = transport->Send(request);
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body,
              std::string(method) + " /a/../b?c=%20 " + std::to_string(request.body.size()));
    EXPECT_EQ(response->headers.Get("X-Sha256"), crypto::Sha256Hex(AsBytes(request.body)));
  }
  EXPECT_EQ(server->counts().connections_accepted, 1u);
  EXPECT_EQ(server->counts().requests, 5u);
}

TEST(Server, PipelinedRequestsAreAnsweredInOrder) {
  const auto server = StartServer(SmallOptions());
  RawConnection client(server->port());
  std::string all;
  for (int i = 0; i < 50; ++i)
    all += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  all += "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  client.Send(all);
  const std::string answers = client.ReadAllOf();
  size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = answers.find("POST /" + std::to_string(i) + " 3", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  EXPECT_NE(answers.find("GET /last 0", at), std::string::npos);
}

TEST(Server, BadFramingIsRefusedAndTheConnectionEnds) {
  struct Case {
    const char* name;
    std::string bytes;
    const char* status;
  };
  const std::string big(40'000, 'x');
  const Case cases[] = {
      {"bare LF", "GET / HTTP/1.1\nHost: a\n\n", "400"},
      {"folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", "400"},
      {"blank before colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"},
      {"two lengths",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "400"},
      {"different lengths",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "400"},
      {"negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400"},
      {"length and chunked",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\n",
       "400"},
      {"chunked twice",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "400"},
      {"bad chunk size",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", "400"},
      {"chunk without end",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
       "400"},
      {"overflowing chunk size",
       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n",
       "400"},
      {"no host", "GET / HTTP/1.1\r\n\r\n", "400"},
      {"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"absolute target", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"},
      {"garbage", "\x16\x03\x01 not http", "400"},
      {"version", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", "400"},
      {"expectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", "417"},
      {"long header", "GET / HTTP/1.1\r\nHost: a\r\nX: " + big + "\r\n\r\n", "431"},
      {"endless header", "GET / HTTP/1.1\r\nHost: a\r\nX: " + big, "431"},
  };
  const auto server = StartServer(SmallOptions());
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    RawConnection client(server->port());
    client.Send(c.bytes + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    client.EndOfSending();
    const std::string answer = client.ReadAllOf();
    EXPECT_EQ(answer.substr(0, 12), std::string("HTTP/1.1 ") + c.status);
    EXPECT_NE(answer.find("Connection: close"), std::string::npos);
    EXPECT_NE(answer.find(std::string("error ") + c.status), std::string::npos);
    EXPECT_EQ(answer.find("smuggled"), std::string::npos);
  }
  EXPECT_EQ(server->counts().requests, 0u);
}

TEST(Server, ChunkedBodyOfManyChunksIsJoined) {
  const auto server = StartServer(SmallOptions());
  RawConnection client(server->port());
  client.Send("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::string body;
  std::string wire;
  for (int i = 0; i < 20'000; ++i) {
    const std::string piece(1 + i % 7, static_cast<char>('a' + i % 26));
    body += piece;
    wire += std::to_string(piece.size()) + ";ext=1\r\n" + piece + "\r\n";
  }
  client.Send(wire + "0\r\nTrailer: x\r\n\r\n");
  const std::string answer = client.ReadUntil("POST /c " + std::to_string(body.size()));
  EXPECT_NE(answer.find("X-Sha256: " + crypto::Sha256Hex(AsBytes(body))), std::string::npos);
}

TEST(Server, LargeBodyIsSpooledAndRemovedAfterwards) {
  auto folder = TemporaryDirectory::Make();
  ASSERT_TRUE(folder);
  ServerOptions options = SmallOptions();
  options.body_in_memory_max = 1000;
  options.body_bytes_max = 1'000'000;
  options.spool_directory = folder->path();
  std::string spooled;
  const auto server = StartServer(options, [&](const Request& request, const Responder& respond) {
    PosixFileSystem disk;
    spooled = AsText(disk.Read(request.body_file, 1u << 30).value_or(ByteBuffer()));
    Echo(request, respond);
  });
  ClientRequest request;
  request.method = "PUT";
  request.url = UrlOf(*server, "/");
  request.body = std::string(500'000, 'q') + "end";
  const auto transport = MakeCurlTransport();
  const auto response = transport->Send(request);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->headers.Get("X-Spooled"), "yes");
  EXPECT_EQ(response->headers.Get("X-Sha256"), crypto::Sha256Hex(AsBytes(request.body)));
  EXPECT_EQ(spooled, request.body);

  request.body = std::string(1'000'001, 'q');
  const auto refused = transport->Send(request);
  ASSERT_TRUE(refused) << refused.error().message;
  EXPECT_EQ(refused->status, 413);
  server->Stop(milliseconds(0));
  EXPECT_TRUE(PosixFileSystem().List(folder->path())->empty());
}

TEST(Server, WithoutSpoolFolderLargeBodiesAreRefused) {
  ServerOptions options = SmallOptions();
  options.body_in_memory_max = 10;
  const auto server = StartServer(options);
  RawConnection client(server->port());
  client.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n01234567890");
  EXPECT_EQ(client.ReadAllOf().substr(0, 12), "HTTP/1.1 413");
}

TEST(Server, UnusableSpoolFolderAnswers503) {
  ServerOptions options = SmallOptions();
  options.body_in_memory_max = 10;
  options.spool_directory = "/nonexistent/spool";
  const auto server = StartServer(options);
  RawConnection client(server->port());
  client.Send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n01234567890");
  EXPECT_EQ(client.ReadAllOf().substr(0, 12), "HTTP/1.1 503");
}

TEST(Server, ContinueIsSentBeforeTheBodyComes) {
  const auto server = StartServer(SmallOptions());
  RawConnection client(server->port());
  client.Send("PUT /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("ab");
  EXPECT_NE(client.ReadUntil("PUT /e 2").find("200 OK"), std::string::npos);
}

TEST(Server, HeadHasTheLengthButNoBody) {
  const auto server = StartServer(SmallOptions());
  RawConnection client(server->port());
  client.Send(
      "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\nGET /g HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string answers = client.ReadAllOf();
  EXPECT_NE(answers.find("Content-Length: 9"), std::string::npos);  // "HEAD /h 0"
  EXPECT_EQ(answers.find("HEAD /h 0"), std::string::npos);
  EXPECT_NE(answers.find("GET /g 0"), std::string::npos);
}

TEST(Server, PartOfAFileIsSent) {
  auto folder = TemporaryDirectory::Make();
  ASSERT_TRUE(folder);
  std::string content;
  for (int i = 0; i < 300'000; ++i) content += std::to_string(i);
  PosixFileSystem disk;
  ASSERT_TRUE(disk.WriteAtomically(folder->path() / "f", AsBytes(content), 0600));
  const auto server = StartServer(SmallOptions(), [&](const Request&, const Responder& respond) {
    Response response;
    response.file =
        std::make_shared<FileDescriptor>(OpenFile(folder->path() / "f", O_RDONLY).value());
    response.file_offset = 7;
    response.file_bytes = content.size() - 20;
    respond(std::move(response));
  });
  ClientRequest request;
  request.url = UrlOf(*server, "/");
  std::string received;
  request.sink = [&](Bytes piece) {
    received += AsText(piece);
    return Status();
  };
  const auto response = MakeCurlTransport()->Send(request);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(received, content.substr(7, content.size() - 20));
}

TEST(Server, FileThatEndsEarlyBreaksTheConnectionInsteadOfLying) {
  auto folder = TemporaryDirectory::Make();
  ASSERT_TRUE(folder);
  PosixFileSystem disk;
  ASSERT_TRUE(disk.WriteAtomically(folder->path() / "f", AsBytes("short"), 0600));
  const auto server = StartServer(SmallOptions(), [&](const Request&, const Responder& respond) {
    Response response;
    response.file =
        std::make_shared<FileDescriptor>(OpenFile(folder->path() / "f", O_RDONLY).value());
    response.file_bytes = 10;
    respond(std::move(response));
  });
  ClientRequest request;
  request.url = UrlOf(*server, "/");
  const auto response = MakeCurlTransport()->Send(request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kUnavailable);
}

TEST(Server, SlowAndIdleConnectionsAreClosed) {
  ServerOptions options = SmallOptions();
  options.header_timeout = milliseconds(30);
  options.idle_timeout = milliseconds(30);
  options.body_timeout = milliseconds(30);
  const auto server = StartServer(options);
  RawConnection slow_head(server->port());
  slow_head.Send("GET / HT");
  EXPECT_EQ(slow_head.ReadAllOf(), "");
  RawConnection slow_body(server->port());
  slow_body.Send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab");
  EXPECT_EQ(slow_body.ReadAllOf(), "");
  RawConnection idle(server->port());
  EXPECT_EQ(idle.ReadAllOf(), "");
  EXPECT_EQ(server->counts().requests, 0u);
}

// A handler that waits until the test lets it go.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void WaitUntilOpen() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void WaitForWaiters(int n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= n; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

TEST(Server, FullQueueAnswers503WithRetryAfter) {
  ServerOptions options;
  options.handler_threads = 1;
  options.queue_max = 1;
  Gate gate;
  const auto server = StartServer(options, [&](const Request& request, const Responder& respond) {
    gate.WaitUntilOpen();
    Echo(request, respond);
  });
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  RawConnection running(server->port());
  running.Send(text);
  gate.WaitForWaiters(1);
  // One of these two waits in the queue, the other one is too many.
  RawConnection second(server->port());
  RawConnection third(server->port());
  second.Send(text);
  third.Send(text);
  std::string answers[2];
  std::thread reader([&] { answers[0] = second.ReadAllOf(); });
  std::thread other([&] { answers[1] = third.ReadAllOf(); });
  while (server->counts().requests_refused == 0) std::this_thread::yield();
  gate.Open();
  reader.join();
  other.join();
  EXPECT_NE(running.ReadAllOf().find("200 OK"), std::string::npos);
  const std::string both = answers[0] + answers[1];
  EXPECT_NE(both.find("503 Service Unavailable"), std::string::npos);
  EXPECT_NE(both.find("Retry-After: 1"), std::string::npos);
  EXPECT_NE(both.find("200 OK"), std::string::npos);
}

TEST(Server, ConnectionsAboveTheMaximumAreClosed) {
  ServerOptions options = SmallOptions();
  options.connections_max = 1;
  const auto server = StartServer(options);
  RawConnection first(server->port());
  first.Send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  first.ReadUntil("GET /1 0");
  RawConnection second(server->port());
  EXPECT_EQ(second.ReadAllOf(), "");
  EXPECT_EQ(server->counts().connections_refused, 1u);
}

TEST(Server, StopLetsRunningRequestsEnd) {
  Gate gate;
  const auto server =
      StartServer(SmallOptions(), [&](const Request& request, const Responder& respond) {
        gate.WaitUntilOpen();
        Echo(request, respond);
      });
  RawConnection idle(server->port());
  RawConnection running(server->port());
  running.Send("GET /r HTTP/1.1\r\nHost: a\r\n\r\n");
  gate.WaitForWaiters(1);
  std::thread stopper([&] { server->Stop(std::chrono::minutes(1)); });
  EXPECT_EQ(idle.ReadAllOf(), "");  // closed at once
  gate.Open();
  EXPECT_NE(running.ReadAllOf().find("GET /r 0"), std::string::npos);
  stopper.join();
  EXPECT_EQ(server->counts().connections_open, 0u);
}

TEST(Server, StopWithoutGraceCutsRequestsAndLateAnswersAreDropped) {
  std::promise<Responder> kept;
  const auto server = StartServer(SmallOptions(), [&](const Request&, Responder respond) {
    kept.set_value(std::move(respond));
  });
  RawConnection client(server->port());
  client.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const Responder responder = kept.get_future().get();
  server->Stop(milliseconds(0));
  EXPECT_EQ(client.ReadAllOf(), "");
  responder(Response());
}

TEST(Server, AnswerMayComeLaterFromAnotherThreadAndForgottenOnesAre500) {
  std::vector<std::thread> threads;
  const auto server = StartServer(SmallOptions(), [&](const Request& request, Responder respond) {
    if (request.target == "/forget") return;
    threads.emplace_back([respond = std::move(respond)] {
      Response response;
      response.status = 404;
      respond(response);
      respond(Response());  // too late: ignored
    });
  });
  RawConnection client(server->port());
  client.Send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_NE(client.ReadUntil("Content-Length: 0").find("404 Not Found"), std::string::npos);
  client.Send("GET /forget HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_NE(client.ReadAllOf().find("500 Internal Server Error"), std::string::npos);
  for (std::thread& thread : threads) thread.join();
}

TEST(Server, TakenAddressIsUnavailableAndABadOneInvalid) {
  const auto server = StartServer(SmallOptions());
  ServerOptions options = SmallOptions();
  options.port = server->port();
  EXPECT_EQ(Server::Start(options, Echo, ErrorBodyOf).error().code, Code::kUnavailable);
  options.address = "nowhere";
  EXPECT_EQ(Server::Start(options, Echo, ErrorBodyOf).error().code, Code::kInvalidArgument);
}

TEST(Server, CurlUploadsAndDownloads) {
  auto folder = TemporaryDirectory::Make();
  ASSERT_TRUE(folder);
  ServerOptions options = SmallOptions();
  options.spool_directory = folder->path();
  const auto server = StartServer(options);
  const Path file = folder->path() / "upload";
  PosixFileSystem disk;
  ASSERT_TRUE(disk.WriteAtomically(file, ByteBuffer(6u << 20, 'z'), 0600));
  for (const char* how : {"Content-Length", "Transfer-Encoding: chunked"}) {
    SCOPED_TRACE(how);
    SubprocessOptions curl;
    curl.arguments = {"curl",
                      "-sS",
                      "--noproxy",
                      "*",
                      "-T",
                      file.string(),
                      "-H",
                      std::string("X-How: ") + how,
                      UrlOf(*server, "/curl")};
    if (std::string(how) != "Content-Length")
      curl.arguments.insert(curl.arguments.end(), {"-H", how});
    curl.timeout = milliseconds(60'000);
    const auto result = RunSubprocess(curl);
    if (!result) GTEST_SKIP() << "skipped: " << result.error().message;
    EXPECT_EQ(result->exit_code, 0) << result->errors;
    EXPECT_EQ(result->output, "PUT /curl 6291456");
  }
}

// ---- The client. ----

TEST(Client, ErrorsHaveTheirCodes) {
  const auto server = StartServer(SmallOptions());
  const auto transport = MakeCurlTransport();
  ClientRequest request;
  request.url = "gopher://127.0.0.1/";
  EXPECT_EQ(transport->Send(request).error().code, Code::kInvalidArgument);
  request.url = UrlOf(*server, "/");
  request.headers.Set("X", "a\r\nY: b");
  EXPECT_EQ(transport->Send(request).error().code, Code::kInvalidArgument);
  request.headers = {};
  request.response_bytes_max = 3;
  EXPECT_EQ(transport->Send(request).error().code, Code::kResourceExhausted);
  request.response_bytes_max = 1000;
  request.sink = [](Bytes) -> Status { return DataLoss("disk"); };
  EXPECT_EQ(transport->Send(request).error().code, Code::kDataLoss);
  request.sink = nullptr;
  const std::atomic<bool> cancelled = true;
  request.cancelled = &cancelled;
  EXPECT_EQ(transport->Send(request).error().code, Code::kCancelled);
  request.cancelled = nullptr;
  server->Stop(milliseconds(0));
  EXPECT_EQ(transport->Send(request).error().code, Code::kUnavailable);
}

TEST(Client, WaitsNoLongerThanItsTimeout) {
  Gate gate;
  const auto server =
      StartServer(SmallOptions(), [&](const Request& request, const Responder& respond) {
        gate.WaitUntilOpen();
        Echo(request, respond);
      });
  ClientRequest request;
  request.url = UrlOf(*server, "/");
  request.timeout = milliseconds(50);
  EXPECT_EQ(MakeCurlTransport()->Send(request).error().code, Code::kDeadlineExceeded);
  gate.Open();
}

TEST(Client, SendsAFileAndKeepsErrorBodiesOutOfTheSink) {
  const auto server =
      StartServer(SmallOptions(), [](const Request& request, const Responder& respond) {
        Response response;
        response.status = 404;
        response.body = "not here: " + request.body;
        respond(std::move(response));
      });
  auto folder = TemporaryDirectory::Make();
  ASSERT_TRUE(folder);
  PosixFileSystem disk;
  ASSERT_TRUE(disk.WriteAtomically(folder->path() / "f", AsBytes("0123456789"), 0600));
  const FileDescriptor file = OpenFile(folder->path() / "f", O_RDONLY).value();
  ClientRequest request;
  request.method = "PUT";
  request.url = UrlOf(*server, "/");
  request.body_fd = file.get();
  request.body_bytes = 4;
  bool sink_called = false;
  request.sink = [&](Bytes) {
    sink_called = true;
    return Status();
  };
  const auto response = MakeCurlTransport()->Send(request);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "not here: 0123");
  EXPECT_FALSE(sink_called);
  request.body_bytes = 99;
  EXPECT_EQ(MakeCurlTransport()->Send(request).error().code, Code::kDataLoss);
}

TEST(Client, CallsOfTwoThreadsRunAtTheSameTime) {
  std::mutex mutex;
  std::vector<Responder> waiting;  // answered when both calls are there
  const auto server = StartServer(SmallOptions(), [&](const Request&, const Responder& respond) {
    const std::lock_guard lock(mutex);
    waiting.push_back(respond);
    if (waiting.size() < 2) return;
    for (const Responder& responder : waiting) responder(Response());
  });
  const auto transport = MakeCurlTransport();
  const auto call = [&] { return transport->Send({.url = UrlOf(*server, "/")}).has_value(); };
  auto other = std::async(std::launch::async, call);
  EXPECT_TRUE(call());
  EXPECT_TRUE(other.get());
}

// ---- What may come in ----

TEST(Server, LongBodyIsReadOnlyAfterItsHeadWasChecked) {
  ServerOptions options = SmallOptions();
  options.unchecked_body_max = 10;
  std::atomic<int> checks{0};
  options.head_check = [&](const Request& head) -> HeadVerdict {
    ++checks;
    EXPECT_EQ(head.body_bytes, 0u);
    if (head.target == "/refused") {
      HeadVerdict verdict{.refusal = Response()};
      verdict.refusal->status = 403;
      verdict.refusal->body = "not you";
      return verdict;
    }
    return {.body_bytes_max = 20};
  };
  const auto server = StartServer(options);
  struct Case {
    const char* name;
    const char* text;
    const char* answer;
    int checks;
  };
  const Case cases[] = {
      {"short", "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789", "200", 0},
      {"none", "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "200", 0},
      {"long", "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n0123456789a", "200", 1},
      {"refused without the body", "PUT /refused HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n",
       "403", 1},
      {"above the verdict's limit", "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 21\r\n\r\n",
       "413", 1},
      {"chunked",
       "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "200",
       1},
      {"chunked above the limit",
       "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
       "chunked\r\n\r\n15\r\n012345678901234567890\r\n",
       "413", 1},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    checks = 0;
    RawConnection connection(server->port());
    connection.Send(c.text);
    connection.EndOfSending();
    EXPECT_EQ(connection.ReadAllOf().substr(9, 3), c.answer);
    EXPECT_EQ(checks, c.checks);
  }
}

// Once a trailer or an extension that did not fit into the buffer kept the loop busy for ever.
TEST(Server, FramingOfChunksIsBounded) {
  const auto server = StartServer(SmallOptions());
  const std::string head = "PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string many_chunks;
  for (int i = 0; i < 5000; ++i) many_chunks += "1\r\nx\r\n";
  struct Case {
    const char* name;
    std::string body;
    const char* answer;
  };
  const Case cases[] = {
      {"an extension", "5;name=value\r\n12345\r\n0\r\n\r\n", "200"},
      {"a trailer", "5\r\n12345\r\n0\r\nX-Sum: abc\r\n\r\n", "200"},
      {"many small chunks", many_chunks + "0\r\n\r\n", "200"},
      {"a long extension", "5;" + std::string(5000, 'a') + "\r\n12345\r\n0\r\n\r\n", "400"},
      {"an extension without end", "5;" + std::string(200'000, 'a'), "400"},
      {"a size with many zeros", std::string(5000, '0') + "5\r\n12345\r\n0\r\n\r\n", "400"},
      {"a long trailer", "0\r\nX: " + std::string(200'000, 'a') + "\r\n\r\n", "400"},
      {"a trailer without end", "0\r\nX: " + std::string(200'000, 'a'), "400"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    RawConnection connection(server->port());
    connection.Send(head + c.body);
    connection.EndOfSending();
    EXPECT_EQ(connection.ReadAllOf().substr(9, 3), c.answer);
  }
}

TEST(Server, BodiesInMemoryHaveALimitTogether) {
  ServerOptions options = SmallOptions();
  options.bodies_in_memory_max = 100;
  const auto server = StartServer(options);
  const std::string head = "PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 60\r\n";
  RawConnection first(server->port());
  // Of the first body 50 bytes are there once its answer to Expect has come and they were sent.
  first.Send(head + "Expect: 100-continue\r\n\r\n");
  EXPECT_NE(first.ReadUntil("\r\n\r\n").find("100 Continue"), std::string::npos);
  first.Send(std::string(50, 'x'));
  std::string refused;
  for (int tries = 0; tries < 1000 && refused.find("503") == std::string::npos; ++tries) {
    RawConnection second(server->port());
    second.Send(head + "\r\n" + std::string(60, 'y'));
    second.EndOfSending();
    refused = second.ReadAllOf();  // 200 until the 50 bytes of the first have arrived
  }
  EXPECT_NE(refused.find("503"), std::string::npos);
  EXPECT_NE(refused.find("Retry-After: 1"), std::string::npos);
  first.Send(std::string(10, 'x'));
  first.EndOfSending();
  EXPECT_NE(first.ReadAllOf().find("200 OK"), std::string::npos);
  RawConnection third(server->port());  // all was given back
  third.Send(head + "\r\n" + std::string(60, 'z'));
  third.EndOfSending();
  EXPECT_NE(third.ReadAllOf().find("200 OK"), std::string::npos);
}

TEST(Server, ConnectionsOfOnePeerHaveALimit) {
  ServerOptions options = SmallOptions();
  options.connections_per_peer_max = 2;
  const auto server = StartServer(options);
  const std::string request = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
  {
    RawConnection first(server->port());
    RawConnection second(server->port());
    for (RawConnection* connection : {&first, &second}) {
      connection->Send(request);
      EXPECT_NE(connection->ReadUntil("/a 0").find("200 OK"), std::string::npos);
    }
    RawConnection third(server->port());
    third.Send(request);
    EXPECT_EQ(third.ReadAllOf(), "");
    EXPECT_EQ(server->counts().connections_refused, 1u);
  }
  for (int tries = 0; tries < 1000; ++tries) {  // until the loop has seen that they are gone
    RawConnection later(server->port());
    later.Send(request);
    later.EndOfSending();
    if (later.ReadAllOf().find("200 OK") != std::string::npos) return;
  }
  FAIL() << "a place was not given back";
}

}  // namespace
}  // namespace kedge::http
