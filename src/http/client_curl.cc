// The client over libcurl. libcurl stays in this one file.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <curl/curl.h>
#include <mutex>
#include <optional>
#include <unistd.h>

#include "http/client.h"

namespace kedge::http {

namespace {

constexpr size_t kResponseHeaderBytesMax = 256u << 10;

// What the callbacks of one exchange share. A callback that stops the exchange says why in `error`.
struct Transfer {
  const ClientRequest& request;
  Response response;
  std::optional<Error> error;
  uint64_t received_bytes = 0;
  uint64_t sent_bytes = 0;
  size_t header_bytes = 0;
};

// A number of bytes other than those given tells curl to stop.
size_t StopWith(Transfer& transfer, Error why, size_t given) {
  transfer.error = std::move(why);
  return given == 0 ? 1 : 0;
}

size_t OnHeader(char* from, size_t, size_t n, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  std::string_view line(from, n);
  transfer.header_bytes += n;
  if (transfer.header_bytes > kResponseHeaderBytesMax)
    return StopWith(transfer, ResourceExhausted("the header of the answer is too long"), n);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  if (line.substr(0, 5) == "HTTP/") {  // anew after "100 Continue"
    transfer.response.headers.list.clear();
    const size_t blank = std::min(line.find(' '), line.size());
    transfer.response.status = std::atoi(std::string(line.substr(blank)).c_str());
    return n;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return n;
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  transfer.response.headers.list.emplace_back(std::string(line.substr(0, colon)),
                                              std::string(value));
  return n;
}

size_t OnBody(char* from, size_t, size_t n, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const ClientRequest& request = transfer.request;
  transfer.received_bytes += n;
  if (transfer.received_bytes > request.response_bytes_max)
    return StopWith(transfer,
                    ResourceExhausted("the answer is longer than the limit of " +
                                      std::to_string(request.response_bytes_max) + " bytes"),
                    n);
  const std::string_view piece(from, n);
  if (request.sink && transfer.response.status >= 200 && transfer.response.status < 300) {
    if (Status status = request.sink(AsBytes(piece)); !status)
      return StopWith(transfer, std::move(status).error(), n);
  } else {
    transfer.response.body += piece;
  }
  return n;
}

size_t OnUpload(char* to, size_t, size_t room, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const ClientRequest& request = transfer.request;
  if (request.body_fd < 0) {
    const size_t n = std::min(room, request.body.size() - transfer.sent_bytes);
    std::copy_n(request.body.data() + transfer.sent_bytes, n, to);
    transfer.sent_bytes += n;
    return n;
  }
  const size_t wanted = std::min<uint64_t>(room, request.body_bytes - transfer.sent_bytes);
  if (wanted == 0) return 0;
  const ssize_t n = ::pread(request.body_fd, to, wanted,
                            static_cast<off_t>(request.body_offset + transfer.sent_bytes));
  if (n <= 0) {
    transfer.error =
        DataLoss("the file to send ended after " + std::to_string(transfer.sent_bytes) + " of " +
                 std::to_string(request.body_bytes) + " bytes");
    return CURL_READFUNC_ABORT;
  }
  transfer.sent_bytes += static_cast<uint64_t>(n);
  return static_cast<size_t>(n);
}

// curl starts a body again when a kept connection turned out to be dead.
int OnSeek(void* user, curl_off_t offset, int origin) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
  transfer.sent_bytes = static_cast<uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& transfer = *static_cast<const Transfer*>(user);
  const std::atomic<bool>* cancelled = transfer.request.cancelled;
  return cancelled != nullptr && cancelled->load() ? 1 : 0;
}

Error ToError(CURLcode code, const Transfer& transfer, std::string_view detail) {
  if (transfer.error.has_value()) return *transfer.error;
  const std::string what = transfer.request.method + " " +
                           transfer.request.url.substr(0, transfer.request.url.find('?')) + ": " +
                           std::string(detail);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return DeadlineExceeded(what);
    case CURLE_ABORTED_BY_CALLBACK:
      return Cancelled(what);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      return InvalidArgument(what);
    case CURLE_OUT_OF_MEMORY:
      return ResourceExhausted(what);
    default:
      return Unavailable(what);
  }
}

class HeaderList {
 public:
  HeaderList() = default;
  ~HeaderList() { curl_slist_free_all(list_); }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  Status Append(const std::string& line) {
    curl_slist* longer = curl_slist_append(list_, line.c_str());
    if (longer == nullptr) return ResourceExhausted("out of memory");
    list_ = longer;
    return {};
  }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

bool HasLineBreak(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

Status ToHeaderList(const ClientRequest& request, HeaderList& list) {
  for (const auto& [name, value] : request.headers.list) {
    if (name.empty() || HasLineBreak(name) || HasLineBreak(value))
      return InvalidArgument("header '" + name + "' has an empty name or a line break");
    // "Name;" is curl's way to send a header with an empty value.
    KEDGE_TRY_STATUS(list.Append(value.empty() ? name + ";" : name + ": " + value));
  }
  // What curl would add by itself, and a signature would not cover.
  for (const char* name : {"Accept", "Content-Type", "Expect"}) {
    if (request.headers.Find(name) == nullptr)
      KEDGE_TRY_STATUS(list.Append(std::string(name) + ":"));
  }
  return {};
}

// Borrowed by curl: it lives as long as the transport.
curl_blob BlobOf(const std::string& text) {
  return {.data = const_cast<char*>(text.data()), .len = text.size(), .flags = CURL_BLOB_NOCOPY};
}

// Handles that are not in use, each with its open connections. Thread-safe.
class HandlePool {
 public:
  static constexpr size_t kIdleMax = 16;  // more are closed when they come back
  HandlePool() = default;
  ~HandlePool() {
    for (CURL* handle : idle_) curl_easy_cleanup(handle);
  }
  HandlePool(const HandlePool&) = delete;
  HandlePool& operator=(const HandlePool&) = delete;

  // One handle while it lives.
  class Lease {
   public:
    explicit Lease(HandlePool& pool) : pool_(pool), handle_(pool.Take()) {}
    ~Lease() { pool_.Give(handle_); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    CURL* get() const { return handle_; }

   private:
    HandlePool& pool_;
    CURL* handle_;
  };

 private:
  CURL* Take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        CURL* handle = idle_.back();  // the one used last: its connection is the most alive
        idle_.pop_back();
        return handle;
      }
    }
    CURL* handle = curl_easy_init();
    KEDGE_CHECK(handle != nullptr);
    return handle;
  }
  void Give(CURL* handle) {
    curl_easy_reset(handle);  // keeps the connections
    {
      const std::lock_guard lock(mutex_);
      if (idle_.size() < kIdleMax) {
        idle_.push_back(handle);
        return;
      }
    }
    curl_easy_cleanup(handle);
  }

