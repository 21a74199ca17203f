// Mail over libcurl's SMTP.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <curl/curl.h>

#include "http/http.h"
#include "http/mail.h"

namespace kedge::http {
namespace {

constexpr size_t kLineCharactersMax = 76;
constexpr size_t kEncodedWordBytesMax = 39;  // a line of a subject is then below 76 characters

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

Status CheckAddress(const std::string& address) {
  if (HasControl(address) || address.find_first_of("<> ") != std::string::npos ||
      address.find('@') == std::string::npos) {
    return InvalidArgument("'" + address + "' is not an address of a mailbox");
  }
  return {};
}

// RFC 2047: words of base64, so that any character may stand in it and no line is too long.
std::string EncodedSubject(std::string_view subject) {
  std::string words;
  while (!subject.empty()) {
    size_t n = std::min(subject.size(), kEncodedWordBytesMax);
    while (n > 1 && n < subject.size() && (static_cast<uint8_t>(subject[n]) & 0xC0) == 0x80) --n;
    if (!words.empty()) words += "\r\n ";
    words += "=?utf-8?B?" + Base64Encode(AsBytes(subject.substr(0, n))) + "?=";
    subject.remove_prefix(n);
  }
  return words;
}

struct Upload {
  std::string_view left;
};

size_t OnRead(char* to, size_t, size_t room, void* user) {
  auto& upload = *static_cast<Upload*>(user);
  const size_t n = std::min(room, upload.left.size());
  std::memcpy(to, upload.left.data(), n);
  upload.left.remove_prefix(n);
  return n;
}

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

class CurlMailTransport final : public MailTransport {
 public:
  explicit CurlMailTransport(MailServer server) : server_(std::move(server)) {
    static const CURLcode kInitialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    KEDGE_CHECK(kInitialised == CURLE_OK);
  }

  Status Send(const Mail& mail) override {
    KEDGE_TRY(const std::string text, MailText(server_, mail));
    const std::unique_ptr<CURL, FreeHandle> handle(curl_easy_init());
    const std::unique_ptr<curl_slist, FreeList> recipients(
        curl_slist_append(nullptr, ("<" + mail.to + ">").c_str()));
    if (handle == nullptr || recipients == nullptr) return ResourceExhausted("out of memory");
    CURL* const easy = handle.get();
    Upload upload{text};
    char detail[CURL_ERROR_SIZE] = {};
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(easy, CURLOPT_URL, server_.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(server_.timeout.count()));
    // A password goes over TLS only; without one plain text is what a relay on this host speaks.
    curl_easy_setopt(easy, CURLOPT_USE_SSL,
                     static_cast<long>(server_.user.empty() ? CURLUSESSL_TRY : CURLUSESSL_ALL));
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, ("<" + server_.from + ">").c_str());
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipients.get());
    if (!server_.user.empty()) {
      curl_easy_setopt(easy, CURLOPT_USERNAME, server_.user.c_str());
      curl_easy_setopt(easy, CURLOPT_PASSWORD, server_.password.c_str());
    }
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, OnRead);
    curl_easy_setopt(easy, CURLOPT_READDATA, &upload);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    const CURLcode code = curl_easy_perform(easy);
    if (code == CURLE_OK) return {};
    const std::string what = "mail to " + mail.to + ": " +
                             std::string(*detail != '\0' ? detail : curl_easy_strerror(code));
    if (code == CURLE_OPERATION_TIMEDOUT) return DeadlineExceeded(what);
    return Unavailable(what);
  }

 private:
  const MailServer server_;
};

}  // namespace

Result<std::string> MailText(const MailServer& server, const Mail& mail) {
  KEDGE_TRY_STATUS(CheckAddress(server.from));
  KEDGE_TRY_STATUS(CheckAddress(mail.to));
  if (HasControl(mail.subject)) return InvalidArgument("the subject of a mail has a line break");
  const std::string host = server.from.substr(server.from.find('@') + 1);
  std::string text = "From: <" + server.from + ">\r\nTo: <" + mail.to +
                     ">\r\nSubject: " + EncodedSubject(mail.subject) +
                     "\r\nDate: " + FormatHttpDate(mail.time) + "\r\nMessage-ID: <" + mail.id +
                     "@" + host +
                     ">\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "Content-Transfer-Encoding: base64\r\nAuto-Submitted: auto-generated\r\n\r\n";
  const std::string body = Base64Encode(AsBytes(mail.body));
  for (size_t begin = 0; begin < body.size(); begin += kLineCharactersMax) {
    text += body.substr(begin, kLineCharactersMax) + "\r\n";
  }
  return text;
}

std::unique_ptr<MailTransport> MakeCurlMailTransport(MailServer server) {
  return std::make_unique<CurlMailTransport>(std::move(server));
}

}  // namespace kedge::http
