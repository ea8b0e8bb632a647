// SPDX-License-Identifier: Apache-2.0
// Runs the fuzzer's entry over the examples, the message cases and mutations of them: it must
// return, and the sanitizers of a sanitized build must stay silent. The seed is fixed, so a failure
// can be repeated.
#include <random>
#include <sstream>

#include "tests/control/config/support.h"
#include "tests/fuzz/config_input.h"

namespace weir::config {
namespace {

std::vector<std::string> corpus() {
    std::vector<std::string> texts;
    for (const char* folder : {"config/examples", "tests/control/config/messages"}) {
        for (const auto& entry : std::filesystem::directory_iterator(source_root() / folder)) {
            if (entry.path().extension() != ".conf") continue;
            std::ostringstream text;
            text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
            texts.push_back(text.str().substr(0, 2000));
        }
    }
    std::sort(texts.begin(), texts.end());
    return texts;
}

std::string mutate(std::string text, const std::vector<std::string>& texts, std::mt19937& random) {
    constexpr std::string_view special = ";{}\"'\\#$ \n:=/[]-0";
    const auto at = [&](const std::string& in) { return in.empty() ? 0 : random() % in.size(); };
    for (unsigned rounds = 1 + random() % 4; rounds > 0; --rounds) {
        switch (random() % 5) {
            case 0:
                if (!text.empty()) text[at(text)] = static_cast<char>(random());
                break;
            case 1:
                text.insert(at(text), 1, special[random() % special.size()]);
                break;
            case 2:
                text.erase(at(text), random() % 20);
                break;
            case 3: {
                const std::string& other = texts[random() % texts.size()];
                text.insert(at(text), other.substr(at(other), random() % 60));
                break;
            }
            case 4: {
                const std::string part = text.substr(at(text), random() % 40);
                text.insert(at(text), part);
                break;
            }
        }
    }
    return text;
}

TEST(Fuzz, SurvivesMutations) {
    const auto texts = corpus();
    ASSERT_GT(texts.size(), 100U);
    for (const std::string& text : texts) parse_input(text);
    std::mt19937 random(20260101);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
    for (unsigned i = 0; i < 20000 && std::chrono::steady_clock::now() < end; ++i)
        parse_input(mutate(texts[random() % texts.size()], texts, random));
}

}  // namespace
}  // namespace weir::config
