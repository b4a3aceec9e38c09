/* log.h - messages that are not errors: what the library would like to say, and who listens.
 *
 * The library prints nothing itself. Without a sink, messages vanish. The sink may be called from any thread,
 * one call at a time. */
#ifndef FOUNDRY_LOG_H
#define FOUNDRY_LOG_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum lf_log_level { LF_LOG_DEBUG, LF_LOG_INFO, LF_LOG_NOTE, LF_LOG_WARNING } lf_log_level;

/* text: one complete message without a newline, valid during the call. */
typedef void (*lf_log_sink)(lf_log_level level, const char *text, void *user);

/* Process-wide; NULL silences. borrows user. */
void lf_log_set_sink(lf_log_sink sink, void *user);

/* Progress of long work: done of total (total 0 = unknown), in `unit` ("bytes", "merges", "stories").
 * Called at most a few times a second, and once at the end. Return non-zero to ask for a stop (LF_E_INTERRUPTED). */
typedef int (*lf_progress)(const char *what, double done, double total, const char *unit, void *user);

#ifdef __cplusplus
}
#endif
#endif
