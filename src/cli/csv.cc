// SPDX-License-Identifier: Apache-2.0
#include "cli/csv.h"

namespace kedge::cli {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool AtEnd() const { return at_ == text_.size(); }
  size_t line() const { return line_; }
  // The next record; without fields for an empty line.
  Result<CsvRecord> Next();

 private:
  bool AtBreak() const { return AtEnd() || text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n"; }
  void SkipBreak() {
    if (AtEnd()) return;
    at_ += text_[at_] == '\r' ? 2 : 1;
    ++line_;
  }
  Result<std::string> Field();
  Result<std::string> Quoted();
  Error Wrong(const std::string& what) const {
    return InvalidArgument("line " + std::to_string(line_) + ": " + what);
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t line_ = 1;
};

Result<std::string> Reader::Quoted() {
  const size_t first_line = line_;
  std::string field;
  for (++at_; !AtEnd(); ++at_) {
    if (text_[at_] == '"') {
      if (text_.substr(at_, 2) != "\"\"") {
        ++at_;
        if (!AtBreak() && text_[at_] != ',') return Wrong("text after a closing quote");
        return field;
      }
      ++at_;
    }
    if (text_[at_] == '\n') ++line_;
    field += text_[at_];
  }
  return InvalidArgument("line " + std::to_string(first_line) + ": a quote is not closed");
}

Result<std::string> Reader::Field() {
  if (!AtEnd() && text_[at_] == '"') return Quoted();
  std::string field;
  for (; !AtBreak() && text_[at_] != ','; ++at_) {
    if (text_[at_] == '"') return Wrong("a quote inside a field that is not quoted");
    field += text_[at_];
  }
  return field;
}

Result<CsvRecord> Reader::Next() {
  CsvRecord record{.line = line_};
  if (AtBreak()) {
    SkipBreak();
    return record;
  }
  while (true) {
    KEDGE_TRY(std::string field, Field());
    record.fields.push_back(std::move(field));
    if (AtBreak()) break;
    ++at_;  // the comma
  }
  SkipBreak();
  return record;
}

}  // namespace

Result<std::vector<CsvRecord>> ParseCsv(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<CsvRecord> records;
  Reader reader(text);
  while (!reader.AtEnd()) {
    KEDGE_TRY(CsvRecord record, reader.Next());
    if (!record.fields.empty()) records.push_back(std::move(record));
  }
  return records;
}

}  // namespace kedge::cli
