#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "daemon/git/work_tree.hpp"
#include "tests/support/temp_directory.hpp"

namespace tracelink {

// Real repositories, made by the git executable in a temporary folder.
class GitTest : public ::testing::Test {
 protected:
  // Runs git in root_/folder, away from this machine's configuration; its output, trimmed.
  std::string git(const std::string& folder, const std::string& arguments) {
    const std::string command =
        "cd '" + (root_ / folder).string() + "' && " +
        "env -u GIT_DIR -u GIT_WORK_TREE -u GIT_INDEX_FILE HOME=/nonexistent " +
        "GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 " +
        "git -c user.name=ada -c user.email=ada@example.org -c init.defaultBranch=main " +
        "-c protocol.file.allow=always " + arguments + " 2>&1";
    std::string output;
    FILE* pipe = popen(command.c_str(), "r");
    std::array<char, 4096> buffer{};
    while (fgets(buffer.data(), buffer.size(), pipe) != nullptr) output += buffer.data();
    EXPECT_EQ(pclose(pipe), 0) << command << "\n" << output;
    output.erase(output.find_last_not_of('\n') + 1);
    return output;
  }

  // root_/folder with one commit on main; `how` are options of git init.
  void make_repository(const std::string& folder, const std::string& how = "") {
    std::filesystem::create_directories(root_ / folder);
    git(folder, "init -q " + how);
    commit(folder);
  }
  void commit(const std::string& folder) { git(folder, "commit -q --allow-empty -m change"); }
  std::string head(const std::string& folder) { return git(folder, "rev-parse HEAD"); }

  void write(const std::string& file, const std::string& content) {
    std::ofstream(root_ / file, std::ios::binary) << content;
  }

  GitFacts facts(const std::string& folder) {
    auto read = read_work_tree(root_ / folder);
    EXPECT_TRUE(read) << read.error().message;
    return read ? *read : GitFacts{};
  }
  // The error of reading root_/folder, with root_ as ROOT.
  std::string error(const std::string& folder) {
    const auto read = read_work_tree(root_ / folder);
    if (read) return "no error, commit " + read->commit;
    std::string message = read.error().message;
    const std::string root = root_.string();
    for (auto at = message.find(root); at != message.npos; at = message.find(root)) {
      message.replace(at, root.size(), "ROOT");
    }
    return message;
  }

  const TempDirectory temporary_;
  const std::filesystem::path root_ = temporary_.path();
};

}  // namespace tracelink
