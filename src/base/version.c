/* version.c - which build this is. The LF_*_TEXT definitions come from CMakeLists.txt, refreshed at each configure. */
#include "foundry/foundry.h"

const char *lf_version(void) { return LF_VERSION_TEXT; }

const char *lf_build_info(void) { return "commit " LF_COMMIT_TEXT ", " LF_COMPILER_TEXT ", rungs: " LF_RUNGS_TEXT; }
