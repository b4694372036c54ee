#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/dead_letters/dead_letter_store.hpp"

namespace tracelink {

// A letter's first line is shorter: the texts in it, which peers and servers wrote, are cut.
inline constexpr std::size_t kLongestFactsBytes = 64u << 10;

// The file's text: four or five lines that are one JSON object together. Spans that cannot be
// written as OTLP JSON are kept as `otlp_hex`, the hex digits of their protobuf bytes. The last
// line is the checksum of the others.
std::string write_dead_letter(const DeadLetter& letter);
// The JSON object of the facts alone. `text`: the beginning of the file, with the whole first line.
// Error: `corrupt`.
Result<std::string> dead_letter_facts(std::string_view text);
// What the letter says that it counts, which a damaged digit makes wrong. `text`: the beginning of
// the file, with the whole first line, or all of it. Error: `invalid`.
Result<LetterCounts> dead_letter_counts(const std::string& text);
// The same of the whole file, where its checksum or the ends of its records say so too: it may be
// damaged elsewhere, or changed by a person. Error: `invalid`.
Result<LetterCounts> proved_letter_counts(const std::string& text);
// The whole letter again, for a replay; an operator may have changed it. Its answer and reason are
// left out. Error: `invalid`, what is missing or wrong.
Result<DeadLetter> read_dead_letter(const std::string& text);
// The ends of the records that the letter has. Error: `corrupt`, it is not as it was written.
struct LetterRecords {
  TraceId trace_id;
  std::vector<RecordEnd> ends;
};
Result<LetterRecords> dead_letter_records(const std::string& text);
// That `letter` was damaged before it was finished, and what an operator can do about it.
std::string damaged_letter(const std::string& letter);
// The facts of such a letter.
std::string damaged_letter_facts(const std::string& id, const std::string& trace_id);
// The facts of a letter that cannot be read.
std::string unreadable_facts(const std::string& id, const std::string& reason);

}  // namespace tracelink