  std::mutex mutex_;
  std::vector<CURL*> idle_;
};

class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(ClientTls tls) : tls_(std::move(tls)) {
    static const CURLcode kInitialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    KEDGE_CHECK(kInitialised == CURLE_OK);
  }

  Result<Response> Send(const ClientRequest& request) override {
    KEDGE_TRY(const Url url, SplitUrl(request.url));  // curl would take a file: or ftp: URL
    const HandlePool::Lease handle(handles_);
    CURL* easy = handle.get();
    HeaderList headers;
    KEDGE_TRY_STATUS(ToHeaderList(request, headers));
    Transfer transfer{.request = request};
    char detail[CURL_ERROR_SIZE] = {};
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
    SetGeneral(easy, request);
    SetTls(easy);
    SetCallbacks(easy, transfer);
    SetBody(easy, request);
    const CURLcode code = curl_easy_perform(easy);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);
    if (code != CURLE_OK)
      return ToError(code, transfer, *detail != '\0' ? detail : curl_easy_strerror(code));
    return std::move(transfer.response);
  }

 private:
  static void SetGeneral(CURL* easy, const ClientRequest& request) {
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");  // an environment variable must not redirect us
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     static_cast<long>(request.connect_timeout.count()));
  }

  void SetTls(CURL* easy) const {
    const auto set = [easy](CURLoption blob_option, const std::string& text, CURLoption file_option,
                            const Path& file) {
      if (curl_blob blob = BlobOf(text); !text.empty()) {
        curl_easy_setopt(easy, blob_option, &blob);
      } else if (!file.empty()) {
        curl_easy_setopt(easy, file_option, file.c_str());
      }
    };
    set(CURLOPT_CAINFO_BLOB, tls_.ca_pem, CURLOPT_CAINFO, tls_.ca_file);
    set(CURLOPT_SSLCERT_BLOB, tls_.certificate_pem, CURLOPT_SSLCERT, tls_.certificate_file);
    set(CURLOPT_SSLKEY_BLOB, tls_.key_pem, CURLOPT_SSLKEY, tls_.key_file);
    // The roots given are the only ones: not the system's folder of them besides.
    if (!tls_.ca_pem.empty() || !tls_.ca_file.empty()) {
      curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
    }
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  }

  static void SetCallbacks(CURL* easy, Transfer& transfer) {
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, OnHeader);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, OnBody);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, OnUpload);
    curl_easy_setopt(easy, CURLOPT_READDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, OnSeek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, OnProgress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  }

  static void SetBody(CURL* easy, const ClientRequest& request) {
    const uint64_t bytes = request.body_fd >= 0 ? request.body_bytes : request.body.size();
    const auto length = static_cast<curl_off_t>(bytes);
    if (request.method == "HEAD") {
      curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (request.method == "POST") {
      curl_easy_setopt(easy, CURLOPT_POST, 1L);
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, length);
    } else if (bytes > 0 || request.method == "PUT") {
      curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
      curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, length);
    } else {
      curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    if (request.method != "HEAD" && request.method != "POST")
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  HandlePool handles_;
  const ClientTls tls_;
};

}  // namespace

std::unique_ptr<Transport> MakeCurlTransport(ClientTls tls) {
  return std::make_unique<CurlTransport>(std::move(tls));
}

}  // namespace kedge::http
