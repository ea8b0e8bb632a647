// SPDX-License-Identifier: Apache-2.0
// The tokenizer of lexer.h. The one deliberate difference from nginx: a comment may be longer than
// 4096 bytes (nginx calls it a "too long parameter").
#include "control/config/lexer.h"

#include <fmt/format.h>

namespace weir::config {
namespace {

constexpr std::size_t longest_word = 4096;  // nginx's NGX_CONF_BUFFER

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Only these escapes are converted; before any other character the backslash stays.
std::string unescape(std::string_view raw) {
    std::string word;
    word.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '\\' || i + 1 == raw.size()) {
            word += raw[i];
            continue;
        }
        switch (raw[i + 1]) {
            case '"':
            case '\'':
            case '\\':
                word += raw[++i];
                break;
            case 't':
                word += '\t';
                ++i;
                break;
            case 'r':
                word += '\r';
                ++i;
                break;
            case 'n':
                word += '\n';
                ++i;
                break;
            default:
                word += '\\';
        }
    }
    return word;
}

Error unexpected(char c) {
    return Error{fmt::format("unexpected \"{}\"", c)};
}

}  // namespace

Result<Statement> Lexer::next() {
    Statement statement;
    while (skip_to_word()) {
        const char c = text_[at_];
        if (c == ';' || c == '{') {
            take();
            if (statement.words.empty()) return unexpected(c);
            statement.end = c == ';' ? Statement::End::semicolon : Statement::End::block;
            statement.line = line_;
            return statement;
        }
        if (c == '}') {
            take();
            if (!statement.words.empty()) return unexpected(c);
            statement.end = Statement::End::close;
            statement.line = line_;
            return statement;
        }
        auto text = c == '"' || c == '\'' ? quoted(take()) : word();
        if (!text) return Error{text.error()};
        statement.words.push_back(*std::move(text));
    }
    if (!statement.words.empty()) return out_of_text();
    statement.line = line_;
    return statement;
}

// Skips space and comments; false at the end of the text.
bool Lexer::skip_to_word() {
    bool comment = false;
    while (at_ < text_.size()) {
        const char c = text_[at_];
        if (comment) {
            comment = c != '\n';
        } else if (c == '#') {
            comment = true;
        } else if (!is_space(c)) {
            return true;
        }
        take();
    }
    return false;
}

// A bare word ends at space, `;` or `{`, which stays unread; `${` opens no block.
Result<std::string> Lexer::word() {
    const std::size_t start = at_;
    const unsigned start_line = line_;
    bool variable = false;
    while (at_ < text_.size()) {
        if (at_ - start >= longest_word && origin_ == Origin::file)
            return too_long(start, start_line, '\0');
        const char c = text_[at_];
        if (at_ > start && !(c == '{' && variable) && (is_space(c) || c == ';' || c == '{'))
            return unescape(std::string_view(text_).substr(start, at_ - start));
        if (!(c == '{' && variable)) variable = c == '$';
        take();
        if (c == '\\' && at_ < text_.size()) take();
    }
    return out_of_text();
}

// After the closing quote nginx wants space, `;`, `{` or `)`.
Result<std::string> Lexer::quoted(char quote) {
    const std::size_t start = at_;
    const unsigned start_line = line_;
    while (at_ < text_.size()) {
        if (at_ - start >= longest_word && origin_ == Origin::file)
            return too_long(start, start_line, quote);
        const char c = take();
        if (c == '\\' && at_ < text_.size()) {
            take();
        } else if (c == quote) {
            auto text = unescape(std::string_view(text_).substr(start, at_ - 1 - start));
            if (at_ == text_.size()) return out_of_text();
            const char after = text_[at_];
            if (!is_space(after) && after != ';' && after != '{' && after != ')') {
                take();
                return unexpected(after);
            }
            return text;
        }
    }
    return out_of_text();
}

Error Lexer::too_long(std::size_t start, unsigned start_line, char quote) {
    line_ = start_line;
    if (quote == '\0')
        return Error{fmt::format("too long parameter \"{}...\" started", text_.substr(start, 10))};
    return Error{
        fmt::format("too long parameter, probably missing terminating \"{}\" character", quote)};
}

Error Lexer::out_of_text() const {
    if (origin_ == Origin::command_line)
        return Error{"unexpected end of parameter, expecting \";\""};
    return Error{"unexpected end of file, expecting \";\" or \"}\""};
}

char Lexer::take() {
    const char c = text_[at_++];
    if (c == '\n') ++line_;
    return c;
}

}  // namespace weir::config
