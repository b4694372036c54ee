// A tracking server that answers at once and keeps nothing: the other side of measurements of
// delivery. One thread, epoll. Prints its port, then serves until it is killed.
//
// usage: mlflow-sink
// GET /counts answers with the numbers of trace infos and posts taken, and the seconds between the
// first and the last of them.

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/clock.hpp"
#include "tests/support/fake_mlflow.hpp"

namespace {

using tracelink::FakeMlflow;
using tracelink::HttpRequest;
using Clock = std::chrono::steady_clock;

void check(bool works, const char* what) {
  if (works) return;
  std::perror(what);
  std::exit(1);
}

struct Request {
  std::string_view method, path, body;
  std::size_t bytes = 0;
};

std::size_t content_length(std::string_view head) {
  constexpr std::string_view kName = "\r\ncontent-length: ";
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at + 2)) {
    const auto line = head.substr(at, kName.size());
    if (line.size() < kName.size() || strncasecmp(line.data(), kName.data(), kName.size()) != 0) {
      continue;
    }
    std::size_t length = 0;
    std::from_chars(head.data() + at + kName.size(), head.data() + head.size(), length);
    return length;
  }
  return 0;
}

// The first request in `data`, once it is whole.
std::optional<Request> parse(std::string_view data) {
  const auto end = data.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const auto head = data.substr(0, end);
  const auto length = content_length(head);
  if (data.size() < end + 4 + length) return std::nullopt;
  const auto method = head.substr(0, head.find(' '));
  const auto rest = head.substr(method.size() + 1);
  return Request{method, rest.substr(0, rest.find(' ')), data.substr(end + 4, length),
                 end + 4 + length};
}

class Sink {
 public:
  Sink() : mlflow_(clock_), listener_(socket(AF_INET, SOCK_STREAM, 0)), poll_(epoll_create1(0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    check(bind(listener_, generic, size) == 0 && listen(listener_, 64) == 0, "listen");
    check(getsockname(listener_, generic, &size) == 0, "getsockname");
    watch(listener_);
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  [[noreturn]] void serve() {
    while (true) {
      std::array<epoll_event, 64> events{};
      const int ready = epoll_wait(poll_, events.data(), events.size(), -1);
      for (int n = 0; n < ready; ++n) {
        const int descriptor = events.at(static_cast<std::size_t>(n)).data.fd;
        descriptor == listener_ ? accept_one() : read_from(descriptor);
      }
    }
  }

 private:
  void watch(int descriptor) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    check(epoll_ctl(poll_, EPOLL_CTL_ADD, descriptor, &event) == 0, "epoll_ctl");
  }

  void accept_one() {
    const int descriptor = accept(listener_, nullptr, nullptr);
    check(descriptor >= 0, "accept");
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(descriptor);
  }

  void read_from(int descriptor) {
    std::string& data = data_[descriptor];
    char bytes[64 << 10];
    const auto got = read(descriptor, bytes, sizeof bytes);
    if (got <= 0) {
      data_.erase(descriptor);
      close(descriptor);
      return;
    }
    data.append(bytes, static_cast<std::size_t>(got));
    std::string answers;
    std::size_t done = 0;
    while (const auto request = parse(std::string_view(data).substr(done))) {
      answers += answer(*request);
      done += request->bytes;
    }
    data.erase(0, done);
    if (!answers.empty()) {
      check(
          write(descriptor, answers.data(), answers.size()) == static_cast<ssize_t>(answers.size()),
          "write");
    }
  }

  std::string answer(const Request& request) {
    if (request.path == "/version") return reply(200, "3.17.2");
    if (request.path == "/counts") return reply(200, counts());
    if (request.path == "/api/3.0/mlflow/traces") {
      return count(infos_, trace_answer(request.body, ""));
    }
    // Spans are read back now and then.
    if (request.path.starts_with("/api/3.0/mlflow/traces/tr-")) {
      constexpr std::string_view kSpans = R"("mlflow.trace.spansLocation":"TRACKING_STORE")";
      return reply(200, trace_answer(request.path, kSpans));
    }
    if (request.path == "/v1/traces") return count(posts_, "{}");
    const auto given = mlflow_.answer({.method = std::string(request.method),
                                       .url = "http://sink" + std::string(request.path),
                                       .headers = {},
                                       .body = std::string(request.body)});
    return reply(given.status, given.body);
  }

  // MLflow repeats the trace's id and metadata, with the link. `asked` holds the id somewhere.
  std::string trace_answer(std::string_view asked, std::string_view tags) const {
    const std::string model = mlflow_.models.empty() ? "" : mlflow_.models.front().id;
    constexpr std::size_t kNameBytes = 35;  // "tr-" and 32 digits
    const auto at = asked.find("tr-");
    const std::string name(at == std::string_view::npos ? "" : asked.substr(at, kNameBytes));
    return R"({"trace":{"trace_info":{"trace_id":")" + name +
           R"(","trace_location":{"mlflow_experiment":{"experiment_id":"0"}},)"
           R"("tags":{)" +
           std::string(tags) + R"(},"trace_metadata":{"mlflow.modelId":")" + model + "\"}}}}";
  }

  std::string count(std::size_t& counter, const std::string& body) {
    const auto now = Clock::now();
    if (infos_ + posts_ == 0) first_ = now;
    last_ = now;
    ++counter;
    return reply(200, body);
  }

  std::string counts() const {
    const std::chrono::duration<double> seconds = last_ - first_;
    return "{\"infos\": " + std::to_string(infos_) + ", \"posts\": " + std::to_string(posts_) +
           ", \"seconds\": " + std::to_string(seconds.count()) + "}";
  }

  static std::string reply(int status, const std::string& body) {
    return "HTTP/1.1 " + std::to_string(status) +
           " X\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  tracelink::SystemClock clock_;
  FakeMlflow mlflow_;
  int listener_;
  int poll_;
  std::map<int, std::string> data_;  // read and not answered, by descriptor
  std::size_t infos_ = 0, posts_ = 0;
  Clock::time_point first_, last_;
};

}  // namespace

int main() { Sink().serve(); }
