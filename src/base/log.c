/* log.c - hands messages to the one sink of the process; without a sink they vanish.
 * The sink is called under a lock: one message at a time, from any thread. A sink must not log. */
#include "base/base.h"

#include <pthread.h>
#include <stdarg.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static lf_log_sink the_sink;
static void *the_user;

void lf_log_set_sink(lf_log_sink sink, void *user)
{
    pthread_mutex_lock(&lock);
    the_sink = sink;
    the_user = user;
    pthread_mutex_unlock(&lock);
}

void lf__log(lf_log_level level, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    int n = lf__vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0) return;
    pthread_mutex_lock(&lock);
    if (the_sink) the_sink(level, text, the_user);
    pthread_mutex_unlock(&lock);
}
