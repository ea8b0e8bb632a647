// SPDX-License-Identifier: Apache-2.0
// What all benchmark programs take on their command line. Wrong use ends the program with a
// sentence.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

namespace weir::bench {

struct Options {
    bool quick = false;           // a moment a case: does it run at all
    std::uint64_t memory = 1024;  // MiB that tables may take
    std::string huge;             // a folder on hugetlbfs; empty: tables in ordinary pages
    std::string only;             // cases whose name contains this
    std::string file;             // a working file of this program
    double seconds() const { return quick ? 0.01 : 1.0; }  // of measuring, a case
};

inline Options parse_options(int argc, char** argv) {
    Options options;
    const auto wrong = [&](const std::string& word) {
        std::cerr << argv[0] << ": " << word
                  << ": expected --quick, --memory MIB, --huge FOLDER, --only PART, --file FILE\n";
        std::exit(2);
    };
    for (int i = 1; i < argc; i++) {
        const std::string word = argv[i];
        if (word == "--quick") {
            options.quick = true;
            continue;
        }
        if (i + 1 == argc) wrong(word);
        const std::string value = argv[++i];
        if (word == "--memory")
            options.memory = std::strtoull(value.c_str(), nullptr, 10);
        else if (word == "--huge")
            options.huge = value;
        else if (word == "--only")
            options.only = value;
        else if (word == "--file")
            options.file = value;
        else
            wrong(word);
    }
    return options;
}

}  // namespace weir::bench
