#include "daemon/queue/recovery.hpp"

#include <algorithm>
#include <array>

namespace tracelink {
namespace {

// Added to the highest id seen when the record of used ids is lost.
constexpr std::uint64_t kIdJump = std::uint64_t{1} << 32;
// Kept free for the sequences of what is accepted between two such jumps.
constexpr std::uint64_t kSequencesPerJump = std::uint64_t{1} << 40;

}  // namespace

void Recovery::attempt(StateFile kind, const std::filesystem::path& path,
                       const std::function<Result<void>()>& step) {
  if (auto done = step(); !done) core_.held.hold(kind, path.string(), done.error(), step);
}

void Recovery::run() {
  attempt(StateFile::directory, core_.options.state_dir / "models",
          [this] { return make_directories(); });
  attempt(StateFile::quarantine, core_.paths.quarantine,
          [this] { return core_.quarantine.open(); });
  attempt(StateFile::link, core_.paths.links, [this] { return core_.links.open(); });
  attempt(StateFile::directory, core_.paths.queue, [this] { return find_files(); });
  running_ = true;
  core_.reserve.restore();
  core_.signal.want_maintenance();
  core_.signal.want_moves();
}

Result<void> Recovery::make_directories() {
  const std::array directories = {core_.paths.queue, core_.paths.links, core_.paths.quarantine};
  for (const auto& directory : directories) {
    if (auto made = core_.fs.create_directories(directory); !made) return made;
  }
  const auto& state = core_.options.state_dir;
  for (const auto& parent : {state.parent_path(), state, state / "models"}) {
    if (parent.empty()) continue;
    if (auto synced = core_.fs.sync_directory(parent); !synced) return synced;
  }
  return {};
}

Result<void> Recovery::find_files() {
  const auto names = core_.fs.list(core_.paths.queue);
  if (!names) return names.error();
  core_.notes.load(*names);  // before the records whose links they know
  found_.clear();
  for (const auto& name : *names) {
    if (const auto id = QueuePaths::parse_segment(name)) {
      found_[*id].segment = true;
    } else if (const auto journal = QueuePaths::parse_journal(name)) {
      auto& generations = found_[journal->segment_id].journal_generations;
      generations = std::max(generations, journal->generation + 1);
    }
  }
  {
    const auto state = core_.state.lock();
    newest_ = found_.empty() ? 0 : found_.rbegin()->first;
    state->saved.next_segment_id = std::max(state->saved.next_segment_id, newest_ + 1);
    state->unread_segments = found_.size();
    state->first_own_segment = state->saved.next_segment_id;  // before any of them is used
  }
  attempt(StateFile::checkpoint, core_.paths.checkpoint(), [this] { return load_checkpoint(); });
  const auto state = core_.state.lock();
  if (!state->checkpoint_known) jump_ids(*state);
  state->first_own_segment = state->saved.next_segment_id;
  state->files_known = true;
  return {};
}

// Until the record of used ids is read, or if it is lost. The names of files tell the segment ids
// of an earlier start that jumped, even if nothing can be read; so the sequences follow these.
void Recovery::jump_ids(QueueState& state) {
  auto& saved = state.saved;
  saved.next_segment_id += kIdJump;
  saved.next_sequence =
      std::max(saved.next_sequence + kIdJump, saved.next_segment_id / kIdJump * kSequencesPerJump);
}

Result<void> Recovery::load_checkpoint() {
  if (auto loaded = load_totals(); !loaded) return loaded;
  if (totals_lost_) {
    if (auto finished = finish_moves_without_checkpoint(); !finished) return finished;
  }
  {
    const auto state = core_.state.lock();
    state->checkpoint_known = true;
    state->next_span += retired_spans_;
    state->next_change += retired_changes_;
    if (totals_lost_) jump_ids(*state);
    for (const auto& [id, info] : state->saved.moved) found_.try_emplace(id);  // some may be gone
  }
  delete_leftovers();
  listed_ = found_;
  for (const auto& [segment_id, found] : listed_) {
    const auto id = segment_id;
    const auto path = found.segment ? core_.paths.segment(id) : core_.paths.journals(id);
    attempt(found.segment ? StateFile::segment : StateFile::journal, path,
            [this, id] { return load(id); });
  }
  {
    const auto state = core_.state.lock();
    // The segments that are left may hold more sequences than any that could be read.
    if (!found_.empty() && !state->files_known) jump_ids(*state);
  }
  account_losses();
  return {};
}

Result<void> Recovery::load_totals() {
  const auto path = core_.paths.checkpoint();
  const auto there = core_.fs.exists(path);
  if (!there) return there.error();
  if (!*there) {
    // A queue has one from its first start on.
    totals_lost_ = !found_.empty();
    return found_.empty() ? write_first_checkpoint() : Result<void>();
  }
  const auto content = read_file(core_.fs, path);
  if (!content) return content.error();
  auto checkpoint = decode_checkpoint(*content);
  if (!checkpoint && checkpoint.error().code == ErrorCode::invalid) return checkpoint.error();
  if (!checkpoint) {
    if (auto kept = core_.quarantine.set_aside(path); !kept) return kept;
    totals_lost_ = true;
    return {};
  }
  const auto state = core_.state.lock();
  state->saved.retired = checkpoint->retired;
  state->saved.unaccounted = checkpoint->unaccounted;
  state->saved.unaccounted_changes = checkpoint->unaccounted_changes;
  state->saved.next_segment_id =
      std::max(state->saved.next_segment_id, checkpoint->next_segment_id);
  state->saved.next_sequence = std::max(state->saved.next_sequence, checkpoint->next_sequence);
  state->saved.retired_ids = std::move(checkpoint->retired_ids);
  state->saved.sealed_at.merge(checkpoint->sealed_at);
  state->saved.moved = std::move(checkpoint->moved);
  retired_spans_ = state->saved.retired.spans.stored() + state->saved.unaccounted;
  retired_changes_ = state->saved.retired.changes.stored() + state->saved.unaccounted_changes;
  return {};
}

// So that a checkpoint which is gone later is known to be gone.
Result<void> Recovery::write_first_checkpoint() {
  const auto bytes = encode_checkpoint({});
  if (!write_file_durably(core_.fs, core_.paths.checkpoint(), bytes)) core_.count_failure();
  return {};
}

// Files of segments that the checkpoint has counted. What cannot be deleted stays in its list.
void Recovery::delete_leftovers() {
  std::vector<std::uint64_t> retired;
  {
    const auto state = core_.state.lock();
    retired = state->saved.retired_ids;
  }
  std::vector<std::uint64_t> gone;
  for (const auto id : retired) {
    const auto found = found_.find(id);
    const auto generations = found == found_.end() ? 0 : found->second.journal_generations;
    if (found == found_.end() || delete_files_of(id, generations)) gone.push_back(id);
    if (found != found_.end()) found_.erase(found);
  }
  {
    const auto state = core_.state.lock();
    state->unread_segments = found_.size();
  }
  if (!retired.empty() && !core_.fs.sync_directory(core_.paths.queue)) gone.clear();
  if (gone.size() < retired.size()) core_.count_failure();
  const auto state = core_.state.lock();
  for (const auto id : gone) std::erase(state->saved.retired_ids, id);
}

// The journal first: alone it would tell of spans that nobody has counted.
bool Recovery::delete_files_of(std::uint64_t id, std::uint64_t generations) {
  DeliveryJournal journal(core_.fs, core_.paths, {.segment_id = id}, generations);
  return journal.remove() && core_.fs.remove(core_.paths.segment(id));
}

Result<void> Recovery::load(std::uint64_t id) {
  auto found = found_.at(id);
  auto loaded = load(id, found);
  if (!loaded && found.segment && store_.is_certainly_gone(id)) {
    found.segment = false;
    loaded = load(id, found);
  }
  if (!loaded) return loaded;
  found_.erase(id);
  {
    const auto state = core_.state.lock();
    state->unread_segments = found_.size();
  }
  if (running_) account_losses();
  return {};
}

Result<void> Recovery::load(std::uint64_t id, const Found& found) {
  if (const auto moved = moved_as(id)) return load_moved(id, found, *moved);
  if (!found.segment) return load_vanished(id, found.journal_generations);
  const auto copy = is_copy(id);
  if (!copy) return copy.error();
  return *copy ? load_unnamed(id, found) : load_segment(id, found.journal_generations);
}

std::optional<MovedSegment> Recovery::moved_as(std::uint64_t id) const {
  const auto state = core_.state.lock();
  const auto known = state->saved.moved.find(id);
  if (known == state->saved.moved.end()) return std::nullopt;
  return known->second;
}

Result<void> Recovery::load_segment(std::uint64_t id, std::uint64_t generations) {
  auto content = read_content(id);
  if (!content) return std::move(content).error();
  const auto& origin = content->origin;
  auto journal = DeliveryJournal::load(core_.fs, core_.paths, origin.key, generations);
  if (!journal) return std::move(journal).error();

  auto segment = std::make_shared<Segment>();
  segment->id = segment->place = id;
  segment->done_at = core_.clock.steady();
  segment->key = origin.key;
  segment->first_sequence = origin.header ? origin.header->first_sequence : 0;
  segment->journal =
      std::make_unique<DeliveryJournal>(core_.fs, core_.paths, origin.key, generations);
  account(*segment, *content, *journal);
  for (const auto& gap : content->gaps) {
    if (!gap.torn) segment->uncopied.push_back(gap);
  }
  const auto whole = unrecognized_newest(id, *content);
  if (!whole) return whole.error();
  if (*whole) segment->uncopied.push_back(**whole);
  (void)store_.copy_damaged(segment);  // else before it is deleted
  insert(segment, {.header = origin.header,
                   .spans = segment->counts.spans,
                   .changes = segment->counts.changes,
                   .closed = content->closed});
  return {};
}

// Its file is gone, though the checkpoint does not count it as deleted. What the journal has was
// done; how much else it held is seen from the segments behind it.
Result<void> Recovery::load_vanished(std::uint64_t id, std::uint64_t generations) {
  const SegmentKey key{.segment_id = id, .version = 0};
  const auto journal = DeliveryJournal::load(core_.fs, core_.paths, key, generations);
  if (!journal) return journal.error();
  SegmentContent content;
  content.closed = true;
  auto segment = std::make_shared<Segment>();
  segment->id = segment->place = id;
  segment->done_at = core_.clock.steady();
  segment->key = key;
  segment->journal = std::make_unique<DeliveryJournal>(core_.fs, core_.paths, key, generations);
  account(*segment, content, *journal);
  insert(segment, {.header = std::nullopt,
                   .spans = segment->counts.spans,
                   .changes = segment->counts.changes,
                   .closed = true});
  return {};
}

void Recovery::insert(const std::shared_ptr<Segment>& segment, Loaded loaded) {
  segment->closed = true;
  loaded_.emplace(segment->id, loaded);
  {
    const auto state = core_.state.lock();
    state->next_span += segment->counts.spans;
    state->next_change += segment->counts.changes;
    state->saved.next_sequence = std::max(state->saved.next_sequence, segment->next_sequence);
  }
  insert(segment);
}

void Recovery::insert(const std::shared_ptr<Segment>& segment) {
  const auto state = core_.state.lock();
  if (running_) segment->unread_from = 0;
  state->unsaved_entries += segment->unsaved.size();
  state->segments.emplace(segment->place, segment);
  if (segment->done()) core_.signal.want_maintenance();
}

// A segment of a later version says nothing to this one, so it waits for that.
Result<Recovery::OpenSegment> Recovery::open_segment(std::uint64_t id) const {
  auto file = core_.fs.open_read_only(core_.paths.segment(id));
  if (!file) return std::move(file).error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  auto origin = read_segment_origin(**file, id);
  if (!origin) return std::move(origin).error();
  SegmentReader reader(*std::move(file), origin->key);
  return OpenSegment{std::move(reader), *std::move(origin), *size};
}

Result<SegmentContent> Recovery::read_content(std::uint64_t id) {
  auto opened = open_segment(id);
  if (!opened) return std::move(opened).error();
  auto& [reader, origin, size] = *opened;
  const auto sealed = sealed_end(id);
  auto content = sealed ? std::nullopt : read_footer(reader, origin, size);
  if (!content && !sealed && !reader.failure()) harden(id, size);
  if (!content && !reader.failure()) {
    content = scan(reader, origin, std::min(sealed.value_or(size), size));
  }
  if (reader.failure()) return *reader.failure();
  return *std::move(content);
}

std::optional<std::uint64_t> Recovery::sealed_end(std::uint64_t id) const {
  const auto state = core_.state.lock();
  const auto sealed = state->saved.sealed_at.find(id);
  if (sealed == state->saved.sealed_at.end()) return std::nullopt;
  return sealed->second;
}

SegmentContent Recovery::scan(SegmentReader& reader, const SegmentOrigin& origin,
                              std::uint64_t end) {
  const auto on_link = [&](std::string_view encoded) { core_.links.learn(encoded); };
  return scan_segment(reader, origin, end, on_link);
}

void Recovery::harden(std::uint64_t id, std::uint64_t file_bytes) {
  const auto file = core_.fs.open(core_.paths.segment(id));
  // Truncated to its own size it gives back the blocks that were preallocated behind it.
  const bool hard = file && (*file)->sync() && (*file)->truncate(file_bytes);
  if (!hard) core_.count_failure();  // nothing acknowledged depends on it
}

// The whole newest file as a gap, if it has neither a header nor a record; nothing if it is all
// zeros, as a crash during its creation leaves it.
Result<std::optional<Gap>> Recovery::unrecognized_newest(std::uint64_t id,
                                                         const SegmentContent& content) {
  if (id != newest_ || content.origin.header || content.counts.records > 0)
    return std::optional<Gap>();
  const auto bytes = read_file(core_.fs, core_.paths.segment(id));
  if (!bytes) return bytes.error();
  if (bytes->find_first_not_of('\0') == std::string::npos) return std::optional<Gap>();
  return std::optional(Gap{.begin = 0, .end = bytes->size()});
}

}  // namespace tracelink
