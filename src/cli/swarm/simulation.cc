// SPDX-License-Identifier: Apache-2.0
#include "cli/swarm/simulation.h"

#include <algorithm>
#include <charconv>

#include "protocol/edge_api.h"

namespace kedge::cli {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds kPollStep{20};
constexpr milliseconds kRetryFirst{1'000};
constexpr std::chrono::seconds kWarmUpLongerMax{60};
constexpr size_t kDeploymentsKept = 16;
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

microseconds PeriodOf(const SwarmOptions& options) {
  if (options.rate <= 0) return std::chrono::minutes(1);
  return microseconds(
      static_cast<int64_t>(static_cast<double>(options.devices) / options.rate * 1e6));
}

int64_t NumberOf(std::string_view text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

Simulation::Simulation(const SwarmOptions& options, const std::string& region,
                       std::vector<SimulatedDevice>& devices,
                       std::vector<std::unique_ptr<http::LoadClient>> clients)
    : options_(options),
      region_(region),
      devices_(devices),
      clients_(std::move(clients)),
      period_(PeriodOf(options)),
      lines_(static_cast<size_t>(options.connections)),
      random_(static_cast<uint64_t>(options.seed)) {
  for (int64_t i = 0; i < options.statistics_bytes; ++i) statistics_ += kBase64[random_() % 64];
}

microseconds Simulation::DrawUpTo(microseconds most) {
  return microseconds(std::uniform_int_distribution<int64_t>(0, most.count())(random_));
}

void Simulation::Begin() {
  const Time now = std::chrono::steady_clock::now();
  measured_from_ = now + std::chrono::seconds(options_.warm_up_seconds);
  end_ = measured_from_ + std::chrono::seconds(options_.duration_seconds);
  next_drop_ = now;
  if (options_.rate > 0) {
    for (size_t i = 0; i < devices_.size(); ++i) schedule_.push({now + DrawUpTo(period_), i});
    return;
  }
  for (size_t line = 0; line < lines_.size() && line < devices_.size(); ++line) {
    lines_[line].next_device = line;
    SendNext(line);
  }
}

void Simulation::Run(const std::function<void()>& warm) {
  Begin();
  for (bool is_warm = false;;) {
    const Time now = std::chrono::steady_clock::now();
    if (!is_warm && IsWarm(now)) {
      warm();
      end_ += std::chrono::steady_clock::now() - measured_from_;
      measured_from_ = std::chrono::steady_clock::now();
      latencies_ = {};
      is_warm = true;
    }
    if (now >= end_) ending_ = true;
    if (ending_ && under_way_ == 0) break;
    if (!ending_) QueueDue(now);
    if (!ending_) DropConnections(now);
    // Whole milliseconds, rounded up: a swarm that looks all the time for who is due takes a
    // processor from the server. What becomes due meanwhile is late by a millisecond at most, and
    // its latency counts from when it was due.
    milliseconds wait = kPollStep;
    if (!schedule_.empty()) {
      wait = std::clamp(std::chrono::ceil<milliseconds>(schedule_.top().time - now),
                        milliseconds(1), kPollStep);
    }
    for (size_t i = 0; i < clients_.size(); ++i) {
      clients_[i]->Poll(i == 0 ? wait / static_cast<int>(clients_.size()) : milliseconds(0));
    }
  }
  seconds_ =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - measured_from_).count();
}

// Handshakes are a burst of their own: none is under way any more in the time that is measured.
bool Simulation::IsWarm(Time now) const {
  if (now < measured_from_) return false;
  const bool all_answered = lines_answered_ == std::min(lines_.size(), devices_.size());
  return all_answered || options_.warm_up_seconds == 0 || now > measured_from_ + kWarmUpLongerMax;
}

void Simulation::QueueDue(Time now) {
  while (!schedule_.empty() && schedule_.top().time <= now) {
    const Due due = schedule_.top();
    schedule_.pop();
    const size_t line = due.device % lines_.size();
    lines_[line].queue.push(due);
    if (!ClientOf(line).Busy(PlaceOf(line))) SendNext(line);
  }
}

void Simulation::SendNext(size_t line) {
  if (ending_) return;
  Line& here = lines_[line];
  if (options_.rate <= 0) {
    const Due due{std::chrono::steady_clock::now(), here.next_device};
    here.next_device += lines_.size();
    if (here.next_device >= devices_.size()) here.next_device = line;
    return Send(line, due, options_.polls_only || Draw(options_.polls));
  }
  if (here.queue.empty()) return;
  const Due due = here.queue.front();
  here.queue.pop();
  Send(line, due, options_.polls_only || Draw(options_.polls));
}

void Simulation::Send(size_t line, Due due, bool poll) {
  SimulatedDevice& device = devices_[due.device];
  // Starts anew between two heartbeats only: one that was not acknowledged is sent again first.
  const bool acknowledged = device.acknowledged_boot == device.boot &&
                            device.acknowledged_sequence == device.sequence - 1;
  if (!poll && acknowledged && Draw(options_.restarts)) {
    ++device.boot;
    device.sequence = 1;
    ++counts_.restarts;
  }
  const std::string& url = options_.endpoints[line % clients_.size()];
  const EpochMs now = clock_.NowMs();
  std::string request =
      poll ? PollRequest(device, url, options_.fleet, region_, now, signing_keys_)
           : HeartbeatRequest(device, url, options_.fleet, region_, now,
                              std::chrono::duration_cast<milliseconds>(period_).count(),
                              statistics_, signing_keys_);
  ++under_way_;
  ClientOf(line).Send(PlaceOf(line), std::move(request),
                      [this, line, due, poll](const http::LoadAnswer& answer) {
                        Answered(line, due, poll, answer);
                      });
}

void Simulation::Answered(size_t line, Due due, bool poll, const http::LoadAnswer& answer) {
  --under_way_;
  lines_answered_ += std::exchange(lines_[line].answered, true) ? 0 : 1;
  SimulatedDevice& device = devices_[due.device];
  if (answer.status == 200) {
    latencies_.Add(
        std::chrono::duration_cast<microseconds>(std::chrono::steady_clock::now() - due.time)
            .count());
    if (poll) {
      ++counts_.polls_answered;
      ReadDeployments(device, answer.body);
    } else {
      AcknowledgeHeartbeat(device);
    }
  } else {
    CountFailure(device, answer);
  }
  if (options_.rate > 0) ScheduleNext(due, poll, answer);
  SendNext(line);
}

void Simulation::AcknowledgeHeartbeat(SimulatedDevice& device) {
  ++counts_.heartbeats_acknowledged;
  device.acknowledged_boot = device.boot;
  device.acknowledged_sequence = device.sequence++;
  if (!device.to_report.empty()) {
    ++counts_.results_acknowledged;
    device.to_report.clear();
  }
}

// A deployment that is new to the device is carried out at once; its result goes with the next
// heartbeat.
void Simulation::ReadDeployments(SimulatedDevice& device, std::string_view body) {
  const auto parsed = json::Parse(body);
  if (!parsed || !device.to_report.empty()) return;
  const auto deployments = protocol::ParseDeployments(*parsed);
  if (!deployments) return;
  for (const protocol::EdgeDeployment& deployment : *deployments) {
    const auto& known = device.deployments;
    const std::string& name = deployment.deployment_name;
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    if (device.deployments.size() == kDeploymentsKept) {
      device.deployments.erase(device.deployments.begin());
    }
    device.deployments.push_back(name);
    device.to_report = name;
    device.failed = Draw(options_.failures);
    return;
  }
}

void Simulation::CountFailure(SimulatedDevice& device, const http::LoadAnswer& answer) {
  if (answer.status == 0) {
    ++counts_.no_answer;
  } else if (answer.status == 429 || answer.status == 503) {
    ++counts_.refused_busy;
  } else if (answer.status == 403 && device.clock_skew_ms != 0) {
    ++counts_.refused_clock;
  } else {
    ++counts_.unexpected;
    if (counts_.first_unexpected.empty()) {
      counts_.first_unexpected =
          std::to_string(answer.status) + " " + std::string(answer.body.substr(0, 300));
    }
  }
}

void Simulation::ScheduleNext(Due due, bool poll, const http::LoadAnswer& answer) {
  const Time now = std::chrono::steady_clock::now();
  if (poll && !options_.polls_only) return Schedule(due.device, now + milliseconds(1));
  if (answer.status == 200 && options_.own_period) {
    return Schedule(due.device, std::max(due.time + period_, now));
  }
  if (answer.status == 200) {
    const auto parsed = json::Parse(answer.body.empty() ? "{}" : answer.body);
    const int64_t next = parsed ? parsed->IntOr("NextContactMs", 0) : 0;
    return Schedule(due.device, next > 0 ? now + milliseconds(next) : due.time + period_);
  }
  const auto asked = std::chrono::seconds(NumberOf(answer.Header("Retry-After")));
  const milliseconds wait = std::max<milliseconds>(kRetryFirst, asked);
  Schedule(due.device, now + wait + DrawUpTo(wait));
}

void Simulation::Schedule(size_t device, Time time) {
  if (time < end_) schedule_.push({time, device});
}

void Simulation::DropConnections(Time now) {
  if (options_.reconnects <= 0) return;
  const auto step = microseconds(static_cast<int64_t>(1e6 / options_.reconnects));
  for (; next_drop_ <= now; next_drop_ += step) {
    const size_t line = random_() % lines_.size();
    if (ClientOf(line).Busy(PlaceOf(line))) continue;
    ClientOf(line).Close(PlaceOf(line));
    ++counts_.reconnects;
  }
}

http::LoadCounts Simulation::connection_counts() const {
  http::LoadCounts sum;
  for (const auto& client : clients_) {
    sum.connects += client->counts().connects;
    sum.tls_resumed += client->counts().tls_resumed;
    sum.failures += client->counts().failures;
  }
  return sum;
}

}  // namespace kedge::cli
