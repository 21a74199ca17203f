// The text of mails; sending is tested against a real receiver in tests/e2e/drift_alerts_test.py.
// SPDX-License-Identifier: Apache-2.0
#include "http/mail.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace kedge::http {
namespace {

const MailServer kServer{.url = "smtp://127.0.0.1:1", .from = "kedge@example.com"};

Mail ValidMail() {
  return {.to = "ops@example.com",
          .subject = "drift of \xC3\xA9tage",
          .body = "One line.\n.\nAnother.\n",
          .id = "0a1b",
          .time = 1'790'000'000'000};
}

TEST(Mail, IsARfc5322Message) {
  const auto text = MailText(kServer, ValidMail());
  ASSERT_TRUE(text);
  EXPECT_EQ(text->find("From: <kedge@example.com>\r\nTo: <ops@example.com>\r\n"), 0u);
  EXPECT_NE(
      text->find("Subject: =?utf-8?B?" + Base64Encode(AsBytes("drift of \xC3\xA9tage")) + "?=\r\n"),
      std::string::npos);
  EXPECT_NE(text->find("Message-ID: <0a1b@example.com>\r\n"), std::string::npos);
  EXPECT_NE(text->find("\r\n\r\n" + Base64Encode(AsBytes("One line.\n.\nAnother.\n")) + "\r\n"),
            std::string::npos);
}

TEST(Mail, NoLineIsLongerThanSmtpAllows) {
  Mail mail = ValidMail();
  mail.subject = std::string(300, 's');
  for (int i = 0; i < 100; ++i) mail.subject += "\xE2\x82\xAC";
  mail.body = std::string(5000, 'b');
  const auto text = MailText(kServer, mail);
  ASSERT_TRUE(text);
  size_t begin = 0;
  while (begin < text->size()) {
    const size_t end = text->find("\r\n", begin);
    ASSERT_NE(end, std::string::npos);
    EXPECT_LE(end - begin, 76u);
    begin = end + 2;
  }
}

TEST(Mail, WhatWouldAddHeadersIsRefused) {
  const struct {
    const char* name;
    void (*spoil)(Mail&);
    const char* message;
  } cases[] = {
      {"a line break in the address", [](Mail& mail) { mail.to = "a@b\r\nBcc: c@d"; },
       "'a@b\r\nBcc: c@d' is not an address of a mailbox"},
      {"no address", [](Mail& mail) { mail.to = "ops"; }, "'ops' is not an address of a mailbox"},
      {"two addresses", [](Mail& mail) { mail.to = "a@b> <c@d"; },
       "'a@b> <c@d' is not an address of a mailbox"},
      {"a line break in the subject", [](Mail& mail) { mail.subject = "a\nb"; },
       "the subject of a mail has a line break"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.name);
    Mail mail = ValidMail();
    one.spoil(mail);
    const auto text = MailText(kServer, mail);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error(), InvalidArgument(one.message));
  }
}

TEST(Mail, NobodyListeningIsUnavailable) {
  const auto transport = MakeCurlMailTransport(kServer);
  const Status sent = transport->Send(ValidMail());
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace kedge::http
