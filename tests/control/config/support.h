// SPDX-License-Identifier: Apache-2.0
// Writes a configuration to a directory of its own and parses it, with a resolver that knows a few
// names. Used by the parser's tests only.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "control/config/parser.h"

namespace weir::config {

inline std::filesystem::path source_root() {
    const char* root = std::getenv("WEIR_SOURCE_ROOT");
    return root ? root : ".";
}

inline Result<std::vector<IpAddress>> known_hosts(const std::string& host) {
    using boost::asio::ip::make_address;
    if (host == "one.test") return std::vector<IpAddress>{make_address("192.0.2.1")};
    if (host == "two.test")
        return std::vector<IpAddress>{make_address("192.0.2.2"), make_address("2001:db8::2")};
    return Error{"host not found"};
}

class Directory {
  public:
    Directory() {
        std::string pattern = std::filesystem::temp_directory_path() / "weir-config-XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    ~Directory() { std::filesystem::remove_all(path_); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path_ / name, std::ios::binary) << text;
    }
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

inline Result<Parsed> parse_text(const std::string& text, const std::string& global = "") {
    Directory directory;
    directory.write("t.conf", text);
    ParseOptions options;
    options.file = "t.conf";
    options.prefix = directory.path();
    options.global_directives = global;
    options.resolver = known_hosts;
    return parse(options);
}

// The error, without the directory of the file.
inline std::string error_of(const std::string& text, const std::string& global = "") {
    auto parsed = parse_text(text, global);
    if (parsed) return "";
    std::string error = parsed.error();
    for (auto at = error.find("/t.conf"); at != std::string::npos; at = error.find("/t.conf")) {
        const auto start = error.rfind(' ', at) + 1;
        error.erase(start, at + 1 - start);
    }
    return error;
}

// The error's first line, and a part of the second, which says why and what to do instead.
inline void expect_refused(const std::string& text, const std::string& first_line,
                           const std::string& detail) {
    const std::string error = error_of(text);
    const auto end = error.find('\n');
    EXPECT_EQ(error.substr(0, end), first_line) << text;
    ASSERT_NE(end, std::string::npos) << "no detail: " << error;
    EXPECT_NE(error.find(detail, end), std::string::npos) << error;
}

inline Model model_of(const std::string& text, const std::string& global = "") {
    auto parsed = parse_text(text, global);
    EXPECT_TRUE(parsed.ok()) << (parsed ? "" : parsed.error());
    return parsed ? parsed->model : Model{};
}

}  // namespace weir::config
