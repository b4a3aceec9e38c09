// title.en: Characters in UTF-8
// title.zh: UTF-8 里的字符
// minutes: 10
// read: tutorials/tokenizer.c decode_utf8 | src/base/utf8.c
// hint.en: Look at the table: which bytes can stand at the beginning of a character, and which only inside one?
// hint.zh: 看上面的表：哪些字节能作一个字符的开头，哪些只能在字符中间？
// hint.en: Every character has exactly one first byte. So count the bytes that are not of the form 10xxxxxx.
// hint.zh: 每个字符恰好有一个首字节。所以只要数出不是 10xxxxxx 形式的字节。
// hint.en: (byte & 0xC0) == 0x80 is true for 10xxxxxx and for nothing else. char may be negative: look at it as unsigned char.
// hint.zh: (byte & 0xC0) == 0x80 只对 10xxxxxx 成立。char 可能是负数：请按 unsigned char 来看。
// mistake.en: these are the bytes, not the characters
// mistake.zh: 这数的是字节，不是字符
// mistake.en: not every character beyond ASCII is three bytes long: é is two, an emoji four
// mistake.zh: ASCII 之外的字符并不都是三个字节：é 是两个，表情符号是四个

// en: A model reads numbers, a text is bytes. Before anything else: where do characters begin?
// zh: 模型读的是数，文本是字节。首先要知道：字符从哪里开始？
//
//      0xxxxxxx                                A     41
//      110xxxxx 10xxxxxx                       é     C3 A9
//      1110xxxx 10xxxxxx 10xxxxxx              你    E4 BD A0
//      11110xxx 10xxxxxx 10xxxxxx 10xxxxxx     🦊    F0 9F A6 8A
//
// en: Return how many characters text[0 .. n-1] holds. The text is valid UTF-8, and no 0 stands behind it.
// zh: 返回 text[0 .. n-1] 里有多少个字符。文本是合法的 UTF-8，末尾没有 0。
int utf8_count(const char *text, int n)
{
    // en: YOUR TURN
    // zh: 到你了
    return 0;
}

// ---- check ----
#include "check.h"
int utf8_count(const char *text, int n);

static void count(const char *text)
{
    int n = (int)strlen(text);
    char *exact = malloc((size_t)n + 1); // the byte behind the text is a trap, not a zero
    memcpy(exact, text, (size_t)n), exact[n] = 'x';
    check_number("characters|字符数", utf8_count(exact, n));
}

int main(void)
{
    check_case("letters: hello", "字母：hello"), count("hello");
    check_case("two bytes each: café, naïve", "两个字节的：café, naïve"), count("café"), count("naïve");
    check_case("Chinese: 从前有一只狐狸", "中文：从前有一只狐狸"), count("从前有一只狐狸");
    check_case("an emoji: a🦊b", "表情符号：a🦊b"), count("a🦊b");
    check_case("an empty text", "空文本"), count("");
}
