# figures.awk FILE: section by section, what both languages of a document share in prose and tables: each number (118 billion is 1180 亿; digits of
# names such as bf16 are none) and each piece of code between backquotes, words of it that are translated (RECIPE, 配方) being WORD. To be sorted.
function value(digits, after) {
    gsub(/,/, "", digits)
    if (match(after, /^ ?(thousand|million|billion|万|亿)/)) {
        after = substr(after, 1, RLENGTH); sub(/^ /, "", after)
        return sprintf("%.10g", digits * scale[after])
    }
    return digits
}
BEGIN { scale["thousand"] = 1e3; scale["万"] = 1e4; scale["million"] = 1e6; scale["亿"] = 1e8; scale["billion"] = 1e9 }
/^```/ { code = !code; next }
code { next }
/^#+ / { section++ }
{
    gsub(/\]\([^)]*\)/, "")
    while (match($0, /`[^`]+`/)) {
        piece = substr($0, RSTART, RLENGTH)
        $0 = substr($0, 1, RSTART - 1) " " substr($0, RSTART + RLENGTH)
        gsub(/[^ -~]+|[A-Z][A-Z][A-Z]+/, "WORD", piece)
        if (!seen[section, piece]++) print section ": " piece
    }
    gsub(/[A-Za-z]+-?[0-9][A-Za-z0-9_.]*/, "")
    while (match($0, /[0-9]+(,[0-9][0-9][0-9])*(\.[0-9]+)?/)) {
        number = substr($0, RSTART, RLENGTH); $0 = substr($0, RSTART + RLENGTH)
        print section ": " value(number, $0)
    }
}
