# compare_output.awk EXPECTED REAL: is the output what a guide says? The convention is in docs/en/USER_GUIDE.md, "How to read it": blanks and
# empty lines do not count; a line "..." stands for any lines, one that begins with "~ " for any one line, "…" for any text within a line; numbers
# with a decimal point agree within 1 % and a unit in the last place, whole ones exactly, and one after "~" is anybody's. Exit 1: prints where.
function squeeze(s) { gsub(/[ \t\r]+/, " ", s); sub(/^ /, "", s); sub(/ $/, "", s); return s }
# Length of the number that s begins with, 0: none.
function number_at(s) { return match(s, /^[0-9]+(,[0-9][0-9][0-9])*(\.[0-9]+)?(e[-+][0-9]+)?/) ? RLENGTH : 0 }
function close_to(a, b,    places, unit, x, y) {
    if (a !~ /[.e]/ || b !~ /[.e]/) return a == b
    places = a; sub(/e.*/, "", places); sub(/^[^.]*\.?/, "", places)
    unit = exp(-length(places) * log(10)); if (match(a, /e/)) unit *= exp(substr(a, RSTART + 1) * log(10))
    gsub(/,/, "", a); gsub(/,/, "", b); x = a + 0; y = b + 0
    return (x > y ? x - y : y - x) <= 0.01 * x + 1.000001 * unit
}
function same(e, a,    n, m, i) {
    while (e != "") {
        if (substr(e, 1, length("…")) == "…") {
            e = substr(e, length("…") + 1)
            if (e == "") return 1
            for (i = 1; i <= length(a) + 1; i++) if (same(e, substr(a, i))) return 1
            return 0
        }
        if (e ~ /^~-?[0-9]/) {
            sub(/^~-?/, "", e); sub(/^-/, "", a)
            if (!(m = number_at(a))) return 0
            e = substr(e, number_at(e) + 1); a = substr(a, m + 1)
        } else if ((n = number_at(e))) {
            if (!(m = number_at(a)) || !close_to(substr(e, 1, n), substr(a, 1, m))) return 0
            e = substr(e, n + 1); a = substr(a, m + 1)
        } else {
            if (substr(e, 1, 1) != substr(a, 1, 1)) return 0
            e = substr(e, 2); a = substr(a, 2)
        }
    }
    return a == ""
}
function line_fits(e, a) { return e ~ /^~ / ? a != "" : same(e, a) }
# Do the expected lines first..last fit the real ones from `at` on, one by one?
function run_fits(first, last, at,    i) {
    for (i = first; i <= last; i++) if (at + i - first > n_real || !line_fits(want[i], real[at + i - first])) return 0
    return 1
}
FNR == NR { line = squeeze($0); if (line != "") want[++n_want] = line; next }
{ line = squeeze($0); if (line != "") real[++n_real] = line }
END {
    at = 1; free = 0
    for (first = 1; first <= n_want; first = last + 1) {
        if (want[first] == "...") { free = 1; last = first; continue }
        for (last = first; last < n_want && want[last + 1] != "..."; last++) ;
        if (last == n_want && free && n_real - (last - first) > at) at = n_real - (last - first)
        for (found = 0; at <= n_real + 1 && !found; at++) {
            found = run_fits(first, last, at)
            if (found || !free) break
        }
        if (!found) {
            for (i = first; i < last && !free && line_fits(want[i], real[at]); i++) at++
            print "expected: " want[free ? first : i]
            if (!free) print "got:      " (at <= n_real ? real[at] : "(nothing more)")
            exit failed = 1
        }
        at += last - first + 1; free = 0
    }
    if (!free && at <= n_real) { print "expected: (nothing after \"" want[n_want] "\")"; print "got:      " real[at]; exit failed = 1 }
}
