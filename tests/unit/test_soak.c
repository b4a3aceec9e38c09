/* test_soak.c - the engine under everything at once (soak.h), for seconds, most of them where a sanitizer looks; test_slow_soak.c does it
 * for ten minutes. */
#include "unit/soak.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SECONDS = 15 };
#else
enum { SECONDS = 2 };
#endif

static void seconds(void **state)
{
    (void)state;
    soak(SECONDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(seconds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
