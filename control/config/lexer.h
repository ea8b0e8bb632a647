// SPDX-License-Identifier: Apache-2.0
// nginx's tokenizer: cuts the text of one configuration file into statements, byte for byte as
// nginx does (quotes only at the start of a word, backslashes that stay, `${`, words of at most
// 4096 bytes). Called by Parse for each file. It knows no directive and must never look at what a
// word means.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dataplane/tables/result.h"

namespace weir::config {

struct Statement {
    enum class End {
        semicolon,    // words ;
        block,        // words {
        close,        // a lone }
        end_of_file,  // nothing more
    };
    std::vector<std::string> words;  // the directive's name comes first
    End end = End::end_of_file;
    unsigned line = 1;  // of the character that ended it: nginx reports errors there

    const std::string& name() const { return words.front(); }
    std::size_t arguments() const { return words.size() - 1; }
};

class Lexer {
  public:
    enum class Origin { file, command_line };

    explicit Lexer(std::string text, Origin origin = Origin::file)
        : text_(std::move(text)), origin_(origin) {}

    // The next statement. An error is nginx's text without " in FILE:LINE"; line() then is its
    // line.
    Result<Statement> next();
    unsigned line() const { return line_; }
    Origin origin() const { return origin_; }

  private:
    Result<std::string> word();
    Result<std::string> quoted(char quote);
    Error too_long(std::size_t start, unsigned start_line, char quote);
    Error out_of_text() const;
    bool skip_to_word();
    char take();

    std::string text_;
    Origin origin_;
    std::size_t at_ = 0;
    unsigned line_ = 1;
};

}  // namespace weir::config
