#include "daemon/mlflow/rest/database_error.hpp"

#include "daemon/mlflow/rest/remedies.hpp"
#include "tests/unit/mlflow_rest/failure_rows.hpp"

// The rows of docs/mlflow-servers.md#database-errors, as whole answers.
namespace tracelink {
namespace {

constexpr auto kStart = Operation::start_trace;
constexpr auto kOtlp = Operation::otlp;

HttpResponse database_error(int status, const std::string& text) {
  return mlflow_error(status, status == 503 ? "TEMPORARILY_UNAVAILABLE" : "BAD_REQUEST",
                      text + "\n\n[SQL: INSERT INTO trace_info …]\n[parameters: {'a': 'b'}]");
}

TEST(DatabaseError, WhatPassesIsTransientOnEveryDriver) {
  for (const std::string name :
       {"errors.DeadlockDetected", "errors.SerializationFailure", "errors.LockNotAvailable",
        "errors.QueryCanceled", "errors.AdminShutdown", "errors.CrashShutdown",
        "errors.CannotConnectNow", "errors.TooManyConnections", "errors.DiskFull",
        "errors.OutOfMemory", "errors.IdleInTransactionSessionTimeout",
        "errors.InFailedSqlTransaction", "OperationalError"}) {
    for (const std::string driver : {"psycopg2.", "psycopg."}) {
      const std::string text = "(" + driver + name + ") words";
      expect_class(
          FailureClass::transient,
          {{kStart, database_error(400, text)},
           {kStart, database_error(503, text)},
           {kOtlp, otlp_error(422, "Failed to log OpenTelemetry spans: Trace tr-1: " + text)}});
    }
  }
}

TEST(DatabaseError, ALostRaceForATracesRowsIsTransient) {
  for (const std::string table : {"trace_request_metadata_pk", "trace_tag_pk", "trace_info_pk"}) {
    const std::string text =
        "(raised as a result of Query-invoked autoflush)\n(psycopg2.errors.UniqueViolation) "
        "duplicate key value violates unique constraint \"" +
        table + "\"";
    expect_class(FailureClass::transient, {{kOtlp, database_error(400, text)}});
  }
  expect_class(FailureClass::transient,
               {{kOtlp, database_error(400,
                                       "(sqlite3.IntegrityError) UNIQUE constraint failed: "
                                       "trace_tags.key, trace_tags.request_id")}});
}

TEST(DatabaseError, AKeyThatAModelHasIsPermanent) {
  expect_class(FailureClass::poison,
               {{Operation::logged_model,
                 database_error(400,
                                "(psycopg2.errors.UniqueViolation) duplicate key value violates "
                                "unique constraint \"logged_model_params_pk\"")},
                {Operation::logged_model,
                 database_error(400,
                                "(sqlite3.IntegrityError) UNIQUE constraint failed: "
                                "logged_model_params.model_id, logged_model_params.param_key")}});
}

TEST(DatabaseError, AReadOnlyDatabaseHoldsTheServer) {
  expect_held(FailureScope::server, remedy::kReadOnlyDatabase,
              {{kStart, database_error(400,
                                       "(psycopg2.errors.ReadOnlySqlTransaction) cannot "
                                       "execute INSERT in a read-only transaction")},
               {kOtlp, otlp_error(422,
                                  "Failed to log OpenTelemetry spans: "
                                  "(psycopg2.errors.ReadOnlySqlTransaction) cannot")},
               {kStart, database_error(503,
                                       "(sqlite3.OperationalError) attempt to write a "
                                       "readonly database")},
               {kStart, database_error(503,
                                       "(pymysql.err.OperationalError) (1290, 'The MySQL "
                                       "server is running with the --read-only option')")}});
}

TEST(DatabaseError, ADatabaseSetUpWronglyHoldsTheServer) {
  expect_held(
      FailureScope::server, remedy::kDatabaseSetup,
      {{kStart, database_error(400, "(psycopg2.errors.InsufficientPrivilege) permission denied")},
       {kStart, database_error(400,
                               "(psycopg2.errors.UndefinedTable) relation \"spans\" does not "
                               "exist")},
       {kStart, database_error(400, "(psycopg.errors.UndefinedColumn) column does not exist")},
       {kStart, database_error(503,
                               "(psycopg2.OperationalError) connection to server failed: "
                               "FATAL:  password authentication failed for user \"m\"")},
       {kStart, database_error(503,
                               "(psycopg2.OperationalError) connection to server failed: "
                               "FATAL:  database \"mlflow\" does not exist")},
       {kStart, database_error(503, "(sqlite3.OperationalError) no such table: spans")}});
}

TEST(DatabaseError, ADatabaseThatIsDownIsTransient) {
  for (const std::string words :
       {"connection to server at \"db\" failed: Connection refused",
        "FATAL:  the database system is starting up",
        "FATAL:  the database system is shutting down", "FATAL:  sorry, too many clients already",
        "server closed the connection unexpectedly"}) {
    expect_class(FailureClass::transient,
                 {{kStart, database_error(503, "(psycopg2.OperationalError) " + words)},
                  {kOtlp, otlp_error(422,
                                     "Failed to log OpenTelemetry spans: "
                                     "(psycopg2.OperationalError) " +
                                         words)}});
  }
}

TEST(DatabaseError, ADatabaseThatTakesNoConnectionPassesButIsTold) {
  const auto remedy_of = [](const std::string& words) {
    return classify(kStart, database_error(503, "(psycopg2.OperationalError) " + words)).remedy;
  };
  const std::string refused = "connection to server at \"db\", port 5432 failed: ";
  for (const std::string words :
       {"sorry, too many clients already", "too many connections for role \"mlflow\"",
        "too many connections for database \"mlflow\"",
        "remaining connection slots are reserved for non-replication superuser connections"}) {
    EXPECT_EQ(remedy_of(refused + "FATAL:  " + words), remedy::kDatabaseFull) << words;
  }
  EXPECT_EQ(remedy_of(refused + "Connection refused"), remedy::kDatabaseDown);
  EXPECT_EQ(remedy_of(refused + "FATAL:  the database system is starting up"),
            remedy::kDatabaseDown);
  EXPECT_EQ(remedy_of("server closed the connection unexpectedly"), "");
}

TEST(DatabaseError, MySqlIsReadByItsNumbers) {
  expect_class(FailureClass::transient,
               {{kStart, database_error(400, "(pymysql.err.InternalError) (1205, 'Lock wait')")},
                {kStart, database_error(400, "(MySQLdb.InternalError) (1213, 'Deadlock')")}});
  expect_class(FailureClass::poison,
               {{kStart, database_error(400, "(pymysql.err.DataError) (1406, 'Data too long')")}});
}

TEST(DatabaseError, DataThatNoColumnTakesIsPoison) {
  for (const std::string text :
       {("(psycopg2.errors.StringDataRightTruncation) value too long for type character "
         "varying(250)"),
        "(psycopg2.errors.NumericValueOutOfRange) bigint out of range",
        "(psycopg2.errors.CharacterNotInRepertoire) invalid byte sequence",
        "(psycopg2.errors.UntranslatableCharacter) unsupported Unicode escape sequence",
        "(psycopg.DataError) PostgreSQL text fields cannot contain NUL (0x00) bytes",
        "(psycopg2.ProgrammingError) can't adapt type 'dict'",
        "(psycopg.ProgrammingError) cannot adapt type 'dict' using placeholder '%s'",
        "(sqlite3.ProgrammingError) Error binding parameter 3: type is not supported"}) {
    expect_class(FailureClass::poison,
                 {{kStart, database_error(400, text)},
                  {kOtlp, otlp_error(422, "Failed to log OpenTelemetry spans: " + text)}});
  }
  expect_class(FailureClass::poison,
               {{kStart, mlflow_error(500, "INTERNAL_ERROR",
                                      "A string literal cannot contain NUL (0x00) characters.")}});
}

TEST(DatabaseError, OtherWordsOfADriverDecideNothing) {
  EXPECT_FALSE(judge_database_error("(psycopg2.errors.SomethingNew) words"));
  EXPECT_FALSE(judge_database_error("(psycopg2."));
  EXPECT_FALSE(judge_database_error("DeadlockDetected"));
  EXPECT_FALSE(judge_database_error(""));
}

// What stands behind "[SQL:" is the user's.
TEST(DatabaseError, PatternsBehindTheStatementDecideNothing) {
  const std::string users = "\n[SQL: INSERT …]\n[parameters: {'v': 'QueuePool limit of size'}]";
  expect_class(FailureClass::unknown,
               {{kStart, mlflow_error(400, "BAD_REQUEST", "(x.NewError) words" + users)}});
}

TEST(Matches, FindsThePiecesInOrder) {
  EXPECT_TRUE(matches("abc", "a"));
  EXPECT_FALSE(matches("abc", "b"));
  EXPECT_TRUE(matches("abc", "*b"));
  EXPECT_TRUE(matches("abcd", "a*c"));
  EXPECT_FALSE(matches("acb", "a*b*c"));
  EXPECT_FALSE(matches("ab", "ab*b"));
  EXPECT_TRUE(matches("", ""));
}

}  // namespace
}  // namespace tracelink
