/* version.c - which build this is. The LF_*_TEXT definitions come from CMakeLists.txt, refreshed at each configure. */
#include "foundry/foundry.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <yaml.h>

const char *lf_version(void) { return LF_VERSION_TEXT; }

const char *lf_build_info(void) { return "commit " LF_COMMIT_TEXT ", " LF_COMPILER_TEXT ", rungs: " LF_RUNGS_TEXT; }

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char libraries[96];

static void make_libraries(void)
{
    snprintf(libraries, sizeof libraries, "libyaml %s, jansson %s", yaml_get_version_string(), jansson_version_str());
}

const char *lf_libraries(void)
{
    pthread_once(&once, make_libraries);
    return libraries;
}
