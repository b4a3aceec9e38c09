/* test_soak.c - the engine under everything at once (soak.h), for seconds; test_slow_soak.c does it for ten minutes. */
#include "unit/soak.h"

static void seconds(void **state)
{
    (void)state;
    soak(8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(seconds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
