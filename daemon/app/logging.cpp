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
#include <unistd.h>

#include "daemon/app/journal_entry.hpp"
#include "daemon/report/log_event.hpp"
#include "daemon/text/visible_text.hpp"
#include "systemd/journal.hpp"

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

std::string json_string(std::string_view text) {
  return visible_json(
      nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// The message as a JSON string; of an event its words, and its fields as further members.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const LogEvent* event = LogEvent::current();
    if (event == nullptr) return append(out, json_string(payload_of(message)));
    append(out, json_string(event->words()));
    for (const LogField& field : event->fields()) append(out, member(field));
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }

 private:
  static std::string member(const LogField& field) {
    const bool is_number = field.kind == LogField::Kind::number;
    return "," + json_string(field.key) + ":" +
           (is_number ? field.value : json_string(field.value));
  }
};

// "<6>" and so on: how the journal learns the priority (sd-daemon(3)).
class JournalPriority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    append(out, "<" + std::to_string(journal_priority(message.level)) + ">");
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JournalPriority>();
  }
};

std::string formatted(spdlog::formatter& formatter, const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  formatter.format(message, line);
  return {line.data(), line.size()};
}

// Hands entries with their fields to the journal.
class JournalSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit JournalSink(std::shared_ptr<LogWriter> writer) : writer_(std::move(writer)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    writer_->push(journal_entry(message.level, payload_of(message), LogEvent::current()));
  }
  void flush_() override {}

  std::shared_ptr<LogWriter> writer_;
};

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

std::string dropped_text(std::uint64_t lines) {
  return std::to_string(lines) + " log lines were dropped";
}

std::shared_ptr<LogWriter> writer_of(LogFormat format) {
  const std::shared_ptr<spdlog::formatter> formatter = log_formatter(format);
  const auto dropped_line = [formatter](std::uint64_t lines) {
    const std::string text = dropped_text(lines);
    return formatted(*formatter, spdlog::details::log_msg("tracelinkd", spdlog::level::warn, text));
  };
  return std::make_shared<LogWriter>(
      LogWriter::Options{.fd = STDERR_FILENO, .dropped_line = dropped_line});
}

std::shared_ptr<LogWriter> journal_writer() {
  const auto dropped_entry = [](std::uint64_t lines) {
    return journal_entry(spdlog::level::warn, dropped_text(lines), nullptr);
  };
  const auto write = [](const std::string& entry) {
    return systemd::send_to_journal(fields_of_entry(entry)).has_value();
  };
  return std::make_shared<LogWriter>(
      LogWriter::Options{.dropped_line = dropped_entry, .write = write});
}

void set_logger(spdlog::sink_ptr sink, LogLevel level) {
  auto logger = std::make_shared<spdlog::logger>("tracelinkd", std::move(sink));
  logger->set_level(level_of(level));
  spdlog::set_default_logger(std::move(logger));
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
  const bool is_journal = systemd::stderr_is_journal();
  const LogFormat own = is_journal ? LogFormat::journald : LogFormat::text;
  const LogFormat chosen = format == LogFormat::automatic ? own : format;
  if (chosen == LogFormat::journald && is_journal && systemd::journal_is_reachable()) {
    std::shared_ptr<LogWriter> writer = journal_writer();
    set_logger(std::make_shared<JournalSink>(writer), level);
    return writer;
  }
  std::shared_ptr<LogWriter> writer = writer_of(chosen);
  auto sink = std::make_shared<WriterSink>(writer);
  sink->set_formatter(log_formatter(chosen));
  set_logger(std::move(sink), level);
  return writer;
}

void set_log_level(LogLevel level) { spdlog::set_level(level_of(level)); }

}  // namespace tracelink
