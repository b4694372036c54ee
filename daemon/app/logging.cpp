#include "daemon/app/logging.hpp"

#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/text/visible_text.hpp"

namespace tracelink {

namespace {

std::string_view payload_of(const spdlog::details::log_msg& message) {
  return {message.payload.data(), message.payload.size()};
}

void append(spdlog::memory_buf_t& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

// The message on one line, in place of spdlog's %v.
class VisibleMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    append(out, visible_text(payload_of(message)));
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<VisibleMessage>();
  }
};

// The message as a JSON string.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    append(out, visible_json(nlohmann::json(payload_of(message))
                                 .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

// "<6>" and so on: how the journal learns the priority (sd-daemon(3)).
class JournalPriority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    append(out, prefix_of(message.level));
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JournalPriority>();
  }

 private:
  static std::string_view prefix_of(spdlog::level::level_enum level) {
    if (level >= spdlog::level::critical) return "<2>";
    if (level == spdlog::level::err) return "<3>";
    if (level == spdlog::level::warn) return "<4>";
    if (level == spdlog::level::info) return "<6>";
    return "<7>";
  }
};

std::string formatted(spdlog::formatter& formatter, const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  formatter.format(message, line);
  return {line.data(), line.size()};
}

// JOURNAL_STREAM holds device:inode of the stream that systemd connected (systemd.exec(5)).
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status{};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

// Formats on the thread that logs and leaves the writing to the writer's.
class WriterSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit WriterSink(std::shared_ptr<LogWriter> writer) : writer_(std::move(writer)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    writer_->push(formatted(*formatter_, message));
  }
  void flush_() override {}

  std::shared_ptr<LogWriter> writer_;
};

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  std::abort();
}

std::shared_ptr<LogWriter> writer_of(LogFormat format) {
  const std::shared_ptr<spdlog::formatter> formatter = log_formatter(format);
  const auto dropped_line = [formatter](std::uint64_t lines) {
    const std::string text = std::to_string(lines) + " log lines were dropped";
    return formatted(*formatter, spdlog::details::log_msg("tracelinkd", spdlog::level::warn, text));
  };
  return std::make_shared<LogWriter>(
      LogWriter::Options{.fd = STDERR_FILENO, .dropped_line = dropped_line});
}

}  // namespace

std::unique_ptr<spdlog::formatter> log_formatter(LogFormat format) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  if (format == LogFormat::json) {
    formatter->add_flag<JsonMessage>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})");
  } else if (format == LogFormat::journald) {
    formatter->add_flag<JournalPriority>('*').add_flag<VisibleMessage>('&').set_pattern("%*%&");
  } else {
    formatter->add_flag<VisibleMessage>('*').set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-7l %*");
  }
  return formatter;
}

std::shared_ptr<LogWriter> set_up_logging(LogLevel level, LogFormat format) {
  const LogFormat own = stderr_is_journal() ? LogFormat::journald : LogFormat::text;
  const LogFormat chosen = format == LogFormat::automatic ? own : format;
  std::shared_ptr<LogWriter> writer = writer_of(chosen);
  auto logger =
      std::make_shared<spdlog::logger>("tracelinkd", std::make_shared<WriterSink>(writer));
  logger->set_formatter(log_formatter(chosen));
  logger->set_level(level_of(level));
  spdlog::set_default_logger(std::move(logger));
  return writer;
}

void set_log_level(LogLevel level) { spdlog::set_level(level_of(level)); }

}  // namespace tracelink
