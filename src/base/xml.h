// The little XML that the S3 protocol needs: a writer, and a strict reader of a subset (elements,
// text, the five entities and character references; no DOCTYPE, CDATA or processing instruction
// but the declaration).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kedge {

class XmlWriter {
 public:
  // Begins the document and its root, whose names are of the namespace `xmlns`.
  XmlWriter(std::string_view root, std::string_view xmlns);
  void Open(std::string_view tag);
  void Close();
  void Leaf(std::string_view tag, std::string_view text);
  void Leaf(std::string_view tag, uint64_t number) { Leaf(tag, std::to_string(number)); }
  // Closes what is open.
  std::string Finish();

 private:
  std::string out_;
  std::vector<std::string> open_;
};

// Escapes markup, and control characters as character references (as S3 does, although XML 1.0 has
// no way to write them).
std::string EscapeXml(std::string_view text);

struct XmlElement {
  std::string name;  // without namespace prefix; attributes are dropped
  std::string text;  // all text directly in it
  std::vector<XmlElement> children;
  // The first child of that name, or null.
  const XmlElement* Find(std::string_view child) const;
};

// kInvalidArgument, with the byte where it went wrong. At most 16 levels and 20,000 elements.
Result<XmlElement> ParseXml(std::string_view text);

}  // namespace kedge
