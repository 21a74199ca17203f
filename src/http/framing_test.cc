// SPDX-License-Identifier: Apache-2.0
#include "http/framing.h"

#include <gtest/gtest.h>

namespace kedge::http {
namespace {

using State = HeadScan::State;

TEST(Framing, HeadIsFoundWhereverTheBytesAreCut) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (size_t cut = 0; cut < head.size(); ++cut) {
    SCOPED_TRACE(cut);
    const std::string_view all = head;
    EXPECT_EQ(ScanHead(all.substr(0, cut), 0).state, State::kIncomplete);
    const HeadScan rest = ScanHead(all, cut);
    EXPECT_EQ(rest.state, State::kComplete);
    EXPECT_EQ(rest.bytes, head.size());
  }
  EXPECT_EQ(ScanHead(head + "GET /next", 0).bytes, head.size());
}

TEST(Framing, MalformedHeadsAreSeenAtTheirFirstBadByte) {
  struct Case {
    const char* name;
    std::string bytes;
  };
  const Case cases[] = {
      {"bare LF", "GET / HTTP/1.1\n"},
      {"LF after header", "GET / HTTP/1.1\r\nHost: a\n\r\n"},
      {"bare CR", "GET / HTTP/1.1\rHost"},
      {"folded with blank", "GET / HTTP/1.1\r\nA: b\r\n c"},
      {"folded with tab", "GET / HTTP/1.1\r\nA: b\r\n\tc"},
      {"NUL", std::string("GET /\0", 6)},
      {"TLS", "\x16\x03\x01"},
      {"DEL", "GET /\x7f"},
      {"LF first", "\nGET"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(ScanHead(c.bytes, 0).state, State::kMalformed);
  }
}

TEST(Framing, AmbiguousHeadsAreRefused) {
  struct Case {
    const char* name;
    unsigned version;
    const char* target;
    std::vector<Header> headers;
    int status;  // 0: accepted
  };
  const Header host = {"Host", "a"};
  const Case cases[] = {
      {"plain", 11, "/", {host}, 0},
      {"HTTP/1.0 without host", 10, "/", {}, 0},
      {"length", 11, "/", {host, {"Content-Length", "5"}}, 0},
      {"chunked", 11, "/", {host, {"Transfer-Encoding", "Chunked"}}, 0},
      {"no host", 11, "/", {}, 400},
      {"two hosts", 11, "/", {host, {"host", "b"}}, 400},
      {"two equal lengths", 11, "/", {host, {"Content-Length", "5"}, {"content-length", "5"}}, 400},
      {"list of lengths", 11, "/", {host, {"Content-Length", "5, 5"}}, 400},
      {"signed length", 11, "/", {host, {"Content-Length", "+5"}}, 400},
      {"empty length", 11, "/", {host, {"Content-Length", ""}}, 400},
      {"huge length", 11, "/", {host, {"Content-Length", "99999999999999999999"}}, 400},
      {"length and coding",
       11,
       "/",
       {host, {"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}},
       400},
      {"two codings",
       11,
       "/",
       {host, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
       400},
      {"coding list", 11, "/", {host, {"Transfer-Encoding", "gzip, chunked"}}, 400},
      {"identity coding", 11, "/", {host, {"Transfer-Encoding", "identity"}}, 400},
      {"coding in 1.0", 10, "/", {host, {"Transfer-Encoding", "chunked"}}, 400},
      {"absolute target", 11, "http://a/", {host}, 400},
      {"star target", 11, "*", {host}, 400},
      {"version", 20, "/", {host}, 505},
      {"expectation", 11, "/", {host, {"Expect", "200-ok"}}, 417},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Request request;
    request.target = c.target;
    request.headers.list = c.headers;
    const auto refusal = CheckHead(request, c.version);
    EXPECT_EQ(refusal ? refusal->status : 0, c.status);
  }
}

TEST(Framing, ResponseHeadCannotBeSplitByItsValues) {
  Response response;
  response.headers.list = {{"X-Good", "1"},
                           {"X-Bad", "a\r\nSet-Cookie: b"},
                           {"X Bad", "1"},
                           {"Content-Length", "99"},
                           {"Transfer-Encoding", "chunked"}};
  response.body = "four";
  const std::string head = FormatHead(response, {.keep_alive = true, .now = 0});
  EXPECT_EQ(head,
            "HTTP/1.1 200 OK\r\nX-Good: 1\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
            "Content-Length: 4\r\n\r\n");
}

TEST(Framing, AnswersWithoutBodyHaveNone) {
  Response response;
  response.headers.Set("Content-Length", "99");
  EXPECT_NE(FormatHead(response, {.keep_alive = false, .is_head_request = true})
                .find("Content-Length: 99\r\nConnection: close\r\n\r\n"),
            std::string::npos);
  EXPECT_FALSE(HasBody(response, true));
  response.status = 304;
  EXPECT_FALSE(HasBody(response, false));
  EXPECT_EQ(FormatHead(response, {}).find("Content-Length"), std::string::npos);
}

}  // namespace
}  // namespace kedge::http
