#include "daemon/mlflow/rest/database_error.hpp"

#include <algorithm>
#include <iterator>

#include "daemon/mlflow/rest/remedies.hpp"

namespace tracelink {
namespace {

constexpr Verdict kTransient{FailureClass::transient};
constexpr Verdict kPoison{FailureClass::poison};
constexpr Verdict kReadOnly{FailureClass::configuration, FailureScope::server,
                            remedy::kReadOnlyDatabase};
constexpr Verdict kFull{FailureClass::transient, FailureScope::server, remedy::kDatabaseFull};
constexpr Verdict kDown{FailureClass::transient, FailureScope::server, remedy::kDatabaseDown};
constexpr Verdict kSetup{FailureClass::configuration, FailureScope::server, remedy::kDatabaseSetup};

struct TextRule {
  std::string_view pattern;
  Verdict verdict;
};

// Looked at before the driver's class, which is too general for these.
constexpr TextRule kTexts[] = {
    {"*password authentication failed", kSetup},
    {"*database \"*\" does not exist", kSetup},
    {"*no such table", kSetup},
    {"*no such column", kSetup},
    {"*too many clients already", kFull},
    {"*too many connections for ", kFull},
    {"*remaining connection slots are reserved", kFull},
    {"*OperationalError) connection to server", kDown},
    {"*attempt to write a readonly database", kReadOnly},
    {"*(1290, ", kReadOnly},   // MySQL: running with --read-only
    {"*(1205, ", kTransient},  // MySQL: lock wait timeout
    {"*(1213, ", kTransient},  // MySQL: deadlock
    {"*QueuePool limit of size", kTransient},
    {"*cannot contain NUL (0x00)", kPoison},
    {"*int too big to convert", kPoison},
    {"*int too large to convert to SQLite", kPoison},
    {"*(sqlite3.ProgrammingError) Error binding parameter", kPoison},
    {"*(psycopg2.ProgrammingError) can't adapt type", kPoison},
    {"*(psycopg.ProgrammingError) cannot adapt type", kPoison},
    {"*UniqueViolation)*\"trace_request_metadata_pk\"", kTransient},
    {"*UniqueViolation)*\"trace_tag_pk\"", kTransient},
    {"*UniqueViolation)*\"trace_info_pk\"", kTransient},
    {"*UniqueViolation)*\"logged_model_", kPoison},
    {"*UNIQUE constraint failed: trace_", kTransient},
    {"*UNIQUE constraint failed: logged_model_", kPoison},
};

struct ClassRule {
  std::string_view name;
  Verdict verdict;
};

// The exception that SQLAlchemy names in front: "(psycopg2.errors.DeadlockDetected)".
constexpr ClassRule kClasses[] = {
    {"OperationalError", kTransient},
    {"DeadlockDetected", kTransient},
    {"SerializationFailure", kTransient},
    {"LockNotAvailable", kTransient},
    {"QueryCanceled", kTransient},
    {"AdminShutdown", kTransient},
    {"CrashShutdown", kTransient},
    {"CannotConnectNow", kTransient},
    {"TooManyConnections", kTransient},
    {"DiskFull", kTransient},
    {"OutOfMemory", kTransient},
    {"IdleInTransactionSessionTimeout", kTransient},
    {"InFailedSqlTransaction", kTransient},
    {"ReadOnlySqlTransaction", kReadOnly},
    {"InsufficientPrivilege", kSetup},
    {"UndefinedTable", kSetup},
    {"UndefinedColumn", kSetup},
    {"DataError", kPoison},
    {"StringDataRightTruncation", kPoison},
    {"NumericValueOutOfRange", kPoison},
    {"CharacterNotInRepertoire", kPoison},
    {"UntranslatableCharacter", kPoison},
};

// "DeadlockDetected" of "…(psycopg2.errors.DeadlockDetected) deadlock detected", or empty.
std::string_view driver_class(std::string_view text) {
  for (const std::string_view driver :
       {"(psycopg2.", "(psycopg.", "(sqlite3.", "(pymysql.", "(MySQLdb."}) {
    const auto start = text.find(driver);
    if (start == std::string_view::npos) continue;
    const auto inside = text.substr(start + 1, text.find(')', start) - start - 1);
    return inside.substr(inside.rfind('.') + 1);
  }
  return {};
}

}  // namespace

bool matches(std::string_view text, std::string_view pattern) {
  bool anchored = true;
  for (;;) {
    const auto star = pattern.find('*');
    const std::string_view piece = pattern.substr(0, star);
    const auto found = anchored ? (text.starts_with(piece) ? 0 : text.npos) : text.find(piece);
    if (found == text.npos) return false;
    if (star == pattern.npos) return true;
    text.remove_prefix(found + piece.size());
    pattern.remove_prefix(star + 1);
    anchored = false;
  }
}

std::optional<Verdict> judge_database_error(std::string_view text) {
  const auto by_text =
      std::ranges::find_if(kTexts, [&](const auto& rule) { return matches(text, rule.pattern); });
  if (by_text != std::end(kTexts)) return by_text->verdict;
  const std::string_view name = driver_class(text);
  const auto by_class = std::ranges::find_if(
      kClasses, [&](const auto& rule) { return !name.empty() && rule.name == name; });
  if (by_class != std::end(kClasses)) return by_class->verdict;
  return std::nullopt;
}

}  // namespace tracelink
