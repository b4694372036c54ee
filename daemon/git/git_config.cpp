#include "daemon/git/git_config.hpp"

#include <algorithm>
#include <cctype>

#include "daemon/text/ascii_case.hpp"

namespace tracelink {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-'; }

char unescaped(char c) {
  if (c == 'n') return '\n';
  if (c == 't') return '\t';
  if (c == 'b') return '\b';
  return c;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::vector<GitConfigEntry> parse() {
    for (skip_blanks(); !rest_.empty(); skip_blanks()) {
      if (accept('\n')) continue;
      if (accept('[')) {
        header();
      } else if (std::isalpha(static_cast<unsigned char>(rest_.front()))) {
        entry();
      } else {
        skip_line();  // a comment, or nothing we know
      }
    }
    return std::move(entries_);
  }

 private:
  bool at(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool accept(char c) {
    if (!at(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
  }
  void skip_line() { rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size())); }
  std::string word() {
    std::string text;
    while (!rest_.empty() && is_word(rest_.front())) text += ascii_lower(take());
    return text;
  }

  // [section], [section "subsection"] or the old [section.subsection]. Entries of a header that is
  // wrong belong to nobody.
  void header() {
    section_ = word();
    subsection_.clear();
    if (accept('.')) subsection_ = word();
    skip_blanks();
    if (accept('"')) {
      while (!rest_.empty() && !at('"') && !at('\n')) {
        if (accept('\\') && rest_.empty()) break;
        subsection_ += take();
      }
      accept('"');
    }
    if (accept(']')) return;
    section_.clear();
    skip_line();
  }

  void entry() {
    std::string key = word();
    skip_blanks();
    std::string value = accept('=') ? this->value() : "";
    skip_line();
    if (!section_.empty()) {
      entries_.push_back({section_, subsection_, std::move(key), std::move(value)});
    }
  }

  // Up to the end of the line or a comment; white space at the end counts only inside quotes.
  std::string value() {
    skip_blanks();
    std::string text;
    std::size_t kept = 0;
    bool quoted = false;
    while (!rest_.empty() && !at('\n') && (quoted || (!at('#') && !at(';')))) {
      char c = take();
      if (c == '"') {
        quoted = !quoted;
        kept = text.size();
        continue;
      }
      if (c == '\\') {
        accept('\r');
        if (rest_.empty() || accept('\n')) continue;  // goes on in the next line
        c = unescaped(take());
      }
      text += c;
      if (quoted || !is_blank(c)) kept = text.size();
    }
    text.resize(kept);
    return text;
  }

  std::string_view rest_;
  std::string section_, subsection_;
  std::vector<GitConfigEntry> entries_;
};

bool is_remote_url(const GitConfigEntry& entry) {
  return entry.section == "remote" && entry.key == "url" && !entry.value.empty();
}

}  // namespace

std::vector<GitConfigEntry> parse_git_config(std::string_view text) { return Parser(text).parse(); }

std::string remote_url(const std::vector<GitConfigEntry>& entries) {
  auto found = std::ranges::find_if(entries, [](const GitConfigEntry& entry) {
    return is_remote_url(entry) && entry.subsection == "origin";
  });
  if (found == entries.end()) found = std::ranges::find_if(entries, is_remote_url);
  return found == entries.end() ? "" : found->value;
}

}  // namespace tracelink
