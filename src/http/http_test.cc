// SPDX-License-Identifier: Apache-2.0
#include "http/http.h"

#include <gtest/gtest.h>

namespace kedge::http {
namespace {

TEST(Http, PercentCodingRoundTripsEveryByte) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(PercentDecode(PercentEncode(all, true)), all);
  EXPECT_EQ(PercentDecode(PercentEncode(all, false)), all);
  EXPECT_EQ(PercentEncode("a/b c~", true), "a/b%20c~");
  EXPECT_EQ(PercentEncode("a/b", false), "a%2Fb");
}

TEST(Http, PercentDecodeLeavesWhatIsNoCode) {
  for (const char* text : {"%", "%4", "%zz", "a%", "+", "%%"}) EXPECT_EQ(PercentDecode(text), text);
  EXPECT_EQ(PercentDecode("%41%4a%4A"), "AJJ");
}

TEST(Http, QueryIsSplitBeforeItIsDecoded) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  struct Case {
    const char* query;
    Pairs want;
  };
  const Case cases[] = {
      {"", {}},
      {"a=1&b", {{"a", "1"}, {"b", ""}}},
      {"a=%26%3D&&c==", {{"a", "&="}, {"c", "="}}},
      {"=x", {{"", "x"}}},
      {"a=1+2", {{"a", "1+2"}}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.query);
    EXPECT_EQ(ParseQuery(c.query), c.want);
  }
}

TEST(Http, TargetSplitsAtTheFirstQuestionMark) {
  Request request;
  request.target = "/a?b?c";
  EXPECT_EQ(request.path(), "/a");
  EXPECT_EQ(request.query(), "b?c");
  request.target = "/a";
  EXPECT_EQ(request.query(), "");
}

TEST(Http, HeaderNamesHaveNoCase) {
  Headers headers{{{"Host", "a"}, {"X", "1"}, {"host", "b"}}};
  EXPECT_EQ(headers.Get("HOST"), "a");
  EXPECT_EQ(headers.Count("hOST"), 2u);
  EXPECT_EQ(headers.Get("none", "other"), "other");
  headers.Set("HOST", "c");
  EXPECT_EQ(headers.Count("Host"), 1u);
  EXPECT_EQ(headers.Get("Host"), "c");
}

TEST(Http, UrlIsSplit) {
  struct Case {
    const char* url;
    const char* authority;  // null: refused
    const char* target;
  };
  const Case cases[] = {
      {"http://h:1/p?q", "h:1", "/p?q"},
      {"HTTP://h", "h", "/"},
      {"https://h?q=1", "h", "/?q=1"},
      {"http://h/p#f", "h", "/p"},
      {"http://[::1]:8/", "[::1]:8", "/"},
      {"ftp://h/", nullptr, ""},
      {"h/p", nullptr, ""},
      {"http:///p", nullptr, ""},
      {"http://u@h/", nullptr, ""},
      {"http://h/\r\nX: y", nullptr, ""},
      {"http://:80/", nullptr, ""},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.url);
    const auto url = SplitUrl(c.url);
    ASSERT_EQ(url.has_value(), c.authority != nullptr);
    if (!url) {
      EXPECT_EQ(url.error().code, Code::kInvalidArgument);
      continue;
    }
    EXPECT_EQ(url->authority, c.authority);
    EXPECT_EQ(url->target, c.target);
  }
}

TEST(Http, DateHasTheFixedForm) {
  EXPECT_EQ(FormatHttpDate(1'440'938'160'999), "Sun, 30 Aug 2015 12:36:00 GMT");
}

TEST(Http, DateReadsBack) {
  EXPECT_EQ(*ParseHttpDate("Sun, 30 Aug 2015 12:36:00 GMT"), 1'440'938'160'000);
  for (const char* bad : {"", "Mon, 30 Aug 2015 12:36:00 GMT", "Sun, 30 aug 2015 12:36:00 GMT",
                          "Sun, 30 Aug 2015 12:36:00 UTC", "Sunday, 30-Aug-15 12:36:00 GMT",
                          "Sun, 30 Aug 2015 25:36:00 GMT", "Sun, 30 ugS 2015 12:36:00 GMT"})
    EXPECT_EQ(ParseHttpDate(bad).error().code, Code::kInvalidArgument) << bad;
}

}  // namespace
}  // namespace kedge::http
