/* 01_utf8_count.c - "Characters in UTF-8" of `foundry learn`, solved; with -DMISTAKE=k, solved wrongly as the exercise's k-th mistake says.
 */
#ifndef MISTAKE
#define MISTAKE 0
#endif
int utf8_count(const char *text, int n)
{
#if MISTAKE == 1
    (void)text;
    return n;
#elif MISTAKE == 2
    int count = 0;
    for (int i = 0; i < n; count++) i += (unsigned char)text[i] < 0x80 ? 1 : 3;
    return count;
#else
    int count = 0;
    for (int i = 0; i < n; i++) count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
#endif
}
