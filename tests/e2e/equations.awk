# equations.awk FILE...: the arithmetic of documents is right. Wherever prose, a table or a diagram says EXPRESSION = NUMBER (or = EXPRESSION), both
# sides of numbers alone, they must agree to half a unit of the last digit that is written. Names make a side unreadable, and it is passed over.
# "d·10⁶" is one number; ln, log2, sqrt, exp, cos, pi and e are known. Prints what is wrong; the last line is how many were compared.
function fail() { bad = 1; return 0 }
function peek() { sub(/^ +/, "", s); return substr(s, 1, 1) }
# One number at the head of s: `unit` is that of its last place, `rounded` that it is not a whole one.
function literal(    text, places, v) {
    if (!match(s, /^[0-9]+(,[0-9][0-9][0-9])*(\.[0-9]+)?(e[-+]?[0-9]+)?/)) return fail()
    text = substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1); n_literals++
    places = text; sub(/e.*/, "", places); places = places ~ /\./ ? length(places) - index(places, ".") : 0
    if (text ~ /\./) rounded = 1
    gsub(/,/, "", text); unit = 10 ^ -places; if (match(text, /e/)) unit *= 10 ^ substr(text, RSTART + 1)
    v = text + 0
    if (match(s, /^ ?\* ?10\^[0-9]+/)) { text = substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1); sub(/.*\^/, "", text); v *= 10 ^ text; unit *= 10 ^ text; rounded = 1 }
    return v
}
function atom(    v) {
    peek()
    if (sub(/^\(/, "", s)) { v = sum(); if (peek() != ")") return fail(); s = substr(s, 2); return v }
    if (s ~ /^[a-z]/) named = 1
    if (sub(/^ln +/, "", s) || sub(/^ln\(/, "(", s)) { v = power(); return v > 0 ? log(v) : fail() }
    if (sub(/^log2 */, "", s)) { v = power(); return v > 0 ? log(v) / log(2) : fail() }
    if (sub(/^sqrt\(/, "(", s)) { v = atom(); return v >= 0 ? sqrt(v) : fail() }
    if (sub(/^exp\(/, "(", s)) return exp(atom())
    if (sub(/^cos\(/, "(", s) || sub(/^cos +/, "", s)) return cos(atom())
    if (sub(/^sin\(/, "(", s) || sub(/^sin +/, "", s)) return sin(atom())
    if (sub(/^pi/, "", s)) return atan2(0, -1)
    if (sub(/^e/, "", s)) { rounded = 1; return exp(1) }
    return literal()
}
function power(    v) { v = atom(); if (peek() == "^") { s = substr(s, 2); v = v ^ signed() } return v }
function signed() { if (peek() == "-") { s = substr(s, 2); return -power() } return power() }
function product(    v, w) {
    v = signed()
    while (!bad && (peek() == "*" || substr(s, 1, 1) == "/")) {
        w = substr(s, 1, 1); s = substr(s, 2)
        if (w == "*") v *= signed(); else { w = signed(); if (w == 0) return fail(); v /= w }
    }
    return v
}
function sum(    v, w) {
    v = product()
    while (!bad && (peek() == "+" || substr(s, 1, 1) == "-")) { w = substr(s, 1, 1); s = substr(s, 2); v += w == "+" ? product() : -product() }
    return v
}
# What text begins with. Its last place is the unit of a result; a computation has none.
function read_sum(text,    v) {
    s = text; bad = n_literals = named = rounded = unit = 0; v = sum()
    alone = n_literals == 1 && !named
    if (!alone) unit = 0
    return v
}
# The longest tail of text that is a sum and begins where a word may begin; "" if there is none.
function tail(text,    i, before) {
    sub(/ +$/, "", text)
    for (i = 1; i <= length(text); i++) {
        if (substr(text, i, 1) !~ /[-0-9(a-z]/) continue
        before = substr(text, 1, i - 1)
        if (before ~ /[-A-Za-z0-9_.^*\/+)}%@,]$/ || before ~ /[-*\/+^] $/) continue
        read_sum(substr(text, i))
        if (!bad && s ~ /^ *$/ && n_literals) return substr(text, i)
    }
    return ""
}
function check(left, right,    a, b, ua, ub, exact, tolerance, scale, ra, number) {
    left = tail(left)
    if (left == "") return
    a = read_sum(left); ua = unit; ra = rounded; number = alone
    b = read_sum(right); ub = unit
    if (bad || !n_literals || s ~ /^([-*\/+^({_]|\.[0-9])/) return
    if (s ~ /^[A-Za-z]/ && substr(right, length(right) - length(s), 1) != " ") return
    if (number && alone) return
    scale = s ~ /^%/ ? 100 : s ~ /^k/ ? 1e-3 : s ~ /^M/ ? 1e-6 : s ~ /^[GB]/ ? 1e-9 : s ~ /^T/ ? 1e-12 : 1
    exact = !ra && !rounded
    tolerance = 0.51 * (ua > ub ? ua : ub) + (exact ? 1e-9 : SLACK) * (b > 0 ? b : -b)
    compared++
    if ((a - b <= tolerance && b - a <= tolerance) || (scale != 1 && a * scale - b <= tolerance && b - a * scale <= tolerance)) return
    printf "%s:%d: %s = %s: %.8g\n", FILENAME, at, left, substr(right, 1, length(right) - length(s)), a
}
BEGIN { if (SLACK == "") SLACK = 5e-4 }
function paragraph(line,    n, i, part, up, before, after) {
    gsub(/`[^`]*`/, "@", line); gsub(/\]\([^)]*\)/, "]", line); gsub(/[*][*]/, "", line); gsub(/[<>=]=|<=|->|─>/, "@", line)
    gsub(/·|×/, "*", line); gsub(/−/, "-", line); gsub(/（/, "(", line); gsub(/）/, ")", line)
    while (match(line, /(⁰|¹|²|³|⁴|⁵|⁶|⁷|⁸|⁹)+/)) {
        up = substr(line, RSTART, RLENGTH); before = substr(line, 1, RSTART - 1); after = substr(line, RSTART + RLENGTH)
        gsub(/⁰/, "0", up); gsub(/¹/, "1", up); gsub(/²/, "2", up); gsub(/³/, "3", up); gsub(/⁴/, "4", up)
        gsub(/⁵/, "5", up); gsub(/⁶/, "6", up); gsub(/⁷/, "7", up); gsub(/⁸/, "8", up); gsub(/⁹/, "9", up)
        line = before "^" up after
    }
    n = split(line, part, "=")
    for (i = 1; i < n; i++) check(part[i], part[i + 1])
}
# A paragraph is one text; a line of a diagram, an equation or a table stands alone.
function flush() { if (text != "") paragraph(text); text = "" }
/^```/ { flush(); code = code ? "" : $0; next }
code && code != "```text" { next }
code || /^    / || /^\|/ || /^$/ { flush(); at = FNR; paragraph($0); next }
{ if (text == "") at = FNR; text = text (text == "" ? "" : " ") $0 }
END { flush(); print compared + 0 }
