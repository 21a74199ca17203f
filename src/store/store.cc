// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <future>
#include <map>
#include <mutex>

namespace kedge::store {

Value Optional(const std::optional<std::string>& text) {
  return text ? Value(*text) : Value(std::monostate());
}

Value Optional(const std::optional<int64_t>& number) {
  return number ? Value(*number) : Value(std::monostate());
}

Status CheckParameters(std::span<const Value> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    const auto* text = std::get_if<std::string>(&values[i]);
    if (text != nullptr && text->find('\0') != std::string::npos) {
      return InvalidArgument("parameter $" + std::to_string(i + 1) + " holds a zero byte");
    }
  }
  return {};
}

const Value& Row::At(size_t column) const {
  KEDGE_CHECK(column < values_.size());
  return values_[column];
}

bool Row::IsNull(size_t column) const {
  KEDGE_CHECK(column < values_.size());
  return std::holds_alternative<std::monostate>(values_[column]);
}

const std::string& Row::Text(size_t column) const {
  KEDGE_CHECK(column < values_.size());
  const auto* text = std::get_if<std::string>(&values_[column]);
  KEDGE_CHECK(text != nullptr);
  return *text;
}

int64_t Row::Integer(size_t column) const {
  KEDGE_CHECK(column < values_.size());
  const auto* number = std::get_if<int64_t>(&values_[column]);
  KEDGE_CHECK(number != nullptr);
  return *number;
}

double Row::Real(size_t column) const {
  KEDGE_CHECK(column < values_.size());
  const auto* number = std::get_if<double>(&values_[column]);
  KEDGE_CHECK(number != nullptr);
  return *number;
}

std::optional<std::string> Row::TextOrNull(size_t column) const {
  if (IsNull(column)) return std::nullopt;
  return Text(column);
}

std::optional<int64_t> Row::IntegerOrNull(size_t column) const {
  if (IsNull(column)) return std::nullopt;
  return Integer(column);
}

Result<int64_t> Transaction::ExecuteMany(std::string_view sql,
                                         std::span<const std::vector<Value>> rows) {
  int64_t changed = 0;
  for (const std::vector<Value>& row : rows) {
    KEDGE_TRY(const int64_t count, Execute(sql, row));
    changed += count;
  }
  return changed;
}

Status Store::Write(Work work) {
  std::promise<Status> promise;
  std::future<Status> answer = promise.get_future();
  WriteLater(std::move(work), [&promise](Status status) { promise.set_value(std::move(status)); });
  return answer.get();
}

struct Store::Listeners {
  std::mutex mutex;
  std::multimap<std::string, const std::function<void()>*, std::less<>> by_channel;
};

class Store::Listening {
 public:
  Listening(std::shared_ptr<Listeners> listeners, std::string channel,
            std::function<void()> listener)
      : listeners_(std::move(listeners)), listener_(std::move(listener)) {
    const std::lock_guard lock(listeners_->mutex);
    place_ = listeners_->by_channel.emplace(std::move(channel), &listener_);
  }
  ~Listening() {
    const std::lock_guard lock(listeners_->mutex);
    listeners_->by_channel.erase(place_);
  }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

 private:
  std::shared_ptr<Listeners> listeners_;
  std::function<void()> listener_;
  decltype(Listeners::by_channel)::iterator place_;
};

Store::Store() : listeners_(std::make_shared<Listeners>()) {}

std::shared_ptr<Store::Listening> Store::Listen(std::string channel,
                                                std::function<void()> listener) {
  return std::make_shared<Listening>(listeners_, std::move(channel), std::move(listener));
}

void Store::Hear(std::string_view channel) {
  const std::lock_guard lock(listeners_->mutex);
  const auto [first, last] = listeners_->by_channel.equal_range(channel);
  for (auto it = first; it != last; ++it) (*it->second)();
}

}  // namespace kedge::store
