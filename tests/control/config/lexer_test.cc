// SPDX-License-Identifier: Apache-2.0
// The tokenizer's corners, each as nginx 1.22 was seen to treat it.
#include "control/config/lexer.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

using Words = std::vector<std::string>;

Words first_words(const std::string& text) {
    Lexer lexer(text);
    auto statement = lexer.next();
    EXPECT_TRUE(statement.ok()) << (statement ? "" : statement.error());
    return statement ? statement->words : Words{};
}

std::string first_error(const std::string& text) {
    Lexer lexer(text);
    auto statement = lexer.next();
    return statement ? "" : statement.error();
}

TEST(Lexer, SeparatesWordsBySpaceTabAndLineEnds) {
    EXPECT_EQ(first_words(" a\tb\r\nc ;"), (Words{"a", "b", "c"}));
}

TEST(Lexer, TakesAHashInsideAWordLiterally) {
    EXPECT_EQ(first_words("# x ; {\na#b c;"), (Words{"a#b", "c"}));
}

TEST(Lexer, OpensQuotesOnlyAtTheStartOfAWord) {
    EXPECT_EQ(first_words("a\"b\"c \"d e\" 'f;g';"), (Words{"a\"b\"c", "d e", "f;g"}));
}

TEST(Lexer, KeepsABackslashBeforeAnOrdinaryCharacter) {
    EXPECT_EQ(first_words(R"(a\;b q\dend "x\ty\n\"" 'it\'s' \\;)"),
              (Words{"a\\;b", "q\\dend", "x\ty\n\"", "it's", "\\"}));
}

TEST(Lexer, OpensNoBlockInAVariable) {
    EXPECT_EQ(first_words("a${b}c;"), (Words{"a${b}c"}));
    EXPECT_EQ(first_words("${b};"), (Words{"${b}"}));
}

TEST(Lexer, OpensABlockInTheMiddleOfAWord) {
    Lexer lexer("a{b;}");
    auto block = lexer.next();
    ASSERT_TRUE(block.ok());
    EXPECT_EQ(block->end, Statement::End::block);
    EXPECT_EQ(block->words, Words{"a"});
    EXPECT_EQ(lexer.next()->words, Words{"b"});
    EXPECT_EQ(lexer.next()->end, Statement::End::close);
    EXPECT_EQ(lexer.next()->end, Statement::End::end_of_file);
}

TEST(Lexer, KeepsAnEmptyQuotedWord) {
    EXPECT_EQ(first_words("a \"\";"), (Words{"a", ""}));
}

TEST(Lexer, AcceptsAParenthesisAfterAQuote) {
    EXPECT_EQ(first_words("a (\"b\" \"c\");"), (Words{"a", "(\"b\"", "c", ")"}));
}

TEST(Lexer, CountsTheLineOfTheTerminator) {
    Lexer lexer("a\n b\n  c\n;\nd;");
    EXPECT_EQ(lexer.next()->line, 4U);
    EXPECT_EQ(lexer.next()->line, 5U);
}

TEST(Lexer, NamesWhatItDidNotExpect) {
    EXPECT_EQ(first_error(";"), "unexpected \";\"");
    EXPECT_EQ(first_error("{"), "unexpected \"{\"");
    EXPECT_EQ(first_error("a }"), "unexpected \"}\"");
    EXPECT_EQ(first_error("a \"b\"c;"), "unexpected \"c\"");
    EXPECT_EQ(first_error("a"), "unexpected end of file, expecting \";\" or \"}\"");
    EXPECT_EQ(first_error("a \"b\""), "unexpected end of file, expecting \";\" or \"}\"");
    EXPECT_EQ(first_error("a \"b"), "unexpected end of file, expecting \";\" or \"}\"");
}

TEST(Lexer, LimitsAWordTo4096BytesAndReportsWhereItStarts) {
    EXPECT_EQ(first_words(std::string(4095, 'x') + ";").front().size(), 4095U);
    Lexer lexer("\n\n\"" + std::string(5000, '\n'));
    EXPECT_EQ(lexer.next().error(),
              "too long parameter, probably missing terminating \"\"\" character");
    EXPECT_EQ(lexer.line(), 3U);
    EXPECT_EQ(first_error(std::string(5000, 'y') + ";"),
              "too long parameter \"yyyyyyyyyy...\" started");
}

TEST(Lexer, AcceptsALongComment) {
    EXPECT_EQ(first_words("# " + std::string(5000, 'x') + "\na;"), Words{"a"});
}

TEST(Lexer, SpeaksOfAParameterOnTheCommandLine) {
    Lexer lexer("daemon off", Lexer::Origin::command_line);
    EXPECT_EQ(lexer.next().error(), "unexpected end of parameter, expecting \";\"");
}

}  // namespace
}  // namespace weir::config
