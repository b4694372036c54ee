#include "daemon/queue/trace_notes.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <optional>
#include <ranges>
#include <string_view>
#include <utility>

#include "daemon/base/crc32c.hpp"
#include "daemon/codec/link_codec.hpp"
#include "daemon/queue/little_endian.hpp"
#include "daemon/queue/record_format.hpp"

namespace tracelink {
namespace {

constexpr std::string_view kMagic{"TLNOTES\0", 8};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kNoteBytes = 56;
constexpr std::chrono::hours kKept{1};

std::string file_header() {
  std::string header(kMagic);
  append_le(header, kVersion);
  append_le(header, std::uint32_t{0});
  return header;
}

std::string encode(const TraceNote& note) {
  std::string out;
  out.append(note.trace_id.view());
  out.append(note.link.view());
  append_le(out, note.start_ns);
  append_le(out, to_unix_ns(note.at));
  append_le(out, static_cast<std::uint8_t>(note.step));
  append_le(out, static_cast<std::uint8_t>(note.root_delivered ? 1 : 0));
  append_le(out, std::uint16_t{0});
  append_le(out, crc32c(0, out));
  return out;
}

// A link's definition in parts that are as long as notes, each with how many follow.
constexpr std::uint8_t kDefinitionPart = 4;
constexpr std::size_t kFieldBytes = 16;
constexpr std::size_t kPartBytes = 2 * kFieldBytes;

std::string encode_definition(const LinkHash& link, std::string_view definition) {
  std::string out;
  for (auto following = (definition.size() - 1) / kPartBytes + 1; following-- > 0;) {
    const auto used = std::min(definition.size(), kPartBytes);
    std::string field(definition.substr(0, used));
    definition.remove_prefix(used);
    field.resize(kPartBytes);
    std::string part = field.substr(0, kFieldBytes);
    part.append(link.view());
    part.append(field, kFieldBytes);
    append_le(part, kDefinitionPart);
    append_le(part, static_cast<std::uint8_t>(used));
    append_le(part, static_cast<std::uint16_t>(following));
    append_le(part, crc32c(0, part));
    out += part;
  }
  return out;
}

// Puts the parts of definitions together again.
class DefinitionParts {
 public:
  // A whole definition, with its last part.
  std::optional<std::string> add(std::string_view part) {
    LittleEndianReader in(part);
    std::string field(in.take_bytes(kFieldBytes));
    const auto link = *LinkHash::from_bytes(in.take_bytes(kFieldBytes));
    field.append(in.take_bytes(kFieldBytes));
    (void)in.take<std::uint8_t>();  // kDefinitionPart
    field.resize(std::min<std::size_t>(in.take<std::uint8_t>(), kPartBytes));
    const auto following = in.take<std::uint16_t>();
    Begun& begun = begun_[link];
    if (begun.following != following + std::uint32_t{1}) begun.bytes.clear();
    begun.bytes += field;
    begun.following = following;
    if (following > 0) return std::nullopt;
    std::string whole = std::move(begun.bytes);
    begun_.erase(link);
    return hash_link(whole) == link ? std::optional(std::move(whole)) : std::nullopt;
  }

