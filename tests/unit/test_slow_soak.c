/* test_slow_soak.c - the engine under everything at once (soak.h), for ten minutes. */
#include "unit/soak.h"

static void minutes(void **state)
{
    (void)state;
    soak(600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(minutes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
