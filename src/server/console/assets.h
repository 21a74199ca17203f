// The files of the console inside the program.
//
// A name with a hash in it ("app-3F2A.js") never changes its content, so browsers keep it for a
// year; the others are asked for again, with their ETag. Each file is there plain and as gzip
// ("<name>.gz"), packed when the program was built.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/embedded.h"
#include "http/http.h"

namespace kedge::server {

// Written by the build; names are relative to /console/.
extern const std::span<const EmbeddedFile> kConsoleFiles;

// Thread-safe. Borrows the files.
class ConsoleAssets {
 public:
  explicit ConsoleAssets(std::span<const EmbeddedFile> files);
  // Answers GET and HEAD of `name`. A name without a '.' is a view of the page, so it gives
  // index.html; 404 for a file that is not there, 405 for another method.
  http::Response Answer(const http::Request& request, std::string_view name) const;

 private:
  struct Asset {
    std::string_view plain;
    std::string_view gzip;  // empty: only plain
    std::string etag;
  };
  std::map<std::string, Asset, std::less<>> assets_;
};

// What every answer of the console carries: nothing of it may be framed, and a page may load only
// what this server serves. Scripts, styles and their attributes inside of a page are refused by the
// browser.
void SetPageHeaders(http::Response& response);

}  // namespace kedge::server
