// SPDX-License-Identifier: Apache-2.0
// Reads files statement by statement, checks each against the vocabulary as nginx does (place, then
// ending, then number of arguments) and calls its handler.
#include "control/config/parse.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "control/config/values.h"

namespace weir::config {
namespace {

constexpr unsigned deepest_include =
    32;  // nginx has no limit and dies of a file that includes itself

std::string with_detail(std::string text, const std::string& detail) {
    if (!detail.empty()) text += "\n  " + detail;
    return text;
}

std::string at(const Source& source) {
    if (source.line == 0) return " in command line";
    return fmt::format(" in {}:{}", source.file, source.line);
}

// Error text as nginx's open(): `open() "F" failed (2: No such file or directory)`.
Result<std::string> read_text(const std::string& name) {
    const auto failed = [&](const char* call, int code) {
        return Error{
            fmt::format("{}() \"{}\" failed ({}: {})", call, name, code, std::strerror(code))};
    };
    std::error_code ignored;
    if (std::filesystem::is_directory(name, ignored)) return failed("read", EISDIR);
    errno = 0;
    std::ifstream in(name, std::ios::binary);
    if (!in) return failed("open", errno != 0 ? errno : EIO);
    std::ostringstream text;
    text << in.rdbuf();
    if (in.bad()) return failed("read", errno != 0 ? errno : EIO);
    return text.str();
}

std::string directory_of(const std::string& file) {
    const auto slash = file.rfind('/');
    return slash == std::string::npos ? "" : file.substr(0, slash + 1);
}

}  // namespace

Result<Parsed> Parse::run() {
    if (!options_.global_directives.empty()) {
        Lexer lexer(options_.global_directives, Lexer::Origin::command_line);
        lexer_ = &lexer;
        if (auto done = statements(Until::end_of_text); !done) return Error{done.error()};
        lexer_ = nullptr;
    }
    if (auto done = file(absolute_path(options_.prefix, options_.file), nullptr); !done)
        return Error{done.error()};
    if (auto done = check_dataplane(*this); !done) return Error{done.error()};
    warn_of_shared_sources(*this);
    return Parsed{std::move(model), std::move(messages_), std::move(files_)};
}

Status Parse::file(const std::string& name, const Source* included_at) {
    auto text = read_text(name);
    if (!text) return included_at ? error_at(*included_at, text.error()) : Error{text.error()};
    if (std::none_of(files_.begin(), files_.end(), [&](const auto& f) { return f.name == name; }))
        files_.push_back({name, *text});

    Lexer lexer(*std::move(text));
    Lexer* const outer_lexer = std::exchange(lexer_, &lexer);
    const std::string outer_name = std::exchange(file_name_, name);
    const unsigned outer_line = line_;
    auto done = statements(Until::end_of_text);
    lexer_ = outer_lexer;
    file_name_ = outer_name;
    line_ = outer_line;
    return done;
}

Status Parse::include(const std::string& pattern) {
    const Source here = source();
    if (includes_ == deepest_include)
        return error(
            fmt::format("too many nested \"include\" directives, the limit is {}", deepest_include),
            "a file that includes itself?");
    const std::string main_file = absolute_path(options_.prefix, options_.file);
    const std::string path = absolute_path(directory_of(main_file), pattern);

    std::vector<std::string> names;
    if (path.find_first_of("*?[") == std::string::npos) {
        names.push_back(path);
    } else {
        glob_t found{};
        if (::glob(path.c_str(), 0, nullptr, &found) == 0)
            names.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
        ::globfree(&found);
    }
    ++includes_;
    for (const std::string& name : names)
        if (auto done = file(name, &here); !done) return done;
    --includes_;
    return success();
}

Status Parse::block(Context context) {
    const Context outer = std::exchange(context_, context);
    std::set<std::string> outer_seen = std::exchange(seen_, {});
    auto done = statements(Until::close);
    context_ = outer;
    seen_ = std::move(outer_seen);
    return done;
}

Status Parse::skip_block() {
    for (;;) {
        auto statement = lexer_->next();
        line_ = lexer_->line();
        if (!statement) return error(statement.error());
        switch (statement->end) {
            case Statement::End::semicolon:
                break;
            case Statement::End::block:
                return error("unexpected \"{\"");
            case Statement::End::close:
                return success();
            case Statement::End::end_of_file:
                return error("unexpected end of file, expecting \"}\"");
        }
    }
}

Status Parse::statements(Until until) {
    for (;;) {
        auto statement = lexer_->next();
        line_ = lexer_->line();
        if (!statement) return error(statement.error());
        if (statement->end == Statement::End::close) {
            if (until == Until::close) return success();
            return error("unexpected \"}\"");
        }
        if (statement->end == Statement::End::end_of_file) {
            if (until == Until::end_of_text) return success();
            return error("unexpected end of file, expecting \"}\"");
        }
        if (in_command_line() && statement->end == Statement::End::block &&
            statement->name() != "dataplane")
            return error("block directives are not supported in -g option", "except dataplane { }");
        if (auto done = dispatch(*statement); !done) return done;
    }
}

Status Parse::dispatch(const Statement& statement) {
    const std::string& name = statement.name();
    const Lookup found = look_up(name, context_);
    if (!found.honoured && !found.foreign) {
        if (found.known_elsewhere)
            return error(fmt::format("\"{}\" directive is not allowed here", name));
        return unknown(statement);
    }
    const bool block_wanted = found.honoured ? found.honoured->block : found.foreign->block;
    const bool block_given = statement.end == Statement::End::block;
    if (found.honoured || found.foreign->treatment == Foreign::Treatment::ignored) {
        if (!block_wanted && block_given)
            return error(fmt::format("directive \"{}\" is not terminated by \";\"", name));
        if (block_wanted && !block_given)
            return error(fmt::format("directive \"{}\" has no opening \"{{\"", name));
    }
    if (!found.honoured) return foreign(*found.foreign, statement);

    if (statement.arguments() < found.honoured->least ||
        statement.arguments() > found.honoured->most)
        return error(fmt::format("invalid number of arguments in \"{}\" directive", name));
    return found.honoured->handler(*this, statement);
}

Status Parse::foreign(const Foreign& directive, const Statement& statement) {
    const std::string& name = statement.name();
    switch (directive.treatment) {
        case Foreign::Treatment::ignored:
            notice_once(name,
                        fmt::format("\"{}\" directive is ignored: {}", name, directive.reason));
            return directive.block ? skip_block() : success();
        case Foreign::Treatment::refused:
            return not_supported(fmt::format("\"{}\" directive", name),
                                 std::string(directive.reason));
        case Foreign::Treatment::not_yet:
            break;
    }
    return error(fmt::format("\"{}\" directive is not supported yet", name),
                 std::string(directive.reason));
}

Error Parse::unknown(const Statement& statement) const {
    const std::string& name = statement.name();
    std::string detail;
    if (name.starts_with("\xEF\xBB\xBF"))
        detail = "the file starts with a byte order mark (UTF-8 BOM); save it without one";
    else if (auto near = nearest(name, context_); !near.empty())
        detail = fmt::format("did you mean \"{}\"?", near);
    return error(fmt::format("unknown directive \"{}\"", name), detail);
}

bool Parse::first(const Statement& statement) {
    return seen_.insert(statement.name()).second;
}

bool Parse::in_command_line() const {
    return lexer_ && lexer_->origin() == Lexer::Origin::command_line;
}

Source Parse::source() const {
    if (in_command_line()) return {"command line", 0};
    return {file_name_, line_};
}

Error Parse::error(const std::string& text, const std::string& detail) const {
    return error_at(source(), text, detail);
}

Error Parse::error_at(const Source& source, const std::string& text, const std::string& detail) {
    return Error{with_detail(text + at(source), detail)};
}

Error Parse::not_supported(const std::string& what, const std::string& reason) const {
    return error(what + " is not supported by an L4 balancer", reason);
}

Error Parse::invalid_value(const Statement& statement) const {
    return error(fmt::format("\"{}\" directive invalid value", statement.name()));
}

Error Parse::duplicate(const Statement& statement) const {
    return error(fmt::format("\"{}\" directive is duplicate", statement.name()));
}

void Parse::warn(const std::string& text) {
    warn_at(source(), text);
}

void Parse::warn_at(const Source& source, const std::string& text) {
    messages_.push_back({LogLevel::warn, text + at(source)});
}

void Parse::notice_once(const std::string& name, const std::string& text) {
    if (noticed_.insert(name).second) messages_.push_back({LogLevel::notice, text + at(source())});
}

}  // namespace weir::config