 private:
  struct Begun {
    std::string bytes;
    std::uint32_t following = 0;
  };
  std::map<LinkHash, Begun> begun_;
};

bool is_intact(std::string_view bytes) {
  const auto covered = bytes.substr(0, kNoteBytes - sizeof(std::uint32_t));
  return get_le<std::uint32_t>(bytes.data() + covered.size()) == crc32c(0, covered);
}

std::optional<TraceNote> decode(std::string_view bytes) {
  LittleEndianReader in(bytes);
  TraceNote note;
  note.trace_id = *TraceId::from_bytes(in.take_bytes(16));
  note.link = *LinkHash::from_bytes(in.take_bytes(16));
  note.start_ns = in.take<std::uint64_t>();
  note.at = from_unix_ns(in.take<std::uint64_t>());
  note.step = static_cast<TraceNote::Step>(in.take<std::uint8_t>());
  note.root_delivered = in.take<std::uint8_t>() != 0;
  const bool known = note.step == TraceNote::Step::linked ||
                     note.step == TraceNote::Step::delivered ||
                     note.step == TraceNote::Step::deleted;
  return known ? std::optional(note) : std::nullopt;
}

// "notes" is 0, "notes-7" is 7.
std::optional<std::uint64_t> file_number(std::string_view name) {
  constexpr std::string_view kName = "notes";
  if (name == kName) return 0;
  if (!name.starts_with(kName) || name.size() < kName.size() + 2 || name[kName.size()] != '-') {
    return std::nullopt;
  }
  const auto digits = name.substr(kName.size() + 1);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

// A header has no checksum: a version is believed where the file has nothing of this one.
Result<void> check_version(std::string_view content, bool has_notes) {
  if (has_notes || content.size() < kHeaderBytes || !content.starts_with(kMagic)) return {};
  const auto version = get_le<std::uint32_t>(content.data() + kMagic.size());
  if (version == kVersion) return {};
  return Error{ErrorCode::invalid, "notes of version " + std::to_string(version)};
}

struct ReadNotes {
  std::vector<TraceNote> notes;
  std::vector<std::string> definitions;
  std::uint64_t pieces = 0;  // notes and parts of definitions in the file, damaged ones included
};
Result<ReadNotes> read_notes(const FileSystem& fs, const std::filesystem::path& path) {
  constexpr std::size_t kStepAt = 3 * kFieldBytes;
  ReadNotes read;
  const auto there = fs.exists(path);
  if (there && !*there) return read;  // removed by hand
  const auto content = read_file(fs, path);
  if (!content) return content.error();
  if (content->size() > kHeaderBytes) read.pieces = (content->size() - kHeaderBytes) / kNoteBytes;
  DefinitionParts parts;
  for (std::size_t at = kHeaderBytes; at + kNoteBytes <= content->size(); at += kNoteBytes) {
    const auto bytes = std::string_view(*content).substr(at, kNoteBytes);
    if (!is_intact(bytes)) continue;
    if (bytes[kStepAt] == kDefinitionPart) {
      if (auto whole = parts.add(bytes)) read.definitions.push_back(*std::move(whole));
    } else if (const auto note = decode(bytes)) {
      read.notes.push_back(*note);
    }
  }
  if (auto known = check_version(*content, !read.notes.empty()); !known) return known.error();
  return read;
}

}  // namespace

TraceNotes::TraceNotes(FileSystem& fs, std::filesystem::path path, const Clock& clock,
                       DiskReserve& reserve, HeldFiles& held, LinkStore& links,
                       std::size_t max_notes)
    : fs_(fs),
      path_(std::move(path)),
      clock_(clock),
      reserve_(reserve),
      held_(held),
      links_(links),
      max_notes_(max_notes),
      own_(path_) {}

void TraceNotes::load(const std::vector<std::string>& names) {
  const MutexLock lock(mutex_);
  std::map<std::uint64_t, std::filesystem::path> files;  // the oldest first
  for (const auto& name : names) {
    if (const auto number = file_number(name)) files[*number] = path_.parent_path() / name;
  }
  for (const auto& [number, file] : files) {
    if (auto loaded = load_lock_held(file); !loaded) hold(file, loaded.error());
  }
  if (!files.empty()) {
    const auto& [number, newest] = *files.rbegin();
    own_ = unread_.contains(newest) ? path_.string() + "-" + std::to_string(number + 1)
                                    : newest.string();
  }
  forget_beyond_bound_lock_held();
  listed_ = true;
  ++loads_;
}

Result<void> TraceNotes::load_lock_held(const std::filesystem::path& path) {
  const auto read = read_notes(fs_, path);
  if (!read) return read.error();
  for (const std::string& definition : read->definitions) links_.learn(definition);
  for (const TraceNote& note : read->notes) remember_lock_held(note, SteadyTime());
  file_pieces_ += read->pieces;
  read_.insert(path);
  return {};
}

void TraceNotes::hold(const std::filesystem::path& path, const Error& error) {
  unread_.insert(path);
  held_.hold(StateFile::notes, path.string(), error, [this, path] { return load_late(path); });
}

// What was noted since is newer. The highest number is always the newest file.
Result<void> TraceNotes::load_late(const std::filesystem::path& path) {
  const MutexLock lock(mutex_);
  const auto read = read_notes(fs_, path);
  if (!read) return read.error();
  for (const std::string& definition : read->definitions) links_.learn(definition);
  for (const TraceNote& note : std::views::reverse(read->notes)) remember_older_lock_held(note);
  file_pieces_ += read->pieces;
  loaded_are_dated_ = false;
  unread_.erase(path);
  read_.insert(path);
  file_.reset();  // the next add() writes them all to one file, and removes the others
  ++loads_;
  return {};
}

void TraceNotes::remember_older_lock_held(const TraceNote& note) {
  const auto [known, added] = age_of_.try_emplace(note.trace_id, oldest_age_ - 1);
  if (added) by_age_.emplace(--oldest_age_, Entry{note, SteadyTime()});
}

Result<void> TraceNotes::add(const std::vector<TraceNote>& notes, WallTime oldest_record) {
  const MutexLock lock(mutex_);
  if (!listed_) return not_replaced_unread(path_);
  const SteadyTime now = clock_.steady();
  date_loaded_lock_held(now);
  std::string bytes;
  for (const auto& note : notes) {
    bytes += encode_whole(note, defined_);
    remember_lock_held(note, now);
  }
  forget_before_lock_held(oldest_record, now);
  forget_beyond_bound_lock_held();
  const bool mostly_stale = file_pieces_ + notes.size() > 2 * by_age_.size() + 1024;
  if (file_ && !mostly_stale && append_lock_held(bytes)) {
    file_pieces_ += bytes.size() / kNoteBytes;
    return {};
  }
  return reserve_.with([&]() REQUIRES(mutex_) { return rewrite_lock_held(); });
}

std::string TraceNotes::encode_whole(const TraceNote& note, std::set<LinkHash>& written) const {
  const auto definition = links_.without_file(note.link);
  if (!definition || !written.insert(note.link).second) return encode(note);
  return encode_definition(note.link, *definition) + encode(note);
}

Result<void> TraceNotes::append_lock_held(const std::string& bytes) {
  const std::string_view pieces[] = {bytes};
  auto result = file_->append(pieces);
  if (result) result = file_->sync();
  if (!result) file_.reset();
  return result;
}

Result<void> TraceNotes::rewrite_lock_held() {
  file_.reset();
  std::string content = file_header();
  defined_.clear();
  for (const auto& [age, entry] : by_age_) content += encode_whole(entry.note, defined_);
  if (auto written = write_file_durably(fs_, own_, content); !written) return written;
  file_pieces_ = (content.size() - kHeaderBytes) / kNoteBytes;
  read_.erase(own_);
  std::erase_if(read_, [this](const auto& old) { return fs_.remove(old).has_value(); });
  read_.insert(own_);
  auto file = fs_.open(own_);
  if (file) file_ = *std::move(file);  // else the next add() writes it anew
  return {};
}

void TraceNotes::remember_lock_held(const TraceNote& note, SteadyTime known_since) {
  const auto age = next_age_++;
  const auto [known, added] = age_of_.try_emplace(note.trace_id, age);
  if (!added) {
    by_age_.erase(known->second);
    known->second = age;
  }
  by_age_.emplace(age, Entry{note, known_since});
}

void TraceNotes::date_loaded_lock_held(SteadyTime now) {
  if (std::exchange(loaded_are_dated_, true)) return;
  for (auto& [age, entry] : by_age_) entry.known_since = now;
}

void TraceNotes::forget_beyond_bound_lock_held() {
  while (by_age_.size() > max_notes_) forget_oldest_lock_held();
}

void TraceNotes::forget_before_lock_held(WallTime oldest_record, SteadyTime now) {
  const auto age = std::max(clock_.wall() - oldest_record, WallTime::duration::zero());
  const WallTime limit = oldest_record - kKept;
  const SteadyTime known_limit = now - age - kKept;
  const auto is_old = [&](const Entry& entry) {
    return entry.note.at < limit && entry.known_since < known_limit;
  };
  while (!by_age_.empty() && is_old(by_age_.begin()->second)) forget_oldest_lock_held();
}

void TraceNotes::forget_oldest_lock_held() {
  age_of_.erase(by_age_.begin()->second.note.trace_id);
  by_age_.erase(by_age_.begin());
}

std::vector<TraceNote> TraceNotes::recent() const {
  const MutexLock lock(mutex_);
  std::vector<TraceNote> notes;
  notes.reserve(by_age_.size());
  for (const auto& [age, entry] : by_age_) notes.push_back(entry.note);
  return notes;
}

std::uint64_t TraceNotes::file_bytes() const { return kHeaderBytes + file_pieces_ * kNoteBytes; }

}  // namespace tracelink
